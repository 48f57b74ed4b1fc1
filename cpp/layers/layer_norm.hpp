// Each example to mean 0 and variance 1 over its units, then gamma times it plus beta (Ba et al. 2016).
// What an example caches is its mean and the inverse of its deviation.
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct LayerNorm {
  double epsilon = 1e-5;

  static constexpr const char* name = "layer_norm";
  static constexpr std::tuple fields{Field{"epsilon", &LayerNorm::epsilon}};
  static constexpr LayerTraits traits{};

  LayerSizes sizes(Index n_prev, const std::string&) const {
    return {.n = n_prev, .parameters = 2 * n_prev, .cached = 2};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    const Scalar* const gamma = c.parameters;
    kernels<Scalar>().normalization.layer_forward(c.A_prev, gamma, gamma + c.Z.rows, epsilon,
                                                  c.own.data, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().normalization.layer_backward_input(c.dZ, c.A_prev, c.own, c.parameters,
                                                         c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    kernels<Scalar>().normalization.layer_backward_parameters(
        c.dZ, c.A_prev, c.own, c.scale, c.gradients, c.gradients + c.dZ.rows, c.adds);
  }
};

}  // namespace deltarule
