// Losses: the per-example loss of A[L] against Y, and the gradient that starts the backward pass.
#pragma once

#include "base/view.hpp"

#include <cstdint>

namespace deltarule {

// What the examples of a batch are held against: Y (n, m), or one class label an example (where the
// loss takes labels), and the weight of each example, if they differ.
template <class Scalar>
struct Target {
  const Scalar* Y = nullptr;             // column-major, n apart
  const std::int64_t* labels = nullptr;  // in [0, n)
  const Scalar* weights = nullptr;

  Target from(Index first, Index n) const {
    return {Y ? Y + first * n : nullptr, labels ? labels + first : nullptr,
            weights ? weights + first : nullptr};
  }
};

// The hyper-parameters of the losses, of which each reads its own.
struct LossParameters {
  double delta = 1.0, gamma = 2.0;
  double weight_of_one = 1.0, weight_of_zero = 1.0;  // what class 1 and class 0 weigh
  double label_smoothing = 0.0;    // s: y becomes (1 - s) y + s / (number of classes)
  const double* levels = nullptr;  // k of them; output i is at level i mod k
  Index level_count = 0;
  // What a mean over the outputs is multiplied by, and its derivative: scikit-learn's squared error
  // over several outputs reports half of the mean and goes down half of the sum.
  double cost_factor = 1.0, gradient_factor = 1.0;
};

// From the output A = g(Z): returns sum_j w_j loss(a_j, y_j) and writes dA (n, m), scaled by w; where
// |d| has a kink its derivative is 0. Or from the logits Z of a fused pair: the same sum, and dZ. A
// and dA may be the same memory.
template <class Scalar>
using LossFunction = double (*)(const LossParameters& parameters, View<const Scalar> A,
                                const Target<Scalar>& target, View<Scalar> dA);

struct LossRow {
  const char* name;
  bool sums_over_classes;    // so that a label may stand for its one-hot column
  const char* fused_output;  // the activation with which there is a form from the logits, or null
};

// One function a loss, in the table's order; null where there is no form from the logits.
template <class Scalar>
struct LossKernels {
  const LossFunction<Scalar>*from_output, *from_logits;
};

template <class Scalar>
LossKernels<Scalar> loss_kernels();

}  // namespace deltarule
