// Each number of A_prev is 0 with probability `rate`, and 1 / (1 - rate) times itself otherwise; in
// inference Z = A_prev (Srivastava et al. 2014, inverted). What an example caches is its mask.
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct Dropout {
  double rate = 0.0;

  static constexpr const char* name = "dropout";
  static constexpr std::tuple fields{Field{"rate", &Dropout::rate}};
  static constexpr LayerTraits traits{.passes_back = true};

  LayerSizes sizes(Index n_prev, const std::string& where) const {
    if (!(rate >= 0.0 && rate < 1.0))
      refuse(where + " drops at a rate of " + std::to_string(rate) +
             ": expected 0 or more, and less than 1");
    return {.n = n_prev, .cached = n_prev};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    if (!c.training) {
      if (c.Z.data != c.A_prev.data) kernels<Scalar>().vectors.copy(c.A_prev, c.Z);
      return;
    }
    kernels<Scalar>().dropout.mask(rate, c.key, c.first_example, c.own);
    kernels<Scalar>().dropout.apply(c.A_prev, c.own, c.Z);
  }

  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    if (c.training)
      kernels<Scalar>().dropout.apply(c.dZ, c.own, c.dA_prev);
    else if (c.dA_prev.data != c.dZ.data)
      kernels<Scalar>().vectors.copy(c.dZ, c.dA_prev);
  }

  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}  // it has no parameters
};

}  // namespace deltarule
