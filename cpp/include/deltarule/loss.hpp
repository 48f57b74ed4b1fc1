// Losses: the per-example loss of A[L] against Y, and the gradient that starts the backward pass.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/types.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

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

// A loss of the caller's own, as loss_backward computes the others.
struct CustomLoss {
  template <class Scalar>
  using Function = std::function<double(const ConstMatrixRef<Scalar>& A,
                                        const Target<Scalar>& target, MatrixRef<Scalar> dA)>;
  Function<float> of_float;
  Function<double> of_double;
};

// A kind and its hyper-parameters, of which each kind reads its own.
struct Loss {
  enum Kind : std::uint8_t {
    // Means over the outputs, with d = a - y:
    mean_squared_error,    // d^2
    mean_absolute_error,   // |d|
    huber,                 // d^2 / 2 where |d| <= delta, else delta (|d| - delta / 2)
    log_cosh,              // log cosh d
    quantile,              // level max(-d, 0) + (1 - level) max(d, 0)
    poisson,               // a - y log a
    binary_cross_entropy,  // -(y log a + (1 - y) log(1 - a)), of the smoothed y
    binary_focal,  // -(alpha y (1 - a)^gamma log a + (1 - alpha) (1 - y) a^gamma log(1 - a))
    // Sums over the classes:
    categorical_cross_entropy,  // -y log a, of the smoothed y
    categorical_focal,          // -y (1 - a)^gamma log a
    custom,
  };

  Kind kind = mean_squared_error;
  double delta = 1.0;
  double gamma = 2.0;
  std::optional<double> alpha;      // of class 1, 1 - alpha of class 0; none: each weighs 1
  double label_smoothing = 0.0;     // s: y becomes (1 - s) y + s / (number of classes)
  std::vector<double> levels{0.5};  // k of them; output i is at level i mod k
  // What a mean over the outputs is multiplied by, and its derivative: scikit-learn's squared error
  // over several outputs reports half of the mean and goes down half of the sum.
  double cost_factor = 1.0, gradient_factor = 1.0;
  std::shared_ptr<const CustomLoss> of_the_caller;

  Loss(Kind kind_ = mean_squared_error) : kind(kind_) {}  // a kind with its defaults is a loss
  explicit Loss(CustomLoss loss)
      : kind(custom), of_the_caller(std::make_shared<const CustomLoss>(std::move(loss))) {}
};

using LossKind = Loss::Kind;

struct LossName {
  std::string_view name;
  LossKind loss;
};
std::span<const LossName> loss_names();  // of all but custom

// Is the loss a sum over classes, for which a label may stand for its one-hot column?
bool takes_labels(const Loss& loss);

// Is there a form from the logits that is exact and cannot overflow where the loss is finite?
bool fused_with_output(const Loss& loss, Activation output);

// From the output A = g(Z): returns sum_j w_j loss(a_j, y_j) and writes dA (n, m), scaled by w.
// Where |d| has a kink its derivative is 0.
template <class Scalar>
double loss_backward(const Loss& loss, const ConstMatrixRef<Scalar>& A,
                     const Target<Scalar>& target, MatrixRef<Scalar> dA);

// From the logits Z of a fused pair: the same sum, and dZ. For the cross-entropies and poisson it is
// (A - Y) w, over n where the loss is a mean. Z and dZ may be the same memory.
template <class Scalar>
double loss_backward_from_logits(const Loss& loss, const ConstMatrixRef<Scalar>& Z,
                                 const Target<Scalar>& target, MatrixRef<Scalar> dZ);

}  // namespace deltarule
