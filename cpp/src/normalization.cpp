#include "deltarule/normalization.hpp"

#include "sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace deltarule {
namespace {

// Reads a matrix by (row, column) through a bare pointer, which a vectoriser sees through.
template <class Scalar>
struct Numbers {
  const Scalar* data;
  Index stride;
  explicit Numbers(const ConstMatrixRef<Scalar>& matrix)
      : data(matrix.data()), stride(matrix.outerStride()) {}
  const Scalar* column(Index j) const { return data + j * stride; }
  Scalar operator()(Index i, Index j) const { return data[j * stride + i]; }
};

}  // namespace

template <class Scalar>
void column_moments(const ConstMatrixRef<Scalar>& A, VectorRef<Scalar> mean,
                    VectorRef<Scalar> squares) {
  if (A.cols() == 0) {
    mean.setZero();
    squares.setZero();
    return;
  }
  // Of the distances from the first column: small, as the mean is, where the numbers lie close.
  const Numbers<Scalar> a(A);
  sum_columns<Scalar>(A.rows(), A.cols(), mean.data(), squares.data(), false,
                      [=](Index i, Index j) {
                        const Scalar d = a(i, j) - a(i, 0);
                        return Two<Scalar>{d, d * d};
                      });
  const Scalar share = Scalar(1) / static_cast<Scalar>(A.cols());
  for (Index i = 0; i < A.rows(); ++i) {
    const Scalar sum = mean[i], rest = squares[i] - share * sum * sum;
    squares[i] = rest < Scalar(0) ? Scalar(0) : rest;
    mean[i] = a(i, 0) + share * sum;
  }
}

template <class Scalar>
void merge_moments(Index total, VectorRef<Scalar> mean, VectorRef<Scalar> squares, Index count,
                   const ConstVectorRef<Scalar>& more_mean,
                   const ConstVectorRef<Scalar>& more_squares) {
  const auto share = static_cast<Scalar>(count) / static_cast<Scalar>(total + count);
  const Scalar both = share * static_cast<Scalar>(total);
  for (Index i = 0; i < mean.size(); ++i) {
    const Scalar apart = more_mean[i] - mean[i];
    mean[i] += share * apart;
    squares[i] += more_squares[i] + both * apart * apart;
  }
}

template <class Scalar>
void unit_norm_forward(const ConstMatrixRef<Scalar>& A, const UnitMoments<Scalar>& moments,
                       const Scalar* gamma, const Scalar* beta, MatrixRef<Scalar> Z) {
  constexpr Index rows_at_once = 64;
  const Numbers<Scalar> a(A);
  std::array<Scalar, rows_at_once> factor, shift;
  Scalar *const s = factor.data(), *const t = shift.data();
  for (Index row = 0; row < A.rows(); row += rows_at_once) {
    const Index rows = std::min(rows_at_once, A.rows() - row);
    const Scalar* const mean = moments.mean.data() + row;
    for (Index i = 0; i < rows; ++i) {
      s[i] = moments.inverse[row + i] * (gamma ? gamma[row + i] : Scalar(1));
      t[i] = beta ? beta[row + i] : Scalar(0);
    }
    for (Index j = 0; j < A.cols(); ++j) {
      const Scalar* const from = a.column(j) + row;
      Scalar* const z = Z.col(j).data() + row;
#pragma omp simd
      for (Index i = 0; i < rows; ++i) z[i] = (from[i] - mean[i]) * s[i] + t[i];
    }
  }
}

template <class Scalar>
void unit_norm_backward_parameters(const ConstMatrixRef<Scalar>& dZ,
                                   const ConstMatrixRef<Scalar>& A,
                                   const UnitMoments<Scalar>& moments, Scalar scale,
                                   VectorRef<Scalar> d_gamma, VectorRef<Scalar> d_beta, bool adds) {
  const Numbers<Scalar> a(A), dz(dZ);
  const Scalar *const mean = moments.mean.data(), *const inverse = moments.inverse.data();
  sum_columns<Scalar>(A.rows(), A.cols(), d_gamma.data(), d_beta.data(), adds,
                      [=](Index i, Index j) {
                        const Scalar d = scale * dz(i, j);
                        return Two<Scalar>{d * ((a(i, j) - mean[i]) * inverse[i]), d};
                      });
}

template <class Scalar>
void unit_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const UnitMoments<Scalar>& moments,
                              const Scalar* gamma, MatrixRef<Scalar> dA) {
  const Scalar* const inverse = moments.inverse.data();
  for (Index j = 0; j < dZ.cols(); ++j) {
    const Scalar* const dz = dZ.col(j).data();
    Scalar* const da = dA.col(j).data();
    if (gamma) {
#pragma omp simd
      for (Index i = 0; i < dZ.rows(); ++i) da[i] = dz[i] * (gamma[i] * inverse[i]);
    } else {
#pragma omp simd
      for (Index i = 0; i < dZ.rows(); ++i) da[i] = dz[i] * inverse[i];
    }
  }
}

// dA = s dZ - k (A - mean) - c, whose s, k and c are each unit's own.
template <class Scalar>
void batch_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                               const UnitMoments<Scalar>& moments, const Scalar* gamma,
                               const Scalar* d_gamma, const Scalar* d_beta, Index m,
                               MatrixRef<Scalar> dA) {
  constexpr Index rows_at_once = 64;
  const Numbers<Scalar> a(A), dz(dZ);
  const Scalar share = Scalar(1) / static_cast<Scalar>(m);
  std::array<Scalar, rows_at_once> of_dz, of_a, apart;
  Scalar *const s = of_dz.data(), *const k = of_a.data(), *const c = apart.data();
  for (Index row = 0; row < dZ.rows(); row += rows_at_once) {
    const Index rows = std::min(rows_at_once, dZ.rows() - row);
    const Scalar *const mean = moments.mean.data() + row, *const inverse =
                                                              moments.inverse.data() + row;
    for (Index i = 0; i < rows; ++i) {
      s[i] = gamma[row + i] * inverse[i];
      k[i] = s[i] * inverse[i] * share * d_gamma[row + i];
      c[i] = s[i] * share * d_beta[row + i];
    }
    for (Index j = 0; j < dZ.cols(); ++j) {
      const Scalar *const from = a.column(j) + row, *const d = dz.column(j) + row;
      Scalar* const da = dA.col(j).data() + row;
#pragma omp simd
      for (Index i = 0; i < rows; ++i) da[i] = s[i] * d[i] - k[i] * (from[i] - mean[i]) - c[i];
    }
  }
}

template <class Scalar>
void layer_norm_forward(const ConstMatrixRef<Scalar>& A, const Scalar* gamma, const Scalar* beta,
                        double epsilon, Scalar* moments, MatrixRef<Scalar> Z) {
  const Index n = A.rows();
  const Scalar share = Scalar(1) / static_cast<Scalar>(n);
  for (Index j = 0; j < A.cols(); ++j) {
    const Scalar* const a = A.col(j).data();
    Scalar* const z = Z.col(j).data();
    const auto [sum, squares] = sums_of<Scalar>(n, [=](Index i) {
      const Scalar d = a[i] - a[0];  // from the first unit's, so that squares stay small
      return Two<Scalar>{d, d * d};
    });
    const Scalar mean = a[0] + share * sum, rest = share * (squares - share * sum * sum);
    const Scalar variance = rest < Scalar(0) ? Scalar(0) : rest;
    const Scalar inverse = Scalar(1) / std::sqrt(variance + static_cast<Scalar>(epsilon));
    if (moments) {
      moments[2 * j] = mean;
      moments[2 * j + 1] = inverse;
    }
#pragma omp simd
    for (Index i = 0; i < n; ++i) z[i] = (a[i] - mean) * inverse * gamma[i] + beta[i];
  }
}

template <class Scalar>
void layer_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                               const ConstMatrixRef<Scalar>& moments, const Scalar* gamma,
                               MatrixRef<Scalar> dA) {
  const Index n = A.rows();
  const Scalar share = Scalar(1) / static_cast<Scalar>(n);
  for (Index j = 0; j < A.cols(); ++j) {
    const Scalar *const a = A.col(j).data(), *const dz = dZ.col(j).data();
    Scalar* const da = dA.col(j).data();
    const Scalar mean = moments(0, j), inverse = moments(1, j);
    const auto [sum, sum_x] = sums_of<Scalar>(n, [=](Index i) {
      const Scalar d = gamma[i] * dz[i];
      return Two<Scalar>{d, d * ((a[i] - mean) * inverse)};
    });
    const Scalar along_1 = share * sum, along_x = share * sum_x;
#pragma omp simd
    for (Index i = 0; i < n; ++i)
      da[i] = inverse * (gamma[i] * dz[i] - along_1 - (a[i] - mean) * inverse * along_x);
  }
}

template <class Scalar>
void layer_norm_backward_parameters(const ConstMatrixRef<Scalar>& dZ,
                                    const ConstMatrixRef<Scalar>& A,
                                    const ConstMatrixRef<Scalar>& moments, Scalar scale,
                                    VectorRef<Scalar> d_gamma, VectorRef<Scalar> d_beta,
                                    bool adds) {
  const Numbers<Scalar> a(A), dz(dZ), of(moments);
  sum_columns<Scalar>(A.rows(), A.cols(), d_gamma.data(), d_beta.data(), adds,
                      [=](Index i, Index j) {
                        const Scalar d = scale * dz(i, j);
                        return Two<Scalar>{d * ((a(i, j) - of(0, j)) * of(1, j)), d};
                      });
}

#define DELTARULE_INSTANTIATE(Scalar)                                                              \
  template void column_moments<Scalar>(const ConstMatrixRef<Scalar>&, VectorRef<Scalar>,           \
                                       VectorRef<Scalar>);                                         \
  template void merge_moments<Scalar>(Index, VectorRef<Scalar>, VectorRef<Scalar>, Index,          \
                                      const ConstVectorRef<Scalar>&,                               \
                                      const ConstVectorRef<Scalar>&);                              \
  template void unit_norm_forward<Scalar>(const ConstMatrixRef<Scalar>&,                           \
                                          const UnitMoments<Scalar>&, const Scalar*,               \
                                          const Scalar*, MatrixRef<Scalar>);                       \
  template void unit_norm_backward_parameters<Scalar>(                                             \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, const UnitMoments<Scalar>&,    \
      Scalar, VectorRef<Scalar>, VectorRef<Scalar>, bool);                                         \
  template void unit_norm_backward_input<Scalar>(const ConstMatrixRef<Scalar>&,                    \
                                                 const UnitMoments<Scalar>&, const Scalar*,        \
                                                 MatrixRef<Scalar>);                               \
  template void batch_norm_backward_input<Scalar>(                                                 \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, const UnitMoments<Scalar>&,    \
      const Scalar*, const Scalar*, const Scalar*, Index, MatrixRef<Scalar>);                      \
  template void layer_norm_forward<Scalar>(const ConstMatrixRef<Scalar>&, const Scalar*,           \
                                           const Scalar*, double, Scalar*, MatrixRef<Scalar>);     \
  template void layer_norm_backward_input<Scalar>(                                                 \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, \
      const Scalar*, MatrixRef<Scalar>);                                                           \
  template void layer_norm_backward_parameters<Scalar>(                                            \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, \
      Scalar, VectorRef<Scalar>, VectorRef<Scalar>, bool);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
