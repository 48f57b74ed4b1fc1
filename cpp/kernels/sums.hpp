// Sums in an order of their own, which vectorises and depends on nothing but how many terms there are.
#pragma once

#include "base/view.hpp"

#include <algorithm>
#include <array>
#include <cstddef>

namespace deltarule {

// What a term adds to each of two sums.
template <class Scalar>
struct Two {
  Scalar first, second;
};

// first_i and second_i: the sums over j of term(i, j), i < n and j < m; with `adds`, added; where
// there is but one, `second` is null. Partial sums of 64 columns keep the rounding of long sums small.
template <class Scalar, class Term>
void sum_columns(Index n, Index m, Scalar* first, Scalar* second, bool adds, Term term) {
  constexpr Index rows_at_once = 64, columns_at_once = 64;
  std::array<Scalar, rows_at_once> total_1, total_2, part_1, part_2;
  Scalar *const whole_1 = total_1.data(), *const whole_2 = total_2.data();
  Scalar *const some_1 = part_1.data(), *const some_2 = part_2.data();
  for (Index row = 0; row < n; row += rows_at_once) {
    const Index rows = std::min(rows_at_once, n - row);
    std::fill_n(whole_1, rows, Scalar(0));
    std::fill_n(whole_2, rows, Scalar(0));
    for (Index from = 0; from < m; from += columns_at_once) {
      const Index to = std::min(m, from + columns_at_once);
      std::fill_n(some_1, rows, Scalar(0));
      std::fill_n(some_2, rows, Scalar(0));
      Index j = from;
      for (; j + 4 <= to; j += 4)
#pragma omp simd
        for (Index i = 0; i < rows; ++i) {
          const Two<Scalar> a = term(row + i, j), b = term(row + i, j + 1);
          const Two<Scalar> c = term(row + i, j + 2), d = term(row + i, j + 3);
          some_1[i] += (a.first + b.first) + (c.first + d.first);
          some_2[i] += (a.second + b.second) + (c.second + d.second);
        }
      for (; j < to; ++j)
#pragma omp simd
        for (Index i = 0; i < rows; ++i) {
          const Two<Scalar> a = term(row + i, j);
          some_1[i] += a.first;
          some_2[i] += a.second;
        }
#pragma omp simd
      for (Index i = 0; i < rows; ++i) {
        whole_1[i] += some_1[i];
        whole_2[i] += some_2[i];
      }
    }
    for (Index i = 0; i < rows; ++i) {
      first[row + i] = adds ? first[row + i] + whole_1[i] : whole_1[i];
      if (second) second[row + i] = adds ? second[row + i] + whole_2[i] : whole_2[i];
    }
  }
}

// The sums of term(i), i < n.
template <class Scalar, class Term>
Two<Scalar> sums_of(Index n, Term term) {
  constexpr Index lanes = 16;
  std::array<Scalar, lanes> part_1{}, part_2{};
  Scalar *const some_1 = part_1.data(), *const some_2 = part_2.data();
  Index i = 0;
  for (; i + lanes <= n; i += lanes)
#pragma omp simd
    for (Index lane = 0; lane < lanes; ++lane) {
      const Two<Scalar> a = term(i + lane);
      some_1[lane] += a.first;
      some_2[lane] += a.second;
    }
  for (Index lane = 0; i + lane < n; ++lane) {
    const Two<Scalar> a = term(i + lane);
    some_1[lane] += a.first;
    some_2[lane] += a.second;
  }
  Two<Scalar> sums{0, 0};
  for (Index lane = 0; lane < 4; ++lane) {
    sums.first += (some_1[lane] + some_1[lane + 4]) + (some_1[lane + 8] + some_1[lane + 12]);
    sums.second += (some_2[lane] + some_2[lane + 4]) + (some_2[lane + 8] + some_2[lane + 12]);
  }
  return sums;
}

// sum_i term(i), i < n
template <class Scalar, class Term>
Scalar sum_of(Index n, Term term) {
  return sums_of<Scalar>(n, [=](Index i) { return Two<Scalar>{term(i), Scalar(0)}; }).first;
}

}  // namespace deltarule
