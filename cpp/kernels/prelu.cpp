#include "kernels/prelu.hpp"

#include "kernels/sums.hpp"

namespace deltarule {
namespace {

template <class Scalar>
void prelu_forward(View<const Scalar> A, const Scalar* slope, View<Scalar> Z) {
  for (Index j = 0; j < A.columns; ++j) {
    const Scalar* const a = A.column(j);
    Scalar* const z = Z.column(j);
#pragma omp simd
    for (Index i = 0; i < A.rows; ++i) z[i] = a[i] > Scalar(0) ? a[i] : slope[i] * a[i];
  }
}

template <class Scalar>
void prelu_backward_input(View<const Scalar> dZ, View<const Scalar> A, const Scalar* slope,
                          View<Scalar> dA) {
  for (Index j = 0; j < A.columns; ++j) {
    const Scalar *const a = A.column(j), *const dz = dZ.column(j);
    Scalar* const da = dA.column(j);
#pragma omp simd
    for (Index i = 0; i < A.rows; ++i) da[i] = a[i] > Scalar(0) ? dz[i] : slope[i] * dz[i];
  }
}

template <class Scalar>
void prelu_backward_slope(View<const Scalar> dZ, View<const Scalar> A, Scalar scale,
                          Scalar* d_slope, bool adds) {
  const Scalar *const a = A.data, *const dz = dZ.data;
  const Index a_stride = A.stride, dz_stride = dZ.stride;
  sum_columns<Scalar>(A.rows, A.columns, d_slope, nullptr, adds, [=](Index i, Index j) {
    const Scalar below = a[j * a_stride + i];
    return Two<Scalar>{below > Scalar(0) ? Scalar(0) : scale * dz[j * dz_stride + i] * below, 0};
  });
}

}  // namespace

template <class Scalar>
PReluKernels<Scalar> prelu_kernels() {
  return {.forward = prelu_forward<Scalar>,
          .backward_input = prelu_backward_input<Scalar>,
          .backward_slope = prelu_backward_slope<Scalar>};
}
template PReluKernels<float> prelu_kernels();
template PReluKernels<double> prelu_kernels();

}  // namespace deltarule
