// A loss as it is chosen: a row of the kernels' table with its hyper-parameters, or a caller's own.
#pragma once

#include "kernels/dispatch.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace deltarule {

// A loss of the caller's own, as a LossFunction computes the others.
struct CustomLoss {
  template <class Scalar>
  using Function =
      std::function<double(View<const Scalar> A, const Target<Scalar>& target, View<Scalar> dA)>;
  Function<float> of_float;
  Function<double> of_double;
};

class Loss {
 public:
  // The loss of a name, one of loss.cpp's rows; std::nullopt for another.
  static std::optional<Loss> named(std::string_view name);
  explicit Loss(CustomLoss loss)
      : of_the_caller_(std::make_shared<const CustomLoss>(std::move(loss))) {}

  struct HyperParameters : LossParameters {
    std::vector<double> levels_in_turn{0.5};
  };
  HyperParameters hyper_parameters;

  std::string_view name() const;
  // Is it a sum over classes, for which a label may stand for its one-hot column?
  bool takes_labels() const;
  // Is there a form from the logits that is exact and cannot overflow where the loss is finite?
  bool fused_with(Activation output) const;
  bool fused_with_any() const;

  // From the output A = g(Z): returns sum_j w_j loss(a_j, y_j) and writes dA (n, m), scaled by w.
  template <class Scalar>
  double backward(View<const Scalar> A, const Target<Scalar>& target, View<Scalar> dA) const;
  // From the logits Z of a fused pair: the same sum, and dZ. For the cross-entropies and poisson it is
  // (A - Y) w, over n where the loss is a mean. Z and dZ may be the same memory.
  template <class Scalar>
  double backward_from_logits(View<const Scalar> Z, const Target<Scalar>& target,
                              View<Scalar> dZ) const;

 private:
  explicit Loss(std::size_t row) : row_(row) {}
  const LossRow* row() const;
  LossParameters parameters() const;

  std::size_t row_ = 0;  // where it is not the caller's
  std::shared_ptr<const CustomLoss> of_the_caller_;
};

}  // namespace deltarule
