// The transpose of a matrix, a square of registers at a time.
#pragma once

#include "base/view.hpp"
#include "kernels/simd.hpp"

#include <algorithm>

namespace deltarule {

// A whole square: unrolled, or the compiler would keep the registers in memory.
template <class Scalar>
[[gnu::always_inline]] inline void transpose_square(const Scalar* from, Index from_stride,
                                                    Scalar* to, Index to_stride) {
  constexpr Index lanes = simd::lanes<Scalar>;
  simd::Square<Scalar> square;
#pragma GCC unroll 16
  for (Index c = 0; c < lanes; ++c) square[c] = simd::load(from + c * from_stride);
  simd::transpose<Scalar>(square);
#pragma GCC unroll 16
  for (Index r = 0; r < lanes; ++r) simd::store(to + r * to_stride, square[r]);
}

// to (columns, rows) := the transpose of from (rows, columns); strides lie between columns.
template <class Scalar>
void transpose_block(const Scalar* from, Index from_stride, Index rows, Index columns, Scalar* to,
                     Index to_stride) {
  constexpr Index lanes = simd::lanes<Scalar>;
  for (Index j = 0; j < columns; j += lanes) {
    const Index wide = std::min(lanes, columns - j);
    for (Index i = 0; i < rows; i += lanes) {
      const Index high = std::min(lanes, rows - i);
      if (wide == lanes && high == lanes) {
        transpose_square(from + j * from_stride + i, from_stride, to + i * to_stride + j,
                         to_stride);
        continue;
      }
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
