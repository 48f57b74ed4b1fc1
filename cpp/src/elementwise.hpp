// Loops over the numbers of matrices, in a form that every compiler vectorises.
#pragma once

#include "deltarule/types.hpp"

namespace deltarule {

// A private header of the core, not a public one: `#pragma omp simd` (no OpenMP runtime) says that
// iterations are independent, so that `in` and `out` may be the same memory.
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

// Is the matrix one run of memory? One long loop beats a loop a column when columns are short.
template <class View>
bool contiguous(const View& matrix) {
  return matrix.outerStride() == matrix.rows() || matrix.cols() <= 1;
}

// The largest number, or a NaN that comes first; a NaN elsewhere is passed over.
template <class Scalar>
Scalar largest_of(const Scalar* numbers, Index size) {
  Scalar largest = numbers[0];
  for (Index i = 1; i < size; ++i) largest = numbers[i] > largest ? numbers[i] : largest;
  return largest;
}

// out := f(in), number by number.
template <class Scalar, class Function>
void map_elements(const ConstMatrixRef<Scalar>& in, MatrixRef<Scalar>& out, Function f) {
  if (contiguous(in) && contiguous(out)) return transform(in.size(), in.data(), out.data(), f);
  for (Index j = 0; j < in.cols(); ++j)
    transform(in.rows(), in.col(j).data(), out.col(j).data(), f);
}

// out := f(left, right), number by number.
template <class Scalar, class Function>
void map_elements(const ConstMatrixRef<Scalar>& left, const ConstMatrixRef<Scalar>& right,
                  MatrixRef<Scalar>& out, Function f) {
  if (contiguous(left) && contiguous(right) && contiguous(out))
    return transform(left.size(), left.data(), right.data(), out.data(), f);
  for (Index j = 0; j < left.cols(); ++j)
    transform(left.rows(), left.col(j).data(), right.col(j).data(), out.col(j).data(), f);
}

}  // namespace deltarule
