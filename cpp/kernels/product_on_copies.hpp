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

  // Panel by panel, `count` runs of panel_rows numbers. Columns of A lie too far apart for a processor to
  // see which one comes next, so it is told.
  void copy_panels(Index first, Index count, Index i, Index rows, Scalar* to) const {
    const Scalar* const from = A.data + i * A.row_stride + first * A.column_stride;
    if (A.row_stride != 1) {
      for (Index r = 0; r < rows; r += panel_rows)
        transpose_block(from + r * A.row_stride, A.row_stride, count,
                        std::min(panel_rows, rows - r), to + r * count, panel_rows);
      return;
    }
    constexpr Index line = 64 / static_cast<Index>(sizeof(Scalar)), columns_ahead = 8;
    for (Index p = 0; p < count; ++p) {
      const Scalar* const column = from + p * A.column_stride;
      if (p + columns_ahead < count)
        for (Index r = 0; r < rows; r += line)
          __builtin_prefetch(column + columns_ahead * A.column_stride + r);
      for (Index r = 0; r < rows; r += panel_rows)
        copy_run<panel_rows>(column + r, rows - r, to + r * count + p * panel_rows);
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

  // While the last panel passes a strip, the next strip comes nearer: a block of B may be larger than the
  // second-level cache is.
  void multiply(const Scalar* a_block, const Scalar* b_block, Index first, Index count, Index i,
                Index rows, Index j, Index columns) const {
    for (Index c = 0; c < columns; c += strip_columns) {
      const Scalar* const strip = b_block + c * count;
      const Index in_strip = std::min(strip_columns, columns - c);
      const Index in_next = std::min(strip_columns, columns - c - in_strip);
      Fetcher next(
          {strip + strip_columns * count, in_next * count * static_cast<Index>(sizeof(Scalar))});
      for (Index r = 0; r < rows; r += panel_rows) {
        const Index in_panel = std::min(panel_rows, rows - r);
        const Scalar* const panel = a_block + r * count;
        if (r + panel_rows >= rows && in_next > 0)
          part<true>(panel, strip, first, count, i + r, in_panel, j + c, in_strip, &next)
              .run_rows({0, count});
        else
          part<false>(panel, strip, first, count, i + r, in_panel, j + c, in_strip, nullptr)
              .run_rows({0, count});
      }
    }
  }

  // A panel times a strip.
  template <bool fetches>
  InPlace<Scalar, fetches> part(const Scalar* panel, const Scalar* strip, Index first, Index count,
                                Index i, Index rows, Index j, Index columns,
                                Fetcher* fetcher) const {
    return {alpha,
            panel,
            panel_rows,
            B.row_stride == 1 ? Factor<Scalar>{strip, 1, count}
                              : Factor<Scalar>{strip, strip_columns, 1},
            bias ? bias + i : nullptr,
            C.data + j * C.stride + i,
            C.stride,
            rows,
            columns,
            count,
            adds || first > 0,
            fetcher};
  }
};

}  // namespace deltarule
