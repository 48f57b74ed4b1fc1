// Z = A_prev: an activation alone
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct Identity {
  static constexpr const char* name = "activation";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{.activation_alone = true, .passes_back = true};

  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    if (c.Z.data != c.A_prev.data) kernels<Scalar>().vectors.copy(c.A_prev, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    if (c.dA_prev.data != c.dZ.data) kernels<Scalar>().vectors.copy(c.dZ, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}  // it has no parameters
};

}  // namespace deltarule
