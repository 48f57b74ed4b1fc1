// Losses: the per-example loss of A[L] against Y, and the gradient that starts the backward pass.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/types.hpp"

#include <cstdint>
#include <span>
#include <string_view>

namespace deltarule {

enum class Loss {
  mean_squared_error,         // mean over outputs of (a - y)^2
  binary_cross_entropy,       // mean over outputs of -(y log a + (1 - y) log(1 - a))
  categorical_cross_entropy,  // sum over classes of -y log a
};

struct LossName {
  std::string_view name;
  Loss loss;
};
std::span<const LossName> loss_names();

// What the examples of a batch are held against: Y (n, m), or one class label an example
// (categorical_cross_entropy alone), and the weight of each example, if they differ.
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

// Is there a form from the logits that is exact and cannot overflow? sigmoid with binary and
// softmax with categorical cross-entropy.
bool fused_with_output(Loss loss, Activation output);

// From the output A = g(Z): returns sum_j w_j loss(a_j, y_j) and writes dA (n, m), scaled by w.
template <class Scalar>
double loss_backward(Loss loss, const ConstMatrixRef<Scalar>& A, const Target<Scalar>& target,
                     MatrixRef<Scalar> dA);

// From the logits Z of a fused pair: the same sum, and dZ = (A - Y) w (over n for binary
// cross-entropy, which is a mean over outputs). Z and dZ may be the same memory.
template <class Scalar>
double loss_backward_from_logits(Loss loss, const ConstMatrixRef<Scalar>& Z,
                                 const Target<Scalar>& target, MatrixRef<Scalar> dZ);

}  // namespace deltarule
