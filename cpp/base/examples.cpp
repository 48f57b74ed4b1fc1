#include "base/examples.hpp"

namespace deltarule {

Examples Examples::rows_from(Index first, Index some) const {
  Examples part = *this;
  part.count = some;
  if (!is_sparse())
    part.data = row(first);
  else if (sparse.wide)
    part.sparse.starts = static_cast<const std::int64_t*>(sparse.starts) + first;
  else
    part.sparse.starts = static_cast<const std::int32_t*>(sparse.starts) + first;
  return part;
}

Examples Examples::features_from(Index first, Index some) const {
  Examples part = *this;
  part.features = some;
  if (is_sparse())
    part.sparse.first_feature += first;
  else
    part.data = static_cast<const std::byte*>(data) + first * feature_stride;
  return part;
}

std::optional<SparseFault> find_sparse_fault(const Examples& examples, Index stored) {
  return with_indices(examples,
                      [&](const auto* starts, const auto* indices) -> std::optional<SparseFault> {
                        std::int64_t least = 0, most = 0;  // the first row starts at 0
                        for (Index e = 0; e <= examples.count; ++e) {
                          if (starts[e] < least || starts[e] > most)
                            return SparseFault{true, e, starts[e], least, most};
                          least = starts[e];
                          most = stored;
                        }
                        for (Index k = 0; k < static_cast<Index>(least); ++k)
                          if (indices[k] < 0 || indices[k] >= examples.features)
                            return SparseFault{false, k, indices[k], 0, examples.features - 1};
                        return std::nullopt;
                      });
}

bool indices_ascend(const Examples& examples) {
  return with_indices(examples, [&](const auto* starts, const auto* indices) {
    for (Index e = 0; e < examples.count; ++e)
      for (auto k = static_cast<Index>(starts[e]) + 1; k < starts[e + 1]; ++k)
        if (indices[k - 1] >= indices[k]) return false;
    return true;
  });
}

}  // namespace deltarule
