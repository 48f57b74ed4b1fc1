// Every W[l]^T that a backward pass wants, kept so that one transposition serves all of its slices.
#pragma once

#include "base/memory.hpp"
#include "network/plan.hpp"

#include <vector>

namespace deltarule {

template <class Scalar>
class TransposedWeights {
 public:
  explicit TransposedWeights(const Plan<Scalar>& plan);
  TransposedWeights(const TransposedWeights&) = delete;
  TransposedWeights& operator=(const TransposedWeights&) = delete;

  // W[l]^T (n[l-1], n[l]), or null where it is not worth keeping.
  const Scalar* operator()(Index l) const { return kept_[static_cast<std::size_t>(l)]; }
  void copy(const Scalar* parameters);
  void copy(const Scalar* parameters, const Tile& tile);

 private:
  const Plan<Scalar>& plan_;
  Buffer<Scalar> memory_;
  std::vector<Scalar*> kept_;  // that of index 0 is unused
};

}  // namespace deltarule
