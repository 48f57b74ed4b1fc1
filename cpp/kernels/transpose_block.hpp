// The transpose of a matrix, a square of registers at a time.
#pragma once

#include "base/view.hpp"
#include "kernels/simd.hpp"

#include <algorithm>

namespace deltarule {

// to (columns, rows) := the transpose of from (rows, columns); strides lie between columns.
template <class Scalar>
void transpose_block(const Scalar* from, Index from_stride, Index rows, Index columns, Scalar* to,
                     Index to_stride) {
  constexpr Index lanes = simd::lanes<Scalar>;
  for (Index j = 0; j < columns; j += lanes) {
    const Index wide = std::min(lanes, columns - j);
    for (Index i = 0; i < rows; i += lanes) {
      const Index high = std::min(lanes, rows - i);
      simd::Square<Scalar> square{};
      for (Index c = 0; c < wide; ++c) {
        const Scalar* const column = from + (j + c) * from_stride + i;
        square[c] = high == lanes ? simd::load(column) : simd::load_first(column, high);
      }
      simd::transpose<Scalar>(square);
      for (Index r = 0; r < high; ++r) {
        Scalar* const column = to + (i + r) * to_stride + j;
        if (wide == lanes)
          simd::store(column, square[r]);
        else
          simd::store_first(column, square[r], wide);
      }
    }
  }
}

}  // namespace deltarule
