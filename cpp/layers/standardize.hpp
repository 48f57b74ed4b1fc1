// Z = (A_prev - mean) / deviation, each unit's own, which no step changes
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct Standardize {
  static constexpr const char* name = "standardize";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{.normalizes_units = true};
  static constexpr double epsilon = 0.0;  // a variance that was given is taken as it is

  LayerSizes sizes(Index n_prev, const std::string&) const {
    return {.n = n_prev, .statistics = 2 * n_prev};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().normalization.unit_forward(c.A_prev, c.moments, nullptr, nullptr, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().normalization.unit_backward_input(c.dZ, c.moments, nullptr, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}  // it has no parameters
};

}  // namespace deltarule
