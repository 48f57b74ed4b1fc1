#include "product.hpp"

#include "simd.hpp"

#include <algorithm>

namespace deltarule {
namespace {

// A block of A of this size stays in a core's second-level cache while B streams by.
constexpr Index block_bytes = 900 * 1024;
// Columns of C from which on packing the factors pays for itself.
constexpr Index columns_worth_packing = 192;

// The product in place. Eigen's first copies both factors into packed blocks, which a big product
// needs and a small one has no time for. Here A is read where it lies, a few registers of rows at a
// time, and B number by number.
template <class Scalar>
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
    const Scalar* a = A + i + terms.first * a_stride;
    const Scalar* b = B.data + j * B.column_stride + terms.first * B.row_stride;
    // Unrolled whole, or the sums would not stay in registers.
    for (Index p = terms.first; p < terms.last; ++p, a += a_stride, b += B.row_stride) {
      Vec rows[registers];
#pragma GCC unroll 8
      for (int r = 0; r < registers; ++r) rows[r] = load(a, r);
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c)
#pragma GCC unroll 8
        for (int r = 0; r < registers; ++r) sum[c][r] += rows[r] * b[c * B.column_stride];
    }
#pragma GCC unroll 8
    for (int r = 0; r < registers; ++r) {
      const Vec offset = bias ? load(bias + i, r) : Vec{};
#pragma GCC unroll 8
      for (int c = 0; c < columns; ++c) {
        Scalar* const to = C + (j + c) * c_stride + i;
        const Vec result = alpha * sum[c][r] + (terms.first == 0 && !adds ? offset : load(to, r));
        if (is_cut(r))
          simd::store_first(to + r * lanes, result, rest);
        else
          simd::store(to + r * lanes, result);
      }
    }
  }

  template <int registers, bool partial>
  void columns(Index i, Index rest, Terms terms) const {
    // As many sums as there are registers, beside those for A's rows and for a number of B.
    constexpr int most = std::clamp((simd::registers - registers - 1) / registers, 1, 8);
    Index j = 0;
    for (; j + most <= m; j += most) tile<registers, most, partial>(i, j, rest, terms);
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

  // Where B's rows lie pages apart, a walk down its columns finds nothing in the cache. A block of
  // it is copied first, in long runs, and then used from where it is near.
  void run_on_copied_blocks() const {
    constexpr Index columns = 64, terms = 256;
    alignas(64) Scalar block[terms * columns];
    for (Index j = 0; j < m; j += columns) {
      for (Index first = 0; first < k; first += terms) {
        InPlace part = *this;
        part.A = A + first * a_stride;
        part.B = {block, columns, 1};
        part.C = C + j * c_stride;
        part.m = std::min(columns, m - j);
        part.k = std::min(terms, k - first);
        part.adds = adds || first > 0;
        for (Index p = 0; p < part.k; ++p)
          std::copy_n(B.data + (first + p) * B.row_stride + j, part.m, block + p * columns);
        part.run_where_they_lie();
      }
    }
  }

  void run() const {
    constexpr Index page = 4096 / static_cast<Index>(sizeof(Scalar));
    if (B.column_stride == 1 && B.row_stride >= page && m > 8)
      run_on_copied_blocks();
    else
      run_where_they_lie();
  }

  void run_where_they_lie() const {
    const Index most_terms =
        std::max<Index>(64, block_bytes / (n * static_cast<Index>(sizeof(Scalar))));
    Terms terms{0, std::min(k, most_terms)};
    do {
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
      terms = {terms.last, std::min(k, terms.last + most_terms)};
    } while (terms.first < k);
  }
};

// One row: c_j = alpha a . b_j + bias, along contiguous a and columns b_j.
template <class Scalar>
void row_times_columns(Scalar alpha, const Scalar* a, const Factor<Scalar>& B, Scalar bias,
                       Scalar* C, Index c_stride, Index m, Index k) {
  constexpr Index lanes = simd::lanes<Scalar>;
  for (Index j = 0; j < m; ++j) {
    const Scalar* const b = B.data + j * B.column_stride;
    simd::Vec<Scalar> sums{};
    Index p = 0;
    for (; p + lanes <= k; p += lanes) sums += simd::load(a + p) * simd::load(b + p);
    if (p < k) sums += simd::load_first(a + p, k - p) * simd::load_first(b + p, k - p);
    C[j * c_stride] = alpha * simd::sum<Scalar>(sums) + bias;
  }
}

// Eigen asks the processor for the sizes of its caches and cuts a product to suit, which shows in
// the last bits. These are small enough for every machine, and the same on every machine.
void fix_blocking() {
  static const bool fixed = [] {
    Eigen::setCpuCacheSizes(32 * 1024, 1024 * 1024, 8 * 1024 * 1024);
    return true;
  }();
  static_cast<void>(fixed);
}

template <class Scalar>
void big_product(Scalar alpha, const ConstMatrixRef<Scalar>& A, const Factor<Scalar>& B,
                 const Scalar* bias, MatrixRef<Scalar>& C) {
  using Strided = Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>>;
  fix_blocking();
  // The product adds to what is there, so that the bias costs no pass of its own.
  if (bias)
    C.colwise() = ConstVectorMap<Scalar>(bias, C.rows());
  else
    C.setZero();
  const Index k = A.cols(), m = C.cols();
  if (B.row_stride == 1)
    C.noalias() += alpha * A * Strided(B.data, k, m, Eigen::OuterStride<>(B.column_stride));
  else
    C.noalias() +=
        alpha * A * Strided(B.data, m, k, Eigen::OuterStride<>(B.row_stride)).transpose();
}

}  // namespace

template <class Scalar>
bool made_in_place(Index n, Index k) {
  const bool stays_in_cache = n * k * static_cast<Index>(sizeof(Scalar)) <= block_bytes;
  const bool is_read_once_a_column = n <= 3 * simd::lanes<Scalar>;
  return stays_in_cache || is_read_once_a_column;
}

template <class Scalar>
void product(Scalar alpha, const ConstMatrixRef<Scalar>& A, const Factor<Scalar>& B,
             const Scalar* bias, MatrixRef<Scalar> C) {
  const Index n = A.rows(), k = A.cols(), m = C.cols();
  if (n == 1 && A.outerStride() == 1 && B.row_stride == 1)
    row_times_columns(alpha, A.data(), B, bias ? *bias : Scalar(0), C.data(), C.outerStride(), m,
                      k);
  else if (n == 1 && B.column_stride == 1 && C.outerStride() == 1 && !bias)  // C^T = B^T A^T
    InPlace<Scalar>{
        alpha, B.data, B.row_stride, {A.data(), A.outerStride(), 1}, nullptr, C.data(), m, m, 1, k}
        .run();
  else if (made_in_place<Scalar>(n, k) || m < columns_worth_packing)
    InPlace<Scalar>{alpha, A.data(), A.outerStride(), B, bias, C.data(), C.outerStride(), n, m, k}
        .run();
  else
    big_product(alpha, A, B, bias, C);
}

template <class Scalar>
void row_sums(Scalar alpha, const ConstMatrixRef<Scalar>& A, VectorRef<Scalar> c) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index n = A.rows(), m = A.cols();
  if (n == 1 && A.outerStride() == 1) {
    simd::Vec<Scalar> sums{};
    Index j = 0;
    for (; j + lanes <= m; j += lanes) sums += simd::load(A.data() + j);
    if (j < m) sums += simd::load_first(A.data() + j, m - j);
    c[0] = alpha * simd::sum<Scalar>(sums);
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
    const simd::Vec<Scalar> total = alpha * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (rest >= lanes)
      simd::store(c.data() + i, total);
    else
      simd::store_first(c.data() + i, total, rest);
  }
}

template <class Scalar>
void transposed_product(const ConstMatrixRef<Scalar>& A, const Scalar* A_transposed,
                        const ConstMatrixRef<Scalar>& B, MatrixRef<Scalar> C) {
  const Index k = A.rows(), n = A.cols();
  if (!made_in_place<Scalar>(n, k) && B.cols() >= columns_worth_packing) {
    fix_blocking();
    C.noalias() = A.transpose() * B;
    return;
  }
  Matrix<Scalar> own;
  if (k == 1 && A.outerStride() == 1) {
    A_transposed = A.data();
  } else if (!A_transposed) {
    own.resize(n, k);
    transpose<Scalar>(A, own);
    A_transposed = own.data();
  }
  product<Scalar>(Scalar(1), ConstMatrixMap<Scalar>(A_transposed, n, k),
                  {B.data(), 1, B.outerStride()}, nullptr, C);
}

template <class Scalar>
void transpose(const ConstMatrixRef<Scalar>& A, MatrixRef<Scalar> B) {
  // Blocks of a cache line's width, so that neither side walks through memory a line a number.
  constexpr Index block = 64 / static_cast<Index>(sizeof(Scalar));
  const Index n = A.rows(), k = A.cols(), a_stride = A.outerStride(), b_stride = B.outerStride();
  for (Index j = 0; j < k; j += block) {
    const Index columns = std::min(block, k - j);
    for (Index i = 0; i < n; ++i) {
      const Scalar* const from = A.data() + j * a_stride + i;
      Scalar* const to = B.data() + i * b_stride + j;
      for (Index c = 0; c < columns; ++c) to[c] = from[c * a_stride];
    }
  }
}

#define DELTARULE_INSTANTIATE(Scalar)                                                         \
  template bool made_in_place<Scalar>(Index, Index);                                          \
  template void product<Scalar>(Scalar, const ConstMatrixRef<Scalar>&, const Factor<Scalar>&, \
                                const Scalar*, MatrixRef<Scalar>);                            \
  template void transposed_product<Scalar>(const ConstMatrixRef<Scalar>&, const Scalar*,      \
                                           const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>); \
  template void row_sums<Scalar>(Scalar, const ConstMatrixRef<Scalar>&, VectorRef<Scalar>);   \
  template void transpose<Scalar>(const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
