#include "deltarule/prelu.hpp"

#include "sums.hpp"

namespace deltarule {

template <class Scalar>
void prelu_forward(const ConstMatrixRef<Scalar>& A, const Scalar* slope, MatrixRef<Scalar> Z) {
  for (Index j = 0; j < A.cols(); ++j) {
    const Scalar* const a = A.col(j).data();
    Scalar* const z = Z.col(j).data();
#pragma omp simd
    for (Index i = 0; i < A.rows(); ++i) z[i] = a[i] > Scalar(0) ? a[i] : slope[i] * a[i];
  }
}

template <class Scalar>
void prelu_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                          const Scalar* slope, MatrixRef<Scalar> dA) {
  for (Index j = 0; j < A.cols(); ++j) {
    const Scalar *const a = A.col(j).data(), *const dz = dZ.col(j).data();
    Scalar* const da = dA.col(j).data();
#pragma omp simd
    for (Index i = 0; i < A.rows(); ++i) da[i] = a[i] > Scalar(0) ? dz[i] : slope[i] * dz[i];
  }
}

template <class Scalar>
void prelu_backward_slope(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                          Scalar scale, Scalar* d_slope, bool adds) {
  const Scalar *const a = A.data(), *const dz = dZ.data();
  const Index a_stride = A.outerStride(), dz_stride = dZ.outerStride();
  sum_columns<Scalar>(A.rows(), A.cols(), d_slope, nullptr, adds, [=](Index i, Index j) {
    const Scalar below = a[j * a_stride + i];
    return Two<Scalar>{below > Scalar(0) ? Scalar(0) : scale * dz[j * dz_stride + i] * below, 0};
  });
}

#define DELTARULE_INSTANTIATE(Scalar)                                                      \
  template void prelu_forward<Scalar>(const ConstMatrixRef<Scalar>&, const Scalar*,        \
                                      MatrixRef<Scalar>);                                  \
  template void prelu_backward_input<Scalar>(const ConstMatrixRef<Scalar>&,                \
                                             const ConstMatrixRef<Scalar>&, const Scalar*, \
                                             MatrixRef<Scalar>);                           \
  template void prelu_backward_slope<Scalar>(                                              \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, Scalar, Scalar*, bool);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
