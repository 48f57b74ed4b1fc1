// The product whose first factor has so few rows that its sums run along the columns of the second.
#pragma once

#include "kernels/product.hpp"
#include "kernels/simd.hpp"
#include "kernels/transpose_block.hpp"

#include <algorithm>
#include <array>

namespace deltarule {

// Few rows, which would leave a register of rows all but empty: the sums of c_ij = a_i . b_j run along
// the columns b_j, as many at a time as a register has lanes. Their order, and so the bits, are others.
template <class Scalar, Index rows>
struct FewRows {
  static constexpr Index lanes = simd::lanes<Scalar>, columns = lanes / rows;
  static constexpr Index terms = terms_a_block<Scalar>;
  using Vec = simd::Vec<Scalar>;

  Scalar alpha;
  const View<const Scalar>& A;
  Factor<Scalar> B;  // with contiguous columns
  const Scalar* bias;
  const View<Scalar>& C;
  bool adds = false;

  // Inline, or a small product would spend its time on handing this over.
  [[gnu::always_inline]] inline void run() const {
    std::array<Scalar, rows * terms> room;
    const Index n = A.rows, k = A.columns;
    std::array<Scalar, lanes> offset{};
    for (Index c = 0; bias && c < columns; ++c) std::copy_n(bias, n, offset.data() + c * rows);
    for (Index first = 0; first < k; first += terms) {
      const Index count = std::min(terms, k - first);
      const Scalar* rows_of_A = A.data + first * A.stride;
      if (A.stride > 1) {  // one row, as it lies, is contiguous
        copy_rows(rows_of_A, count, room.data());
        rows_of_A = room.data();
      }
      if (first == 0 && !adds)
        multiply(rows_of_A, first, count, [&](Index) { return simd::load(offset.data()); });
      else
        multiply(rows_of_A, first, count, [&](Index j) { return load_columns(j); });
    }
  }

 private:
  // The rows of A from a term on, one after another.
  void copy_rows(const Scalar* from, Index count, Scalar* to) const {
    Index p = 0;
    if (A.rows == rows && A.stride == rows)
      for (; p + lanes <= count; p += lanes) {
        Vec row[rows];
        for (Index i = 0; i < rows; ++i) row[i] = simd::load(from + p * rows + i * lanes);
        simd::split_rows<Scalar, rows>(row);
        for (Index i = 0; i < rows; ++i) simd::store(to + i * count + p, row[i]);
      }
    if (p < count) transpose_block(from + p * A.stride, A.stride, A.rows, count - p, to + p, count);
  }

  // Where there are fewer rows or columns than places, the last one takes theirs, too.
  template <class Base>
  void multiply(const Scalar* rows_of_A, Index first, Index count, Base base) const {
    const Index n = C.rows, m = C.columns;
    const Scalar *a[rows], *b[columns];
    for (Index i = 0; i < rows; ++i) a[i] = rows_of_A + std::min(i, n - 1) * count;
    for (Index j = 0; j < m; j += columns) {
      for (Index c = 0; c < columns; ++c)
        b[c] = B.data + std::min(j + c, m - 1) * B.column_stride + first;
      store_columns(j, alpha * products(a, b, count) + base(j));
    }
  }

  // Lane c rows + i: a_i . b_c
  static Vec products(const Scalar* const* a, const Scalar* const* b, Index count) {
    simd::Square<Scalar> sums{};
    const auto add = [&](auto load) {
      Vec of_a[rows];
#pragma GCC unroll 4
      for (Index i = 0; i < rows; ++i) of_a[i] = load(a[i]);
#pragma GCC unroll 16
      for (Index c = 0; c < columns; ++c) {
        const Vec of_b = load(b[c]);
#pragma GCC unroll 4
        for (Index i = 0; i < rows; ++i) sums[c * rows + i] += of_a[i] * of_b;
      }
    };
    Index p = 0;
    for (; p + lanes <= count; p += lanes)
      add([p](const Scalar* from) { return simd::load(from + p); });
    if (p < count)
      add([p, rest = count - p](const Scalar* from) { return simd::load_first(from + p, rest); });
    return simd::sums<Scalar>(sums);
  }

  bool lies_as_lanes(Index j) const {
    return C.rows == rows && C.stride == rows && j + columns <= C.columns;
  }
  Index columns_from(Index j) const { return std::min(columns, C.columns - j); }

  Vec load_columns(Index j) const {
    if (lies_as_lanes(j)) return simd::load(C.data + j * rows);
    std::array<Scalar, lanes> numbers{};
    for (Index c = 0; c < columns_from(j); ++c)
      std::copy_n(C.data + (j + c) * C.stride, C.rows, numbers.data() + c * rows);
    return simd::load(numbers.data());
  }

  void store_columns(Index j, const Vec& result) const {
    if (lies_as_lanes(j)) return simd::store(C.data + j * rows, result);
    std::array<Scalar, lanes> numbers;
    simd::store(numbers.data(), result);
    for (Index c = 0; c < columns_from(j); ++c)
      std::copy_n(numbers.data() + c * rows, C.rows, C.data + (j + c) * C.stride);
  }
};

}  // namespace deltarule
