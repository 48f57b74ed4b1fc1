// The product of copies of its factors.
#pragma once

#include "base/thread_room.hpp"
#include "kernels/product.hpp"
#include "kernels/product_in_place.hpp"
#include "kernels/simd.hpp"
#include "kernels/transpose_block.hpp"

#include <algorithm>
#include <cstring>

namespace deltarule {

// The product on copies, for factors that leave the cache or lie pages apart: a block of B in strips
// of columns, each of which stays in the first-level cache while a block of A, in panels of rows,
// passes it from the second-level cache.
template <class Scalar>
struct OnCopies {
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index terms = terms_a_block<Scalar>;
  static constexpr Index panel_rows = 3 * lanes, strip_columns = 8;
  static constexpr Index block_rows = 4 * panel_rows, most_columns = 512;

  static constexpr Index bytes_of_room =
      (block_rows + most_columns) * terms * static_cast<Index>(sizeof(Scalar));

  Scalar alpha;
  Factor<Scalar> A, B;
  const Scalar* bias;
  const View<Scalar>& C;
  Index k;
  bool adds = false;

  void run(const ThreadRoom& room) const {
    auto* const a_block = static_cast<Scalar*>(room.data());
    Scalar* const b_block = a_block + block_rows * terms;
    const Index n = C.rows, m = C.columns;
    // Few rows leave nothing to gain from a block of B that outlasts them.
    const Index block_columns = n <= block_rows ? 256 : most_columns;
    for (Index first = 0; first < k; first += terms) {
      const Index count = std::min(terms, k - first);
      for (Index j = 0; j < m; j += block_columns) {
        const Index columns = std::min(block_columns, m - j);
        copy_strips(first, count, j, columns, b_block);
        for (Index i = 0; i < n; i += block_rows) {
          const Index rows = std::min(block_rows, n - i);
          copy_panels(first, count, i, rows, a_block);
          multiply(a_block, b_block, first, count, i, rows, j, columns);
        }
      }
    }
  }

  // Panel by panel, `count` runs of panel_rows numbers.
  void copy_panels(Index first, Index count, Index i, Index rows, Scalar* to) const {
    for (Index r = 0; r < rows; r += panel_rows, to += panel_rows * count) {
      const Index in_panel = std::min(panel_rows, rows - r);
      const Scalar* const from = A.data + (i + r) * A.row_stride + first * A.column_stride;
      if (A.row_stride == 1)
        for (Index p = 0; p < count; ++p)
          copy_run<panel_rows>(from + p * A.column_stride, in_panel, to + p * panel_rows);
      else
        transpose_block(from, A.row_stride, count, in_panel, to, panel_rows);
    }
  }

  // As many as there are, and `most` of them mostly.
  template <Index most>
  static void copy_run(const Scalar* from, Index size, Scalar* to) {
    if (size >= most)
      std::memcpy(to, from, most * sizeof(Scalar));
    else
      std::copy_n(from, size, to);
  }

  // Strip by strip, either way round: strip_columns numbers of each term, or each column's terms. B
  // is read the way it lies.
  void copy_strips(Index first, Index count, Index j, Index columns, Scalar* to) const {
    const Scalar* const from = B.data + first * B.row_stride + j * B.column_stride;
    if (B.row_stride == 1) {
      for (Index c = 0; c < columns; ++c)
        std::copy_n(from + c * B.column_stride, count, to + c * count);
      return;
    }
    for (Index p = 0; p < count; ++p)
      for (Index c = 0; c < columns; c += strip_columns)
        copy_run<strip_columns>(from + p * B.row_stride + c, columns - c,
                                to + c * count + p * strip_columns);
  }

  void multiply(const Scalar* a_block, const Scalar* b_block, Index first, Index count, Index i,
                Index rows, Index j, Index columns) const {
    for (Index c = 0; c < columns; c += strip_columns) {
      const Scalar* const strip = b_block + c * count;
      const Factor<Scalar> from_strip = B.row_stride == 1 ? Factor<Scalar>{strip, 1, count}
                                                          : Factor<Scalar>{strip, strip_columns, 1};
      const Index in_strip = std::min(strip_columns, columns - c);
      for (Index r = 0; r < rows; r += panel_rows) {
        InPlace<Scalar>{alpha,
                        a_block + r * count,
                        panel_rows,
                        from_strip,
                        bias ? bias + i + r : nullptr,
                        C.data + (j + c) * C.stride + i + r,
                        C.stride,
                        std::min(panel_rows, rows - r),
                        in_strip,
                        count,
                        adds || first > 0}
            .run_rows({0, count});
      }
    }
  }
};

}  // namespace deltarule
