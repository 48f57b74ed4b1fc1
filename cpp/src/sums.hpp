// Sums in an order of their own, which vectorises and depends on nothing but how many terms there are.
#pragma once

#include "deltarule/types.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace deltarule {

// sums_i = scale sum_j term(i, j), i < n and j < m; with `adds`, added. Partial sums of 64 terms keep
// the rounding of long sums small.
template <class Scalar, class Term>
void sum_columns(Index n, Index m, Scalar scale, Scalar* sums, bool adds, Term term) {
  constexpr Index rows_at_once = 64, columns_at_once = 64;
  std::array<Scalar, rows_at_once> total, part;
  for (Index first = 0; first < n; first += rows_at_once) {
    const Index rows = std::min(rows_at_once, n - first);
    Scalar* const whole = total.data();
    Scalar* const some = part.data();
    std::fill_n(whole, rows, Scalar(0));
    for (Index from = 0; from < m; from += columns_at_once) {
      const Index to = std::min(m, from + columns_at_once);
      std::fill_n(some, rows, Scalar(0));
      for (Index j = from; j < to; ++j)
#pragma omp simd
        for (Index i = 0; i < rows; ++i) some[i] += term(first + i, j);
#pragma omp simd
      for (Index i = 0; i < rows; ++i) whole[i] += some[i];
    }
    Scalar* const out = sums + first;
    if (adds)
#pragma omp simd
      for (Index i = 0; i < rows; ++i) out[i] += scale * whole[i];
    else
#pragma omp simd
      for (Index i = 0; i < rows; ++i) out[i] = scale * whole[i];
  }
}

// sum_i term(i), i < n
template <class Scalar, class Term>
Scalar sum_of(Index n, Term term) {
  constexpr Index lanes = 16;
  std::array<Scalar, lanes> part{};
  Scalar* const some = part.data();
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
#pragma omp simd
    for (Index k = 0; k < lanes; ++k) some[k] += term(i + k);
  for (Index k = 0; i + k < n; ++k) some[k] += term(i + k);
  for (Index half = lanes / 2; half > 0; half /= 2)
    for (Index k = 0; k < half; ++k) some[k] += some[k + half];
  return some[0];
}

}  // namespace deltarule
