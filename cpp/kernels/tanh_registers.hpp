// tanh of several registers side by side, to the bits of elementary.hpp's.
#pragma once

#include "kernels/elementary.hpp"
#include "kernels/simd.hpp"

#include <bit>
#include <cstddef>

namespace deltarule {

#if defined(__AVX2__) && !defined(__AVX512F__)
// One number's steps wait for one another, and a processor does not look far enough ahead to work at the
// next register meanwhile; so its steps are written beside those of others.
//
// The same steps as elementary::tanh's, of x instead of 2x, with factors of two that round nothing: the
// series gives (e^2x - 1) / 2. Here no copies are made for the bounds, so x is held to them at the
// beginning, where that is one instruction.
template <class Scalar>
struct TanhRegisters {
  using C = elementary::Constants<Scalar>;
  using Vec = simd::Vec<Scalar>;
  using Bits [[gnu::vector_size(simd::bytes)]] = typename C::Bits;
  static constexpr int together = 4;
  static constexpr Index numbers = together * simd::lanes<Scalar>;

  // The coefficient of r^(k + 2) in (e^2r - 1) / 2.
  static constexpr auto series = [] {
    auto coefficients = C::expm1_series;
    Scalar factor = 2;
    for (Scalar& coefficient : coefficients) {
      coefficient *= factor;
      factor *= 2;
    }
    return coefficients;
  }();

  static Bits sign_of(Vec x) {
    return reinterpret_cast<Bits>(x) & std::bit_cast<typename C::Bits>(Scalar(-0.0));
  }

  // out := tanh(in), `numbers` of them
  [[gnu::always_inline]] static inline void run(const Scalar* in, Scalar* out) {
    constexpr Scalar half = 0.5, one = 1;
    Vec x[together], n[together], r[together], scale[together], sum[together];
    const auto each = [](auto step) {
#pragma GCC unroll 4
      for (int i = 0; i < together; ++i) step(i);
    };
    each([&](int i) { x[i] = simd::load(in + i * simd::lanes<Scalar>); });
    each(
        [&](int i) { r[i] = reinterpret_cast<Vec>(reinterpret_cast<Bits>(x[i]) ^ sign_of(x[i])); });
    each([&](int i) { r[i] = simd::held_to<Scalar>(C::tanh_is_one, r[i]); });
    each([&](int i) { n[i] = r[i] * (2 * C::log2_e) + C::round_shift; });
    each([&](int i) {
      scale[i] = reinterpret_cast<Vec>(reinterpret_cast<Bits>(n[i]) << C::mantissa_bits);
    });
    each([&](int i) { n[i] = n[i] - C::round_shift; });
    each([&](int i) { r[i] = r[i] - n[i] * (C::ln2_high / 2); });
    each([&](int i) { r[i] = r[i] - n[i] * (C::ln2_low / 2); });
    each([&](int i) { sum[i] = Vec{} + series.back(); });
    for (std::size_t k = series.size() - 1; k-- > 0;)
      each([&](int i) { sum[i] = sum[i] * r[i] + series[k]; });
    each([&](int i) { sum[i] = sum[i] * (r[i] * r[i]) + r[i]; });
    each([&](int i) { sum[i] = scale[i] * sum[i] + (scale[i] * half - half); });
    each([&](int i) { sum[i] = sum[i] / (sum[i] + one); });  // not below 0
    each([&](int i) {
      simd::store(out + i * simd::lanes<Scalar>,
                  reinterpret_cast<Vec>(reinterpret_cast<Bits>(sum[i]) | sign_of(x[i])));
    });
  }
};
#endif

}  // namespace deltarule
