#include "network/finiteness.hpp"

#include "kernels/dispatch.hpp"
#include "threads/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace deltarule {

namespace {

// The numbers that an example has, on the average.
Index numbers_an_example(const Examples& examples) {
  if (!examples.is_sparse()) return examples.features;
  return with_indices(examples, [&](const auto* starts, const auto*) {
    return static_cast<Index>(starts[examples.count] - starts[0]) /
           std::max<Index>(1, examples.count);
  });
}

}  // namespace

template <class Scalar>
NonFinite find_non_finite(const Examples& examples) {
  const bool floats = examples.type == NumberType::float32 || examples.type == NumberType::float64;
  if (!floats) return {};  // integers are
  // As many rows at a time as are worth handing to a thread.
  constexpr Index numbers_a_block = 1 << 16;
  const Index rows =
      std::max<Index>(1, numbers_a_block / std::max<Index>(1, numbers_an_example(examples)));
  const Index blocks = (examples.count + rows - 1) / rows;
  const auto find = kernels<Scalar>().gather.find_non_finite;
  if (blocks <= 1) return find(examples);
  std::vector<NonFinite> found(static_cast<std::size_t>(blocks));
  parallel_for(ThreadPool::size(), blocks, [&](Index block, int) {
    const Index first = block * rows;
    NonFinite in_block = find(examples.rows_from(first, std::min(rows, examples.count - first)));
    if (in_block.example >= 0) in_block.example += first;
    found[static_cast<std::size_t>(block)] = in_block;
  });
  const auto first = std::find_if(found.begin(), found.end(),
                                  [](const NonFinite& of_block) { return of_block.example >= 0; });
  return first == found.end() ? NonFinite{} : *first;
}

template NonFinite find_non_finite<float>(const Examples&);
template NonFinite find_non_finite<double>(const Examples&);

}  // namespace deltarule
