// The parametric rectifier: z = a above 0, else slope_i a, with a slope for each unit.
#pragma once

#include "base/view.hpp"

namespace deltarule {

template <class Scalar>
struct PReluKernels {
  void (*forward)(View<const Scalar> A, const Scalar* slope, View<Scalar> Z);
  // dA = dZ above 0, else slope_i dZ; dZ and dA may be the same memory.
  void (*backward_input)(View<const Scalar> dZ, View<const Scalar> A, const Scalar* slope,
                         View<Scalar> dA);
  // d_slope_i = scale sum_j dz_ij min(a_ij, 0); with `adds`, added
  void (*backward_slope)(View<const Scalar> dZ, View<const Scalar> A, Scalar scale, Scalar* d_slope,
                         bool adds);
};

template <class Scalar>
PReluKernels<Scalar> prelu_kernels();

}  // namespace deltarule
