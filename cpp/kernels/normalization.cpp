#include "kernels/normalization.hpp"

#include "kernels/sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace deltarule {
namespace {

template <class Scalar>
void column_moments(View<const Scalar> A, Scalar* mean, Scalar* squares) {
  if (A.columns == 0) {
    std::fill_n(mean, A.rows, Scalar(0));
    std::fill_n(squares, A.rows, Scalar(0));
    return;
  }
  // Of the distances from the first column: small, as the mean is, where the numbers lie close.
  sum_columns<Scalar>(A.rows, A.columns, mean, squares, false, [=](Index i, Index j) {
    const Scalar d = A(i, j) - A(i, 0);
    return Two<Scalar>{d, d * d};
  });
  const Scalar share = Scalar(1) / static_cast<Scalar>(A.columns);
  for (Index i = 0; i < A.rows; ++i) {
    const Scalar sum = mean[i], rest = squares[i] - share * sum * sum;
    squares[i] = rest < Scalar(0) ? Scalar(0) : rest;
    mean[i] = A(i, 0) + share * sum;
  }
}

template <class Scalar>
void merge_moments(Index n, Index total, Scalar* mean, Scalar* squares, Index count,
                   const Scalar* more_mean, const Scalar* more_squares) {
  if (total + count == 0) return;
  const auto share = static_cast<Scalar>(count) / static_cast<Scalar>(total + count);
  const Scalar both = share * static_cast<Scalar>(total);
  for (Index i = 0; i < n; ++i) {
    const Scalar apart = more_mean[i] - mean[i];
    mean[i] += share * apart;
    squares[i] += more_squares[i] + both * apart * apart;
  }
}

template <class Scalar>
void inverse_deviation(Index n, const Scalar* variance, Scalar epsilon, Scalar* inverse) {
  for (Index i = 0; i < n; ++i) inverse[i] = Scalar(1) / std::sqrt(variance[i] + epsilon);
}

template <class Scalar>
void unit_forward(View<const Scalar> A, UnitMoments<Scalar> moments, const Scalar* gamma,
                  const Scalar* beta, View<Scalar> Z) {
  constexpr Index rows_at_once = 64;
  std::array<Scalar, rows_at_once> factor, shift;
  Scalar *const s = factor.data(), *const t = shift.data();
  for (Index row = 0; row < A.rows; row += rows_at_once) {
    const Index rows = std::min(rows_at_once, A.rows - row);
    const Scalar* const mean = moments.mean + row;
    for (Index i = 0; i < rows; ++i) {
      s[i] = moments.inverse[row + i] * (gamma ? gamma[row + i] : Scalar(1));
      t[i] = beta ? beta[row + i] : Scalar(0);
    }
    for (Index j = 0; j < A.columns; ++j) {
      const Scalar* const from = A.column(j) + row;
      Scalar* const z = Z.column(j) + row;
#pragma omp simd
      for (Index i = 0; i < rows; ++i) z[i] = (from[i] - mean[i]) * s[i] + t[i];
    }
  }
}

template <class Scalar>
void unit_backward_parameters(View<const Scalar> dZ, View<const Scalar> A,
                              UnitMoments<Scalar> moments, Scalar scale, Scalar* d_gamma,
                              Scalar* d_beta, bool adds) {
  const Scalar *const mean = moments.mean, *const inverse = moments.inverse;
  sum_columns<Scalar>(A.rows, A.columns, d_gamma, d_beta, adds, [=](Index i, Index j) {
    const Scalar d = scale * dZ(i, j);
    return Two<Scalar>{d * ((A(i, j) - mean[i]) * inverse[i]), d};
  });
}

template <class Scalar>
void unit_backward_input(View<const Scalar> dZ, UnitMoments<Scalar> moments, const Scalar* gamma,
                         View<Scalar> dA) {
  const Scalar* const inverse = moments.inverse;
  for (Index j = 0; j < dZ.columns; ++j) {
    const Scalar* const dz = dZ.column(j);
    Scalar* const da = dA.column(j);
    if (gamma) {
#pragma omp simd
      for (Index i = 0; i < dZ.rows; ++i) da[i] = dz[i] * (gamma[i] * inverse[i]);
    } else {
#pragma omp simd
      for (Index i = 0; i < dZ.rows; ++i) da[i] = dz[i] * inverse[i];
    }
  }
}

// dA = s dZ - k (A - mean) - c, whose s, k and c are each unit's own.
template <class Scalar>
void batch_backward_input(View<const Scalar> dZ, View<const Scalar> A, UnitMoments<Scalar> moments,
                          const Scalar* gamma, const Scalar* d_gamma, const Scalar* d_beta, Index m,
                          View<Scalar> dA) {
  constexpr Index rows_at_once = 64;
  const Scalar share = Scalar(1) / static_cast<Scalar>(m);
  std::array<Scalar, rows_at_once> of_dz, of_a, apart;
  Scalar *const s = of_dz.data(), *const k = of_a.data(), *const c = apart.data();
  for (Index row = 0; row < dZ.rows; row += rows_at_once) {
    const Index rows = std::min(rows_at_once, dZ.rows - row);
    const Scalar *const mean = moments.mean + row, *const inverse = moments.inverse + row;
    for (Index i = 0; i < rows; ++i) {
      s[i] = gamma[row + i] * inverse[i];
      k[i] = s[i] * inverse[i] * share * d_gamma[row + i];
      c[i] = s[i] * share * d_beta[row + i];
    }
    for (Index j = 0; j < dZ.columns; ++j) {
      const Scalar *const from = A.column(j) + row, *const d = dZ.column(j) + row;
      Scalar* const da = dA.column(j) + row;
#pragma omp simd
      for (Index i = 0; i < rows; ++i) da[i] = s[i] * d[i] - k[i] * (from[i] - mean[i]) - c[i];
    }
  }
}

template <class Scalar>
void layer_forward(View<const Scalar> A, const Scalar* gamma, const Scalar* beta, double epsilon,
                   Scalar* moments, View<Scalar> Z) {
  const Index n = A.rows;
  if (n == 0) {
    if (moments) std::fill_n(moments, 2 * A.columns, Scalar(0));
    return;
  }
  const Scalar share = Scalar(1) / static_cast<Scalar>(n);
  for (Index j = 0; j < A.columns; ++j) {
    const Scalar* const a = A.column(j);
    Scalar* const z = Z.column(j);
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
void layer_backward_input(View<const Scalar> dZ, View<const Scalar> A, View<const Scalar> moments,
                          const Scalar* gamma, View<Scalar> dA) {
  const Index n = A.rows;
  const Scalar share = Scalar(1) / static_cast<Scalar>(n);
  for (Index j = 0; j < A.columns; ++j) {
    const Scalar *const a = A.column(j), *const dz = dZ.column(j);
    Scalar* const da = dA.column(j);
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
void layer_backward_parameters(View<const Scalar> dZ, View<const Scalar> A,
                               View<const Scalar> moments, Scalar scale, Scalar* d_gamma,
                               Scalar* d_beta, bool adds) {
  sum_columns<Scalar>(A.rows, A.columns, d_gamma, d_beta, adds, [=](Index i, Index j) {
    const Scalar d = scale * dZ(i, j);
    return Two<Scalar>{d * ((A(i, j) - moments(0, j)) * moments(1, j)), d};
  });
}

}  // namespace

template <class Scalar>
NormalizationKernels<Scalar> normalization_kernels() {
  return {.column_moments = column_moments<Scalar>,
          .merge_moments = merge_moments<Scalar>,
          .inverse_deviation = inverse_deviation<Scalar>,
          .unit_forward = unit_forward<Scalar>,
          .unit_backward_parameters = unit_backward_parameters<Scalar>,
          .unit_backward_input = unit_backward_input<Scalar>,
          .batch_backward_input = batch_backward_input<Scalar>,
          .layer_forward = layer_forward<Scalar>,
          .layer_backward_input = layer_backward_input<Scalar>,
          .layer_backward_parameters = layer_backward_parameters<Scalar>};
}
template NormalizationKernels<float> normalization_kernels();
template NormalizationKernels<double> normalization_kernels();

}  // namespace deltarule
