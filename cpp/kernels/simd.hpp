// The build's widest registers, as the compilers' own vector types: they add, multiply and contract
// to fused multiply-adds like numbers, on every instruction set.
#pragma once

#include "base/view.hpp"

#include <cstddef>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace deltarule::simd {

#if defined(__AVX512F__)
inline constexpr int bytes = 64, registers = 32;
#elif defined(__AVX2__)
inline constexpr int bytes = 32, registers = 16;
#elif defined(__aarch64__)
inline constexpr int bytes = 16, registers = 32;
#else
inline constexpr int bytes = 16, registers = 16;
#endif

template <class Scalar>
struct VectorType;
template <>
struct VectorType<float> {
  using type [[gnu::vector_size(bytes)]] = float;
};
template <>
struct VectorType<double> {
  using type [[gnu::vector_size(bytes)]] = double;
};
template <class Scalar>
using Vec = typename VectorType<Scalar>::type;

template <class Scalar>
inline constexpr Index lanes = bytes / static_cast<Index>(sizeof(Scalar));

template <class Scalar>
inline Vec<Scalar> load(const Scalar* from) {
  Vec<Scalar> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class Scalar>
inline void store(Scalar* to, const Vec<Scalar>& v) {
  std::memcpy(to, &v, sizeof v);
}

#if defined(__AVX512F__)
template <class Scalar>
inline auto first_lanes(Index count) {
  return static_cast<std::conditional_t<sizeof(Scalar) == 4, __mmask16, __mmask8>>((1U << count) -
                                                                                   1);
}
#elif defined(__AVX2__)
// All bits of the first `count` lanes.
template <class Scalar>
inline __m256i first_lanes(Index count) {
  if constexpr (sizeof(Scalar) == 4)
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  else
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3));
}
#endif

// The first `count` lanes, 0 < count < lanes: memory past them is not touched, lanes past them are 0.
template <class Scalar>
inline Vec<Scalar> load_first(const Scalar* from, Index count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Scalar) == 4)
    return _mm512_maskz_loadu_ps(first_lanes<Scalar>(count), from);
  else
    return _mm512_maskz_loadu_pd(first_lanes<Scalar>(count), from);
#elif defined(__AVX2__)
  if constexpr (sizeof(Scalar) == 4)
    return _mm256_maskload_ps(from, first_lanes<Scalar>(count));
  else
    return _mm256_maskload_pd(from, first_lanes<Scalar>(count));
#else
  Vec<Scalar> v{};
  for (Index i = 0; i < count; ++i) v[i] = from[i];
  return v;
#endif
}

template <class Scalar>
inline void store_first(Scalar* to, const Vec<Scalar>& v, Index count) {
#if defined(__AVX512F__)
  if constexpr (sizeof(Scalar) == 4)
    _mm512_mask_storeu_ps(to, first_lanes<Scalar>(count), v);
  else
    _mm512_mask_storeu_pd(to, first_lanes<Scalar>(count), v);
#elif defined(__AVX2__)
  // By halves: a store with a mask takes some AMD processors as long as a dozen others.
  if constexpr (sizeof(Scalar) == 4) {
    __m128 half = _mm256_castps256_ps128(v);
    if (count & 4) {
      _mm_storeu_ps(to, half);
      half = _mm256_extractf128_ps(v, 1);
      to += 4;
    }
    if (count & 2) {
      _mm_storel_pi(reinterpret_cast<__m64*>(to), half);
      half = _mm_movehl_ps(half, half);
      to += 2;
    }
    if (count & 1) _mm_store_ss(to, half);
  } else {
    __m128d half = _mm256_castpd256_pd128(v);
    if (count & 2) {
      _mm_storeu_pd(to, half);
      half = _mm256_extractf128_pd(v, 1);
      to += 2;
    }
    if (count & 1) _mm_store_sd(to, half);
  }
#else
  for (Index i = 0; i < count; ++i) to[i] = v[i];
#endif
}

#if defined(__AVX2__) && !defined(__AVX512F__)
// x, and `most` where it is larger; NaN passes.
template <class Scalar>
inline Vec<Scalar> held_to(Scalar most, Vec<Scalar> x) {
  if constexpr (sizeof(Scalar) == 4)
    return _mm256_min_ps(_mm256_set1_ps(most), x);
  else
    return _mm256_min_pd(_mm256_set1_pd(most), x);
}
#endif

#if defined(__AVX512F__)
// The root of x >= 0 within 1.5 units in the last place, in a fraction of a root's time: an estimate of
// 14 bits and the remainder's share. Lanes whose estimate would overflow, and NaN, are done exactly.
inline Vec<float> square_root(Vec<float> x) {
  const __m512 v = x;
  const __m512 r =
      _mm512_maskz_rsqrt14_ps(_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ), v);
  const __m512 s = _mm512_mul_ps(v, r), half_r = _mm512_mul_ps(r, _mm512_set1_ps(0.5F));
  const __m512 root = _mm512_fmadd_ps(_mm512_fnmadd_ps(s, s, v), half_r, s);
  const __mmask16 usual = _mm512_cmp_ps_mask(v, _mm512_set1_ps(1e30F), _CMP_LE_OQ) &
                          ~_mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_LT_OQ);
  if (usual == 0xffff) return root;
  return _mm512_mask_sqrt_ps(root, static_cast<__mmask16>(~usual), v);
}

// x / (scale root(v) + epsilon), v >= 0, likewise: within 2 units in the last place, or to 14 bits
// where x is below 1e-30.
inline Vec<float> over_root(Vec<float> x, Vec<float> v, float scale, float epsilon) {
  const __m512 numerator = x, square = v;
  const __m512 least = _mm512_set1_ps(std::numeric_limits<float>::min());
  const __m512 s = _mm512_set1_ps(scale), e = _mm512_set1_ps(epsilon);
  const __m512 inverse_root = _mm512_rsqrt14_ps(_mm512_max_ps(least, square));  // NaN passes
  const __m512 near_root = _mm512_mul_ps(square, inverse_root);
  const __m512 root = _mm512_fmadd_ps(_mm512_fnmadd_ps(near_root, near_root, square),
                                      _mm512_mul_ps(inverse_root, _mm512_set1_ps(0.5F)), near_root);
  const __m512 divisor = _mm512_fmadd_ps(root, s, e);
  const __m512 inverse = _mm512_rcp14_ps(divisor);
  const __m512 near = _mm512_mul_ps(numerator, inverse);
  const __m512 quotient =
      _mm512_fmadd_ps(_mm512_fnmadd_ps(near, divisor, numerator), inverse, near);
  constexpr int nan_or_inf = 0x01 | 0x80 | 0x08 | 0x10;
  const __mmask16 unusual =
      _mm512_cmp_ps_mask(divisor, _mm512_set1_ps(1e30F), _CMP_NLE_UQ) |  // or NaN
      _mm512_fpclass_ps_mask(quotient, nan_or_inf);
  if (unusual == 0) return quotient;
  return _mm512_mask_div_ps(quotient, unusual, numerator,
                            _mm512_fmadd_ps(_mm512_sqrt_ps(square), s, e));
}
#endif

// As many registers as they have lanes.
template <class Scalar>
struct Square {
  Vec<Scalar> registers[lanes<Scalar>];
  Vec<Scalar>& operator[](Index i) { return registers[i]; }
};

// In a and b, lanes in groups of `size`: a's odd groups and b's even ones change places.
template <class Scalar, Index size, std::size_t... lane>
inline void exchange_groups(Vec<Scalar>& a, Vec<Scalar>& b, std::index_sequence<lane...>) {
  constexpr std::size_t all = sizeof...(lane), group = static_cast<std::size_t>(size);
  const Vec<Scalar> even =
      __builtin_shufflevector(a, b, ((lane & group) ? all + lane - group : lane)...);
  b = __builtin_shufflevector(a, b, ((lane & group) ? all + lane : lane + group)...);
  a = even;
}

// Lane j of register i becomes lane i of register j.
template <class Scalar, Index size = lanes<Scalar> / 2>
inline void transpose(Square<Scalar>& square) {
  constexpr Index count = lanes<Scalar>;
#pragma GCC unroll 16
  for (Index i = 0; i < count; ++i)
    if (!(i & size))
      exchange_groups<Scalar, size>(square[i], square[i + size],
                                    std::make_index_sequence<static_cast<std::size_t>(count)>{});
  if constexpr (size > 1) transpose<Scalar, size / 2>(square);
}

// Lane i of the result: the sum of the lanes of register i.
template <class Scalar, Index size = lanes<Scalar> / 2>
inline Vec<Scalar> sums(Square<Scalar>& square) {
#pragma GCC unroll 16
  for (Index i = 0; i < size; ++i) {
    exchange_groups<Scalar, size>(
        square[i], square[i + size],
        std::make_index_sequence<static_cast<std::size_t>(lanes<Scalar>)>{});
    square[i] += square[i + size];
  }
  if constexpr (size > 1)
    return sums<Scalar, size / 2>(square);
  else
    return square[0];
}

// The lanes of a and then b: those in even places to a, the others to b.
template <class Scalar, std::size_t... lane>
inline void split(Vec<Scalar>& a, Vec<Scalar>& b, std::index_sequence<lane...>) {
  const Vec<Scalar> even = __builtin_shufflevector(a, b, (2 * lane)...);
  b = __builtin_shufflevector(a, b, (2 * lane + 1)...);
  a = even;
}

// Registers that hold `count` rows term by term, as so many rows.
template <class Scalar, Index count>
inline void split_rows(Vec<Scalar> (&terms)[count]) {
  constexpr auto all = std::make_index_sequence<static_cast<std::size_t>(lanes<Scalar>)>{};
  if constexpr (count == 2) {
    split<Scalar>(terms[0], terms[1], all);
  } else if constexpr (count == 4) {
    split<Scalar>(terms[0], terms[1], all);  // rows 0 and 2 of the first terms; 1 and 3
    split<Scalar>(terms[2], terms[3], all);
    split<Scalar>(terms[0], terms[2], all);
    split<Scalar>(terms[1], terms[3], all);
  }
}

// The sum of the lanes, halves first.
template <class Scalar>
inline Scalar sum(Vec<Scalar> v) {
  for (Index half = lanes<Scalar> / 2; half > 0; half /= 2)
    for (Index i = 0; i < half; ++i) v[i] += v[i + half];
  return v[0];
}

}  // namespace deltarule::simd
