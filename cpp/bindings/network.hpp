// A network as Python holds it, and what comes to it as arrays.
#pragma once

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "network/network.hpp"

#include <optional>
#include <unistd.h>

namespace deltarule::bindings {

// How many threads are at work with something. The interpreter's lock guards it; in a child of fork the
// parent's threads are not there.
class Uses {
 public:
  bool any() const { return count_ > 0 && process_ == getpid(); }
  void begin() {
    if (process_ != getpid()) count_ = 0;
    process_ = getpid();
    ++count_;
  }
  void end() { --count_; }

 private:
  int count_ = 0;
  pid_t process_ = 0;
};

template <class Scalar>
struct PyNetwork {
  Network<Scalar> core;
  Uses trainings;       // what they read is not to be changed
  bool adapted = true;  // has the standardising layer, if there is one, its means and variances?

  PyNetwork(Index inputs, const std::vector<Layer>& layers) : core(inputs, layers) {}
};

// The other side of a loss as the caller's arrays: labels (int64), or rows of numbers.
struct PyTarget {
  std::optional<py::array> Y;
  std::optional<Rows<std::int64_t>> labels;
  std::optional<Rows<double>> weights;
};

// One of Y and labels for each of m examples, labels only where the loss takes them, and as many weights.
inline void expect_target(const char* where, const PyTarget& target, const Loss& loss, Index m) {
  if (!target.Y && !target.labels) refuse(where, "there is neither Y nor labels");
  if (target.labels && !loss.takes_labels())
    refuse(where, "y is of labels: expected one number an output, as " + std::string(loss.name()) +
                      " takes no labels");
  const auto expect_rows = [&](const py::array& array, const char* what) {
    if (array.ndim() != 1 || array.shape(0) != m)
      refuse(where, std::string(what) + " has shape " + shape_text(array) + ": expected (" +
                        std::to_string(m) + ",)");
  };
  if (target.labels) expect_rows(*target.labels, "y");
  if (target.weights) expect_rows(*target.weights, "sample_weight");
}

// Is every label of examples order[first ... first + count), or first ..., one of n classes?
inline void expect_labels(const char* where, const std::int64_t* labels, const std::int64_t* order,
                          Index first, Index count, Index n) {
  for (Index j = first; j < first + count; ++j) {
    const Index example = order ? static_cast<Index>(order[j]) : j;
    if (labels[example] < 0 || labels[example] >= n)
      refuse(where, "y[" + std::to_string(example) + "] is " + std::to_string(labels[example]) +
                        ": expected 0 to " + std::to_string(n - 1));
  }
}

}  // namespace deltarule::bindings
