// Z = W A_prev + b
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct Dense {
  Index units = 0;

  static constexpr const char* name = "dense";
  static constexpr std::tuple fields{Field{"units", &Dense::units}};
  static constexpr LayerTraits traits{.dense = true};

  LayerSizes sizes(Index n_prev, const std::string& where) const {
    if (units < 1 || units > most_units)
      refuse(where + " has " + std::to_string(units) + " units: expected 1 to " +
             std::to_string(most_units));
    return {.n = units, .parameters = units * (n_prev + 1)};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    const View<const Scalar> W(c.parameters, c.Z.rows, c.A_prev.rows);
    kernels<Scalar>().dense.forward(W, c.parameters + W.size(), c.A_prev, c.Z, false);
  }

  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    const View<const Scalar> W(c.parameters, c.dZ.rows, c.dA_prev.rows);
    kernels<Scalar>().dense.backward_input(W, c.dZ, c.dA_prev, c.W_transposed, c.transposed_stride);
  }

  // Of the inputs that A_prev is: dW (n, inputs), and db behind it
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    const View<Scalar> dW(c.gradients, c.dZ.rows, c.A_prev.rows);
    if (c.A_prev.rows > 0)
      kernels<Scalar>().dense.backward_weights(c.dZ, c.A_prev, c.scale, dW, c.adds, {});
    if (c.with_bias)
      kernels<Scalar>().dense.backward_bias(c.dZ, c.scale, c.gradients + dW.size(), c.adds);
  }
};

}  // namespace deltarule
