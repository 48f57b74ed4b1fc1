#include "kernels/product.hpp"

#include "base/thread_room.hpp"
#include "kernels/product_few_rows.hpp"
#include "kernels/product_in_place.hpp"
#include "kernels/product_on_copies.hpp"
#include "kernels/simd.hpp"
#include "kernels/transpose_block.hpp"

#include <algorithm>
#include <array>
#include <new>

namespace deltarule {
namespace {

// Columns of C from which on copying the factors pays for itself.
constexpr Index columns_worth_copying = 64;

// Are the sums of so few rows soonest made along the columns? On AVX2, in float32, those of three rows
// are not, and those of four have to have some terms. (What adds may be the end of a longer sum.)
template <class Scalar>
bool along_columns(Index n, Index k, bool adds) {
  if (n > 4 || (n > 2 && simd::lanes<Scalar> < 4)) return false;
  if (simd::bytes != 32 || sizeof(Scalar) != 4) return true;
  return n < 3 || (n == 4 && (adds || k > 2 * simd::lanes<Scalar>));
}

// C^T = B^T A^T where that fills registers better, for a B of contiguous rows: the bits are those of
// A B.
template <class Scalar>
bool better_turned(Index n, Index m) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index registers = (n + lanes - 1) / lanes * m, turned = (m + lanes - 1) / lanes * n;
  return n < 3 * lanes && 8 * turned <= 7 * registers;
}

template <class Scalar, bool fetches>
void turned_product(Scalar alpha, const View<const Scalar>& A, const Factor<Scalar>& B,
                    const View<Scalar>& C, bool adds, Fetcher* fetcher) {
  constexpr Index most_columns = 64;
  std::array<Scalar, most_columns * 3 * simd::lanes<Scalar>> turned;
  const Index n = A.rows, k = A.columns, m = C.columns;
  const Factor<Scalar> A_turned{A.data, A.stride, 1};
  for (Index j = 0; j < m; j += most_columns) {
    const Index columns = std::min(most_columns, m - j);
    Scalar* const of_C = C.data + j * C.stride;
    if (adds) transpose_block(of_C, C.stride, n, columns, turned.data(), columns);
    InPlace<Scalar, fetches>{alpha,         B.data + j, B.row_stride, A_turned, nullptr,
                             turned.data(), columns,    columns,      n,        k,
                             adds,          fetcher}
        .run();
    transpose_block(turned.data(), columns, columns, n, of_C, C.stride);
  }
}

template <class Scalar>
void sums_of_no_terms(const Scalar* bias, const View<Scalar>& C, bool adds) {
  if (adds) return;
  for (Index j = 0; j < C.columns; ++j)
    for (Index i = 0; i < C.rows; ++i) C(i, j) = Scalar(0) + (bias ? bias[i] : Scalar(0));
}

}  // namespace

template <class Scalar>
bool made_in_place(Index n, Index k) {
  const bool stays_in_cache = n * k * static_cast<Index>(sizeof(Scalar)) <= bytes_in_cache;
  const bool is_read_once_a_column = n <= 3 * simd::lanes<Scalar>;
  return stays_in_cache || is_read_once_a_column;
}

template <class Scalar>
void product(Scalar alpha, const View<const Scalar>& A, const Factor<Scalar>& B, const Scalar* bias,
             const View<Scalar>& C, bool adds, Upcoming upcoming) {
  constexpr Index page = 4096 / static_cast<Index>(sizeof(Scalar));
  const Index n = A.rows, k = A.columns, m = C.columns;
  if (C.size() == 0) return;
  if (k == 0) return sums_of_no_terms(bias, C, adds);
  if (n == 1 && B.column_stride == 1 && C.stride == 1 && !bias) {  // C^T = B^T A^T
    const Factor<Scalar> A_turned{A.data, A.stride, 1};
    return InPlace<Scalar>{alpha, B.data, B.row_stride, A_turned, nullptr, C.data, m, m, 1, k, adds}
        .run();
  }
  // A walk down the columns of a B whose rows lie pages apart finds nothing in the cache.
  const bool walks_over_pages = B.column_stride == 1 && B.row_stride >= page && m > 8;
  if (walks_over_pages || (!made_in_place<Scalar>(n, k) && m >= columns_worth_copying)) {
    const ThreadRoom room(OnCopies<Scalar>::bytes_of_room);
    if (room.data())
      return OnCopies<Scalar>{alpha, {A.data, 1, A.stride}, B, bias, C, k, adds}.run(room);
  }
  // In place, where it is as fast, or there is no memory: the bits are the same.
  Fetcher fetcher(upcoming);
  const bool fetches = upcoming.bytes > 0;
  if (better_turned<Scalar>(n, m) && B.column_stride == 1 && !bias)
    return fetches ? turned_product<Scalar, true>(alpha, A, B, C, adds, &fetcher)
                   : turned_product<Scalar, false>(alpha, A, B, C, adds, nullptr);
  if (fetches)
    InPlace<Scalar, true>{alpha,    A.data, A.stride, B, bias, C.data,
                          C.stride, n,      m,        k, adds, &fetcher}
        .run();
  else
    InPlace<Scalar>{alpha, A.data, A.stride, B, bias, C.data, C.stride, n, m, k, adds}.run();
}

template <class Scalar>
void product_along_columns(Scalar alpha, const View<const Scalar>& A, const View<const Scalar>& B,
                           const Scalar* bias, const View<Scalar>& C, bool adds) {
  const Factor<Scalar> columns{B.data, 1, B.stride};
  const Index n = A.rows;
  if (n > 0 && A.columns > 0 && along_columns<Scalar>(n, A.columns, adds)) {
    if (n == 1) return FewRows<Scalar, 1>{alpha, A, columns, bias, C, adds}.run();
    if (n == 2) return FewRows<Scalar, 2>{alpha, A, columns, bias, C, adds}.run();
    if constexpr (simd::lanes<Scalar> >= 4)
      return FewRows<Scalar, 4>{alpha, A, columns, bias, C, adds}.run();
  }
  product<Scalar>(alpha, A, columns, bias, C, adds, {});
}

template <class Scalar>
void row_sums(Scalar alpha, const View<const Scalar>& A, Scalar* c, bool adds) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index n = A.rows, m = A.columns;
  if (n == 1 && A.stride == 1) {
    simd::Vec<Scalar> sums{};
    Index j = 0;
    for (; j + lanes <= m; j += lanes) sums += simd::load(A.data + j);
    if (j < m) sums += simd::load_first(A.data + j, m - j);
    c[0] = alpha * simd::sum<Scalar>(sums) + (adds ? c[0] : Scalar(0));
    return;
  }
  for (Index i = 0; i < n; i += lanes) {
    const Index rest = n - i;
    const auto load = [&](Index j) {
      const Scalar* const from = A.data + j * A.stride + i;
      return rest >= lanes ? simd::load(from) : simd::load_first(from, rest);
    };
    simd::Vec<Scalar> sums[4] = {};  // four chains of additions that do not wait for one another
    Index j = 0;
    for (; j + 4 <= m; j += 4)
      for (Index chain = 0; chain < 4; ++chain) sums[chain] += load(j + chain);
    for (; j < m; ++j) sums[0] += load(j);
    simd::Vec<Scalar> total = alpha * ((sums[0] + sums[1]) + (sums[2] + sums[3]));
    if (adds) total += rest >= lanes ? simd::load(c + i) : simd::load_first(c + i, rest);
    if (rest >= lanes)
      simd::store(c + i, total);
    else
      simd::store_first(c + i, total, rest);
  }
}

template <class Scalar>
void transposed_product(const View<const Scalar>& A, const Scalar* A_transposed, Index stride,
                        const View<const Scalar>& B, const View<Scalar>& C) {
  const Index k = A.rows, n = A.columns;
  const Factor<Scalar> columns{B.data, 1, B.stride};
  if (k == 1 && A.stride == 1) {  // a row, as it lies, is a column
    A_transposed = A.data;
    stride = n;
  }
  if (A_transposed || k == 0)
    return product<Scalar>(Scalar(1), {A_transposed, n, k, stride}, columns, nullptr, C, false, {});
  const ThreadRoom room(OnCopies<Scalar>::bytes_of_room);
  if (!room.data()) throw std::bad_alloc();
  OnCopies<Scalar>{Scalar(1), {A.data, A.stride, 1}, columns, nullptr, C, k}.run(room);
}

template <class Scalar>
void transpose(const View<const Scalar>& A, const View<Scalar>& B) {
  transpose_block(A.data, A.stride, A.rows, A.columns, B.data, B.stride);
}

#define DELTARULE_INSTANTIATE(Scalar)                                                       \
  template bool made_in_place<Scalar>(Index, Index);                                        \
  template void product<Scalar>(Scalar, const View<const Scalar>&, const Factor<Scalar>&,   \
                                const Scalar*, const View<Scalar>&, bool, Upcoming);        \
  template void product_along_columns<Scalar>(Scalar, const View<const Scalar>&,            \
                                              const View<const Scalar>&, const Scalar*,     \
                                              const View<Scalar>&, bool);                   \
  template void transposed_product<Scalar>(const View<const Scalar>&, const Scalar*, Index, \
                                           const View<const Scalar>&, const View<Scalar>&); \
  template void row_sums<Scalar>(Scalar, const View<const Scalar>&, Scalar*, bool);         \
  template void transpose<Scalar>(const View<const Scalar>&, const View<Scalar>&);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
