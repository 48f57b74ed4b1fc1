// The parametric rectifier: z = a above 0, else slope_i a, with a slope for each unit.
#pragma once

#include "deltarule/types.hpp"

namespace deltarule {

template <class Scalar>
void prelu_forward(const ConstMatrixRef<Scalar>& A, const Scalar* slope, MatrixRef<Scalar> Z);

// dA = dZ above 0, else slope_i dZ; dZ and dA may be the same memory.
template <class Scalar>
void prelu_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                          const Scalar* slope, MatrixRef<Scalar> dA);

// d_slope_i = scale sum_j dz_ij min(a_ij, 0); with `adds`, added
template <class Scalar>
void prelu_backward_slope(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                          Scalar scale, Scalar* d_slope, bool adds = false);

}  // namespace deltarule
