// What training reads, and what it tells of itself.
#pragma once

#include "base/examples.hpp"

#include <cstdint>

namespace deltarule {

// The whole training set, as the caller holds it. Y is rows of n[L] numbers, or labels are given.
struct TrainingSet {
  Examples X;
  Examples Y;
  const std::int64_t* labels = nullptr;
  const double* weights = nullptr;  // null: every example weighs 1
};

// A batch: examples order[first ... first + count), or first ... where there is no order.
struct Batch {
  const std::int64_t* order = nullptr;
  Index first = 0, count = 0;
  Index behind = 0;  // examples of the same order that come after these

  Index batches(Index batch_size) const { return (count + batch_size - 1) / batch_size; }
  // Batch b of them, the last one smaller where it must be.
  Batch part(Index b, Index batch_size) const {
    const Index done = b * batch_size;
    const Index some = batch_size < count - done ? batch_size : count - done;
    return {order, first + done, some, count - done - some};
  }
};

struct BatchCost {
  double sum = 0.0;     // of the examples' weighted losses
  double weight = 0.0;  // of the examples; the cost is sum / weight
};

struct RunResult {
  Index steps = 0;           // batches whose update was made
  bool non_finite = false;   // the next batch's cost is not finite: its update was not made
  bool interrupted = false;  // stopped when asked to; the next batch's update was not made
};

}  // namespace deltarule
