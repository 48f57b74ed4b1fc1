#include "product.hpp"

#include "simd.hpp"
#include "thread_room.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <new>

namespace deltarule {
namespace {

// An A of this size stays in a core's second-level cache while B streams by.
constexpr Index bytes_in_cache = 900 * 1024;
// Columns of C from which on copying the factors pays for itself.
constexpr Index columns_worth_copying = 64;

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

// Fetches memory into the second-level cache, line by line.
class Fetcher {
 public:
  explicit Fetcher(Upcoming upcoming)
      : next_(static_cast<const char*>(upcoming.first)), end_(next_ + upcoming.bytes) {}
  void operator()() {
    if (next_ >= end_) return;
    __builtin_prefetch(next_, 0, 2);
    next_ += line;
  }

 private:
  static constexpr Index line = 64;
  const char *next_, *end_;
};

// The product in place: A is read where it lies, a few registers of rows at a time, and B number by
// number; with `fetches`, a line of other memory is fetched for every number of B.
template <class Scalar, bool fetches = false>
struct InPlace {
  using Vec = simd::Vec<Scalar>;
  static constexpr Index lanes = simd::lanes<Scalar>;

  Scalar alpha;
  const Scalar* A;
  Index a_stride;
  Factor<Scalar> B;
  const Scalar* bias;
  Scalar* C;
  Index c_stride;
  Index n, m, k;
  bool adds = false;  // to what is in C already, instead of to the bias
  Fetcher* fetcher = nullptr;

  // A range of the k terms; the first starts from the bias, the others add to C.
  struct Terms {
    Index first, last;
  };

  // Rows from i and columns from j of C. With `partial`, the last register of rows has `rest` lanes.
  template <int registers, int columns, bool partial>
  [[gnu::always_inline]] inline void tile(Index i, Index j, Index rest, Terms terms) const {
    const auto is_cut = [](int r) { return partial && r == registers - 1; };
    const auto load = [&](const Scalar* from, int r) {
      return is_cut(r) ? simd::load_first(from + r * lanes, rest) : simd::load(from + r * lanes);
    };
    Vec sum[columns][registers] = {};
    [[maybe_unused]] Fetcher fetch = fetches ? *fetcher : Fetcher({});
    const Scalar* a = A + i + terms.first * a_stride;
    const Scalar* b = B.data + j * B.column_stride + terms.first * B.row_stride;
    // Unrolled whole, or the sums would not stay in registers.
    for (Index p = terms.first; p < terms.last; ++p, a += a_stride, b += B.row_stride) {
      if constexpr (fetches) fetch();
      Vec rows[registers];
#pragma GCC unroll 8
      for (int r = 0; r < registers; ++r) rows[r] = load(a, r);
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c)
#pragma GCC unroll 8
        for (int r = 0; r < registers; ++r) sum[c][r] += rows[r] * b[c * B.column_stride];
    }
    if constexpr (fetches) *fetcher = fetch;
    Vec offset[registers] = {};
    if (bias)
#pragma GCC unroll 8
      for (int r = 0; r < registers; ++r) offset[r] = load(bias + i, r);
    const auto finish = [&, factor = alpha, stride = c_stride](auto base) {
      Scalar* to = C + j * stride + i;
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c, to += stride)
#pragma GCC unroll 8
        for (int r = 0; r < registers; ++r) {
          const Vec result = factor * sum[c][r] + base(to, r);
          if (is_cut(r))
            simd::store_first(to + r * lanes, result, rest);
          else
            simd::store(to + r * lanes, result);
        }
    };
    // The members are read once: for all a compiler knows, what is stored could be them.
    if (terms.first == 0 && !adds)
      finish([&](const Scalar*, int r) { return offset[r]; });
    else
      finish(load);
  }

  template <int registers, bool partial>
  void columns(Index i, Index rest, Terms terms) const {
    // As many sums as there are registers, beside those for A's rows and for a number of B.
    constexpr int most = std::clamp((simd::registers - registers - 1) / registers, 1, 8);
    Index j = 0;
    for (; j + most <= m; j += most) tile<registers, most, partial>(i, j, rest, terms);
    if constexpr (most > 4)
      for (; j + 4 <= m; j += 4) tile<registers, 4, partial>(i, j, rest, terms);
    for (; j + 2 <= m; j += 2) tile<registers, 2, partial>(i, j, rest, terms);
    if (j < m) tile<registers, 1, partial>(i, j, rest, terms);
  }

  template <int registers>
  void rows(Index i, Terms terms) const {
    const Index rest = n - i - (registers - 1) * lanes;
    if (rest < lanes)
      columns<registers, true>(i, rest, terms);
    else
      columns<registers, false>(i, lanes, terms);
  }

  // As many blocks of terms as of A stay in the cache, and over them B by a few columns at a time,
  // whose next block of terms comes from where the last one ended.
  void run() const {
    constexpr Index block = terms_a_block<Scalar>, columns_at_a_time = 16;
    const Index in_cache = bytes_in_cache / (n * static_cast<Index>(sizeof(Scalar)));
    const Index stretch = std::max(Index{1}, in_cache / block) * block;
    for (Index first = 0; first < k; first += stretch) {
      const Index last = std::min(k, first + stretch);
      const Index columns = last - first > block ? columns_at_a_time : m;
      for (Index j = 0; j < m; j += columns)
        for (Index p = first; p < last; p += block)
          from_column(j, std::min(columns, m - j)).run_rows({p, std::min(p + block, last)});
    }
  }

  InPlace from_column(Index j, Index count) const {
    InPlace part = *this;
    part.B.data += j * B.column_stride;
    part.C += j * c_stride;
    part.m = count;
    return part;
  }

  void run_rows(Terms terms) const {
    Index i = 0;
    // One column alone: as many rows at a time as hide how long an addition takes.
    if (m == 1)
      for (; n - i > 7 * lanes; i += 8 * lanes) rows<8>(i, terms);
    while (i < n) {
      const Index left = (n - i + lanes - 1) / lanes;  // registers
      if (left >= 5 || left == 3) {  // three feed the most sums; four are better two and two
        rows<3>(i, terms);
        i += 3 * lanes;
      } else if (left == 4 && m == 1) {
        rows<4>(i, terms);
        i += 4 * lanes;
      } else if (left >= 2) {
        rows<2>(i, terms);
        i += 2 * lanes;
      } else {
        rows<1>(i, terms);
        i += lanes;
      }
    }
  }
};

// The product on copies, for factors that leave the cache or lie pages apart: a block of B in strips
// of columns, each of which stays in the first-level cache while a block of A, in panels of rows,
// passes it from the second-level cache.
template <class Scalar>
struct OnCopies {
  static constexpr Index lanes = simd::lanes<Scalar>;
  static constexpr Index terms = terms_a_block<Scalar>;
  static constexpr Index panel_rows = 3 * lanes, strip_columns = 8;
  static constexpr Index block_rows = 4 * panel_rows, most_columns = 512;

  Scalar alpha;
  Factor<Scalar> A, B;
  const Scalar* bias;
  MatrixRef<Scalar>& C;
  Index k;
  bool adds = false;

  // Null where there is no memory for the copies.
  static Scalar* room() {
    return static_cast<Scalar*>(
        thread_room((block_rows + most_columns) * terms * static_cast<Index>(sizeof(Scalar))));
  }

  void run(Scalar* a_block) const {
    Scalar* const b_block = a_block + block_rows * terms;
    const Index n = C.rows(), m = C.cols();
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
                        C.data() + (j + c) * C.outerStride() + i + r,
                        C.outerStride(),
                        std::min(panel_rows, rows - r),
                        in_strip,
                        count,
                        adds || first > 0}
            .run_rows({0, count});
      }
    }
  }
};

// C^T = B^T A^T where that fills registers better, for a B of contiguous rows: the bits are those of
// A B.
template <class Scalar>
bool better_turned(Index n, Index m) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index registers = (n + lanes - 1) / lanes * m, turned = (m + lanes - 1) / lanes * n;
  return n < 3 * lanes && 8 * turned <= 7 * registers;
}

template <class Scalar, bool fetches>
void turned_product(Scalar alpha, const ConstMatrixRef<Scalar>& A, const Factor<Scalar>& B,
                    MatrixRef<Scalar> C, bool adds, Fetcher* fetcher) {
  constexpr Index most_columns = 64;
  std::array<Scalar, most_columns * 3 * simd::lanes<Scalar>> turned;
  const Index n = A.rows(), k = A.cols(), m = C.cols();
  const Factor<Scalar> A_turned{A.data(), A.outerStride(), 1};
  for (Index j = 0; j < m; j += most_columns) {
    const Index columns = std::min(most_columns, m - j);
    Scalar* const of_C = C.data() + j * C.outerStride();
    if (adds) transpose_block(of_C, C.outerStride(), n, columns, turned.data(), columns);
    InPlace<Scalar, fetches>{alpha,         B.data + j, B.row_stride, A_turned, nullptr,
                             turned.data(), columns,    columns,      n,        k,
                             adds,          fetcher}
        .run();
    transpose_block(turned.data(), columns, columns, n, of_C, C.outerStride());
  }
}

// Few rows, which would leave a register of rows all but empty: the sums of c_ij = a_i . b_j run along
// the columns b_j, as many at a time as a register has lanes. Their order, and so the bits, are others.
template <class Scalar, Index rows>
struct FewRows {
  static constexpr Index lanes = simd::lanes<Scalar>, columns = lanes / rows;
  static constexpr Index terms = terms_a_block<Scalar>;
  using Vec = simd::Vec<Scalar>;

  Scalar alpha;
  const ConstMatrixRef<Scalar>& A;
  Factor<Scalar> B;  // with contiguous columns
  const Scalar* bias;
  MatrixRef<Scalar>& C;
  bool adds = false;

  void run() const {
    std::array<Scalar, rows * terms> room;
    const Index n = A.rows(), k = A.cols();
    std::array<Scalar, lanes> offset{};
    for (Index c = 0; bias && c < columns; ++c) std::copy_n(bias, n, offset.data() + c * rows);
    for (Index first = 0; first < k; first += terms) {
      const Index count = std::min(terms, k - first);
      const Scalar* rows_of_A = A.data() + first * A.outerStride();
      if (A.outerStride() > 1) {  // one row, as it lies, is contiguous
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
    if (A.rows() == rows && A.outerStride() == rows)
      for (; p + lanes <= count; p += lanes) {
        Vec row[rows];
        for (Index i = 0; i < rows; ++i) row[i] = simd::load(from + p * rows + i * lanes);
        simd::split_rows<Scalar, rows>(row);
        for (Index i = 0; i < rows; ++i) simd::store(to + i * count + p, row[i]);
      }
    if (p < count)
      transpose_block(from + p * A.outerStride(), A.outerStride(), A.rows(), count - p, to + p,
                      count);
  }

  // Where there are fewer rows or columns than places, the last one takes theirs, too.
  template <class Base>
  void multiply(const Scalar* rows_of_A, Index first, Index count, Base base) const {
    const Index n = C.rows(), m = C.cols();
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
    return C.rows() == rows && C.outerStride() == rows && j + columns <= C.cols();
  }
  Index columns_from(Index j) const { return std::min(columns, C.cols() - j); }

  Vec load_columns(Index j) const {
    if (lies_as_lanes(j)) return simd::load(C.data() + j * rows);
    std::array<Scalar, lanes> numbers{};
    for (Index c = 0; c < columns_from(j); ++c)
      std::copy_n(C.data() + (j + c) * C.outerStride(), C.rows(), numbers.data() + c * rows);
    return simd::load(numbers.data());
  }

  void store_columns(Index j, const Vec& result) const {
    if (lies_as_lanes(j)) return simd::store(C.data() + j * rows, result);
    std::array<Scalar, lanes> numbers;
    simd::store(numbers.data(), result);
    for (Index c = 0; c < columns_from(j); ++c)
      std::copy_n(numbers.data() + c * rows, C.rows(), C.data() + (j + c) * C.outerStride());
  }
};

}  // namespace

template <class Scalar>
bool made_in_place(Index n, Index k) {
  const bool stays_in_cache = n * k * static_cast<Index>(sizeof(Scalar)) <= bytes_in_cache;
  const bool is_read_once_a_column = n <= 3 * simd::lanes<Scalar>;
  return stays_in_cache || is_read_once_a_column;
}

template <class Scalar>
void product(Scalar alpha, const ConstMatrixRef<Scalar>& A, const Factor<Scalar>& B,
             const Scalar* bias, MatrixRef<Scalar> C, bool adds, Upcoming upcoming) {
  constexpr Index page = 4096 / static_cast<Index>(sizeof(Scalar));
  const Index n = A.rows(), k = A.cols(), m = C.cols();
  if (k == 0) {  // the sums of no terms
    if (!adds) C.setZero();
    if (!adds && bias) C.colwise() += ConstVectorMap<Scalar>(bias, n);
    return;
  }
  // A walk down the columns of a B whose rows lie pages apart finds nothing in the cache.
  const bool walks_over_pages = B.column_stride == 1 && B.row_stride >= page && m > 8;
  if (n == 1 && B.column_stride == 1 && C.outerStride() == 1 && !bias)  // C^T = B^T A^T
    InPlace<Scalar>{
        alpha, B.data, B.row_stride, {A.data(), A.outerStride(), 1}, nullptr, C.data(), m, m,
        1,     k,      adds}
        .run();
  else if (Scalar* const room =
               walks_over_pages || (!made_in_place<Scalar>(n, k) && m >= columns_worth_copying)
                   ? OnCopies<Scalar>::room()
                   : nullptr)
    OnCopies<Scalar>{alpha, {A.data(), 1, A.outerStride()}, B, bias, C, k, adds}.run(room);
  else if (better_turned<Scalar>(n, m) && B.column_stride == 1 && !bias)
    if (Fetcher fetcher(upcoming); upcoming.bytes > 0)
      turned_product<Scalar, true>(alpha, A, B, C, adds, &fetcher);
    else
      turned_product<Scalar, false>(alpha, A, B, C, adds, nullptr);
  else if (Fetcher fetcher(upcoming); upcoming.bytes > 0)
    InPlace<Scalar, true>{
        alpha, A.data(), A.outerStride(), B, bias, C.data(), C.outerStride(), n, m,
        k,     adds,     &fetcher}
        .run();
  else  // where it is as fast, or there is no memory: the bits are the same
    InPlace<Scalar>{alpha, A.data(), A.outerStride(), B, bias, C.data(), C.outerStride(), n, m,
                    k,     adds}
        .run();
}

template <class Scalar>
void product_along_columns(Scalar alpha, const ConstMatrixRef<Scalar>& A,
                           const ConstMatrixRef<Scalar>& B, const Scalar* bias, MatrixRef<Scalar> C,
                           bool adds) {
  const Factor<Scalar> columns{B.data(), 1, B.outerStride()};
  const Index n = A.rows();
  if (n == 1) return FewRows<Scalar, 1>{alpha, A, columns, bias, C, adds}.run();
  if (n == 2) return FewRows<Scalar, 2>{alpha, A, columns, bias, C, adds}.run();
  if constexpr (simd::lanes<Scalar> >= 4)
    if (n <= 4) return FewRows<Scalar, 4>{alpha, A, columns, bias, C, adds}.run();
  product<Scalar>(alpha, A, columns, bias, C, adds);
}

template <class Scalar>
void row_sums(Scalar alpha, const ConstMatrixRef<Scalar>& A, VectorRef<Scalar> c, bool adds) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index n = A.rows(), m = A.cols();
  if (n == 1 && A.outerStride() == 1) {
    simd::Vec<Scalar> sums{};
    Index j = 0;
    for (; j + lanes <= m; j += lanes) sums += simd::load(A.data() + j);
    if (j < m) sums += simd::load_first(A.data() + j, m - j);
    c[0] = alpha * simd::sum<Scalar>(sums) + (adds ? c[0] : Scalar(0));
    return;
  }
  for (Index i = 0; i < n; i += lanes) {
    const Index rest = n - i;
    const auto load = [&](Index j) {
      const Scalar* const from = A.data() + j * A.outerStride() + i;
      return rest >= lanes ? simd::load(from) : simd::load_first(from, rest);
    };
    simd::Vec<Scalar> sums[4] = {};  // four chains of additions that do not wait for one another
    Index j = 0;
    for (; j + 4 <= m; j += 4)
      for (Index chain = 0; chain < 4; ++chain) sums[chain] += load(j + chain);
    for (; j < m; ++j) sums[0] += load(j);
    simd::Vec<Scalar> total = alpha * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (adds)
      total += rest >= lanes ? simd::load(c.data() + i) : simd::load_first(c.data() + i, rest);
    if (rest >= lanes)
      simd::store(c.data() + i, total);
    else
      simd::store_first(c.data() + i, total, rest);
  }
}

template <class Scalar>
void transposed_product(const ConstMatrixRef<Scalar>& A, const Scalar* A_transposed, Index stride,
                        const ConstMatrixRef<Scalar>& B, MatrixRef<Scalar> C) {
  const Index k = A.rows(), n = A.cols();
  const Factor<Scalar> columns{B.data(), 1, B.outerStride()};
  if (k == 1 && A.outerStride() == 1) {  // a row, as it lies, is a column
    A_transposed = A.data();
    stride = n;
  }
  if (!A_transposed) {
    Scalar* const room = OnCopies<Scalar>::room();
    if (!room) throw std::bad_alloc();
    OnCopies<Scalar>{Scalar(1), {A.data(), A.outerStride(), 1}, columns, nullptr, C, k}.run(room);
    return;
  }
  using Strided = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;
  product<Scalar>(Scalar(1), Strided(A_transposed, n, k, Eigen::OuterStride<>(stride)), columns,
                  nullptr, C);
}

template <class Scalar>
void transpose(const ConstMatrixRef<Scalar>& A, MatrixRef<Scalar> B) {
  transpose_block(A.data(), A.outerStride(), A.rows(), A.cols(), B.data(), B.outerStride());
}

#define DELTARULE_INSTANTIATE(Scalar)                                                             \
  template bool made_in_place<Scalar>(Index, Index);                                              \
  template void product<Scalar>(Scalar, const ConstMatrixRef<Scalar>&, const Factor<Scalar>&,     \
                                const Scalar*, MatrixRef<Scalar>, bool, Upcoming);                \
  template void product_along_columns<Scalar>(Scalar, const ConstMatrixRef<Scalar>&,              \
                                              const ConstMatrixRef<Scalar>&, const Scalar*,       \
                                              MatrixRef<Scalar>, bool);                           \
  template void transposed_product<Scalar>(const ConstMatrixRef<Scalar>&, const Scalar*, Index,   \
                                           const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);     \
  template void row_sums<Scalar>(Scalar, const ConstMatrixRef<Scalar>&, VectorRef<Scalar>, bool); \
  template void transpose<Scalar>(const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
