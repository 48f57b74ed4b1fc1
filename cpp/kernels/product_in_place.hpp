// The product of factors that are read where they lie.
#pragma once

#include "kernels/product.hpp"
#include "kernels/simd.hpp"

#include <algorithm>

namespace deltarule {

// An A of this size stays in a core's second-level cache while B streams by.
inline constexpr Index bytes_in_cache = 900 * 1024;

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
    if constexpr (most > 2)
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

  // So many registers of rows of a C of one column.
  template <int registers>
  void rows_of_one_column(Index i, Terms terms) const {
    const Index rest = n - i - (registers - 1) * lanes;
    if (rest < lanes)
      tile<registers, 1, true>(i, 0, rest, terms);
    else
      tile<registers, 1, false>(i, 0, lanes, terms);
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
      for (; n - i > 7 * lanes; i += 8 * lanes) rows_of_one_column<8>(i, terms);
    while (i < n) {
      const Index left = (n - i + lanes - 1) / lanes;  // registers
      if (left >= 5 || left == 3) {  // three feed the most sums; four are better two and two
        rows<3>(i, terms);
        i += 3 * lanes;
      } else if (left == 4 && m == 1) {
        rows_of_one_column<4>(i, terms);
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

}  // namespace deltarule
