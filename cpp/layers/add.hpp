// Z = A_prev + A[from], as many units: the end of a residual block (He et al. 2016). What A[from] gets
// back is dZ too: the network adds it, once dA[from] is there.
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct Add {
  Index from = 0;

  static constexpr const char* name = "add";
  static constexpr std::tuple fields{Field{"from", &Add::from}};
  static constexpr LayerTraits traits{};

  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().vectors.add(c.A_prev, c.added, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().vectors.copy(c.dZ, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}  // it has no parameters
};

}  // namespace deltarule
