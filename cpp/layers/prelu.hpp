// Z = A_prev where it is above 0, else a slope of the unit's own times it (He et al. 2015).
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct PRelu {
  static constexpr const char* name = "prelu";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{};

  LayerSizes sizes(Index n_prev, const std::string&) const {
    return {.n = n_prev, .parameters = n_prev};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().prelu.forward(c.A_prev, c.parameters, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().prelu.backward_input(c.dZ, c.A_prev, c.parameters, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    kernels<Scalar>().prelu.backward_slope(c.dZ, c.A_prev, c.scale, c.gradients, c.adds);
  }
};

}  // namespace deltarule
