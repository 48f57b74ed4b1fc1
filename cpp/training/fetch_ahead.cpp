#include "training/fetch_ahead.hpp"

#include <algorithm>
#include <cstddef>

namespace deltarule {
namespace {

// Rows of more bytes than this together would push out what is worked on.
constexpr Index most_bytes = 64 * 1024;

// Inline in a function of another file, for GCC takes one that does nothing but fetch for one that does
// nothing, and leaves out its calls.
[[gnu::always_inline]] inline void fetch(const void* from, Index bytes) {
  constexpr Index line = 64;
  for (Index at = 0; at < bytes; at += line)
    __builtin_prefetch(static_cast<const std::byte*>(from) + at, 0, 2);
}

// How many bytes a row takes whose numbers lie side by side, else 0.
Index bytes_of_row(const Examples& examples) {
  const Index size = size_of(examples.type);
  return examples.is_sparse() || examples.feature_stride != size ? 0 : examples.features * size;
}

}  // namespace

void fetch_ahead(const TrainingSet& set, const Batch& batch, Index first, Index count) {
  if (!batch.order) return;  // they lie in turn, which a processor sees
  const Index bytes_of_X = bytes_of_row(set.X), bytes_of_Y = bytes_of_row(set.Y);
  if (count * (bytes_of_X + bytes_of_Y) > most_bytes) return;
  const Index last = std::min(first + count, batch.count + batch.behind);
  for (Index j = first; j < last; ++j) {
    const auto example = static_cast<Index>(batch.order[batch.first + j]);
    fetch(set.X.row(example), bytes_of_X);
    if (set.labels)
      __builtin_prefetch(set.labels + example);
    else
      fetch(set.Y.row(example), bytes_of_Y);
    if (set.weights) __builtin_prefetch(set.weights + example);
  }
}

}  // namespace deltarule
