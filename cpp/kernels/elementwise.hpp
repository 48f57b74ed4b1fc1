// Loops over the numbers of matrices, in a form that every compiler vectorises.
#pragma once

#include "base/view.hpp"

namespace deltarule {

// `#pragma omp simd` (no OpenMP runtime) says that iterations are independent, so that `in` and `out`
// may be the same memory.
template <class Scalar, class Function>
void transform(Index size, const Scalar* in, Scalar* out, Function f) {
#pragma omp simd
  for (Index i = 0; i < size; ++i) out[i] = f(in[i]);
}

template <class Scalar, class Function>
void transform(Index size, const Scalar* left, const Scalar* right, Scalar* out, Function f) {
#pragma omp simd
  for (Index i = 0; i < size; ++i) out[i] = f(left[i], right[i]);
}

// The largest number, or a NaN that comes first; a NaN elsewhere is passed over. There is one at least.
template <class Scalar>
Scalar largest_of(const Scalar* numbers, Index size) {
  Scalar largest = numbers[0];
  for (Index i = 1; i < size; ++i) largest = numbers[i] > largest ? numbers[i] : largest;
  return largest;
}

// out := f(in), number by number. One long loop beats a loop a column when columns are short.
template <class Scalar, class Function>
void map_elements(View<const Scalar> in, View<Scalar> out, Function f) {
  if (in.contiguous() && out.contiguous()) return transform(in.size(), in.data, out.data, f);
  for (Index j = 0; j < in.columns; ++j) transform(in.rows, in.column(j), out.column(j), f);
}

// out := f(left, right), number by number.
template <class Scalar, class Function>
void map_elements(View<const Scalar> left, View<const Scalar> right, View<Scalar> out, Function f) {
  if (left.contiguous() && right.contiguous() && out.contiguous())
    return transform(left.size(), left.data, right.data, out.data, f);
  for (Index j = 0; j < left.columns; ++j)
    transform(left.rows, left.column(j), right.column(j), out.column(j), f);
}

}  // namespace deltarule
