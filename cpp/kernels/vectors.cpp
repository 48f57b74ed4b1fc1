#include "kernels/vectors.hpp"

#include "kernels/elementwise.hpp"
#include "kernels/sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace deltarule {
namespace {

template <class Scalar>
void copy(View<const Scalar> A, View<Scalar> C) {
  map_elements<Scalar>(A, C, [](Scalar a) { return a; });
}

template <class Scalar>
void add(View<const Scalar> A, View<const Scalar> B, View<Scalar> C) {
  map_elements<Scalar>(A, B, C, [](Scalar a, Scalar b) { return a + b; });
}

template <class Scalar>
void add_to(View<const Scalar> A, View<Scalar> C) {
  add<Scalar>(C, A, C);
}

template <class Scalar>
void scale(Index count, Scalar factor, Scalar* x) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) x[i] *= factor;
}

template <class Scalar>
void move_towards(Index count, Scalar share, Scalar factor, const Scalar* y, Scalar* x) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) x[i] += share * (factor * y[i] - x[i]);
}

template <class Scalar>
void add_parts(Index count, const Scalar* parts, Index stride, Index part_count, Scalar scale,
               Scalar* to) {
  const auto part = [=](Index k) { return parts + k * stride; };
#pragma omp simd
  for (Index i = 0; i < count; ++i) to[i] = part(0)[i] + part(1)[i];
  for (Index k = 2; k < part_count; ++k)
#pragma omp simd
    for (Index i = 0; i < count; ++i) to[i] += part(k)[i];
#pragma omp simd
  for (Index i = 0; i < count; ++i) to[i] *= scale;
}

template <class Scalar>
double penalize(Index count, double l1, double l2, const Scalar* w, Scalar* g) {
  const auto first = static_cast<Scalar>(l1), second = static_cast<Scalar>(l2);
#pragma omp simd
  for (Index i = 0; i < count; ++i)
    g[i] += second * w[i] + (w[i] > Scalar(0) ? first : w[i] < Scalar(0) ? -first : Scalar(0));
  return sum_of<double>(count, [=](Index i) {
    const auto x = static_cast<double>(w[i]);
    return l1 * std::abs(x) + 0.5 * l2 * x * x;
  });
}

template <class Scalar>
void clip(Index count, Scalar most, Scalar* g) {
#pragma omp simd
  for (Index i = 0; i < count; ++i) g[i] = g[i] > most ? most : g[i] < -most ? -most : g[i];
}

template <class Scalar>
double sum_of_squares(Index count, const Scalar* g) {
  return sum_of<double>(count, [=](Index i) {
    const auto x = static_cast<double>(g[i]);
    return x * x;
  });
}

template <class Scalar>
void limit_row_norms(View<Scalar> W, Scalar most) {
  constexpr Index rows_at_once = 64;
  std::array<Scalar, rows_at_once> factors;
  Scalar* const factor = factors.data();
  for (Index first = 0; first < W.rows; first += rows_at_once) {
    const View<Scalar> part = W.middle_rows(first, std::min(rows_at_once, W.rows - first));
    sum_columns<Scalar>(part.rows, part.columns, factor, nullptr, false,
                        [=](Index i, Index j) { return Two<Scalar>{part(i, j) * part(i, j), 0}; });
    for (Index i = 0; i < part.rows; ++i) {
      const Scalar norm = std::sqrt(factor[i]);
      factor[i] = norm > most ? most / norm : Scalar(1);
    }
    for (Index j = 0; j < part.columns; ++j) {
      Scalar* const w = part.column(j);
#pragma omp simd
      for (Index i = 0; i < part.rows; ++i) w[i] *= factor[i];
    }
  }
}

}  // namespace

template <class Scalar>
VectorKernels<Scalar> vector_kernels() {
  return {.copy = copy<Scalar>,
          .add = add<Scalar>,
          .add_to = add_to<Scalar>,
          .scale = scale<Scalar>,
          .move_towards = move_towards<Scalar>,
          .add_parts = add_parts<Scalar>,
          .penalize = penalize<Scalar>,
          .clip = clip<Scalar>,
          .sum_of_squares = sum_of_squares<Scalar>,
          .limit_row_norms = limit_row_norms<Scalar>};
}
template VectorKernels<float> vector_kernels();
template VectorKernels<double> vector_kernels();

}  // namespace deltarule
