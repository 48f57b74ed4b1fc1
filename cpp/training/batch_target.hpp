// The other side of a batch's loss: Y or labels, and weights, brought together slice by slice.
#pragma once

#include "base/memory.hpp"
#include "kernels/loss.hpp"
#include "network/plan.hpp"
#include "training/training_set.hpp"

#include <cstdint>

namespace deltarule {

template <class Scalar>
class BatchTarget {
 public:
  explicit BatchTarget(Index outputs) : n_(outputs) {}

  // Room for m examples; what has grown stays.
  void make_room(const TrainingSet& set, Index m);
  // Columns `slice` of a batch, on the thread that will use them.
  Target<Scalar> load(const TrainingSet& set, const Batch& batch, Slice slice);

 private:
  Index n_;
  Buffer<Scalar> Y_, weights_;
  Buffer<std::int64_t> labels_;
};

}  // namespace deltarule
