// exp, log, tanh, sigmoid, softplus, cosine and sine as straight-line code, which a compiler turns into
// vector code.
//
// What lies beyond a function's bounds is chosen at its end. Had x been held to them at its beginning,
// a compiler would work out every step for the bounds apart, in masked copies of each.
//
// Each is within 3 units in the last place of the exact value (exp 2), gives the same bits at every
// place of an array, and keeps NaN and Inf; the standard library's are calls, one number at a time,
// and Eigen's flush what is small and disagree between a packet and the rest of the array.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

namespace deltarule::elementary {

template <class Scalar>
struct Constants;

template <>
struct Constants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr float log2_e = 1.44269504F, ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
  static constexpr float round_shift = 12582912.0F + 127.0F;         // 1.5 * 2^23, and the bias
  static constexpr float exp_is_zero = -104.0F, exp_is_inf = 89.0F;  // beyond these
  static constexpr float tanh_is_one = 10.0F, expm1_is_minus_one = 20.0F;
  static constexpr int atanh_terms = 8;
  static constexpr std::array expm1_series{0.5F, 0.16666577F, 0.0416665547F, 0.00836317307F,
                                           0.00139261761F};  // to 2.4e-8
  static constexpr float whole_shift = 8388608.0F;           // 2^23: from here on all are integers
  static constexpr float tau_low = -1.74845560e-7F;          // 2 pi less its float
  static constexpr std::array sine_series{-41.3416973F, 81.59952F, -75.7263029F};  // to 1.4e-8
  static constexpr std::array cosine_series{-19.7392088F, 64.9393691F, -85.4488201F,
                                            59.424106F};  // to 2.7e-10
};

template <>
struct Constants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52, exponent_bias = 1023;
  static constexpr double log2_e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                          ln2_low = 1.90821492927058770002e-10;
  static constexpr double round_shift = 6755399441055744.0 + 1023.0;  // 1.5 * 2^52, and the bias
  static constexpr double exp_is_zero = -746.0, exp_is_inf = 710.0;
  static constexpr double tanh_is_one = 20.0, expm1_is_minus_one = 40.0;
  static constexpr int atanh_terms = 17;
  static constexpr std::array expm1_series{
      0.500000000000000102,    0.166666666666666675,    0.0416666666666241619,
      0.00833333333333006445,  0.00138888889171967191,  0.000198412698630405453,
      2.48015213223686933e-05, 2.75572684803100255e-06, 2.76200758799833666e-07,
      2.51003758325612337e-08};                              // to 4.1e-17
  static constexpr double whole_shift = 4503599627370496.0;  // 2^52
  static constexpr double tau_low = 2.44929359829470641e-16;
  static constexpr std::array sine_series{-41.3417022403997552, 81.6052492760517003,
                                          -76.7058597356209391, 42.0586891808851199,
                                          -15.0940541820799988, 3.78643334956545014};  // to 1.3e-17
  static constexpr std::array cosine_series{
      -19.7392088021787172, 64.9393940226682427, -85.4568172066438042, 60.2446413527020089,
      -26.4262532758547214, 7.90320691156967843, -1.69903439406606364};  // to 1.8e-19
};

// x = n ln 2 + r with |r| <= ln(2) / 2
//
// Adding 1.5 * 2^mantissa_bits and the bias of an exponent rounds to an integer and leaves n and the
// bias in the low bits: no conversion instruction, and none that is undefined for NaN.
template <class Scalar>
struct Reduced {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  Scalar r;
  Bits shifted;

  Bits n() const { return shifted - std::bit_cast<Bits>(C::round_shift); }  // wraps
  // 2^n, in the range of normal numbers
  Scalar power_of_two() const { return std::bit_cast<Scalar>(shifted << C::mantissa_bits); }
};

template <class Scalar>
inline Reduced<Scalar> reduce(Scalar x) {
  using C = Constants<Scalar>;
  const Scalar shifted = x * C::log2_e + C::round_shift;
  const Scalar n = shifted - C::round_shift;
  const Scalar r = (x - n * C::ln2_high) - n * C::ln2_low;
  return {r, std::bit_cast<typename C::Bits>(shifted)};
}

// 2^n for an n in the range of normal numbers.
template <class Scalar>
inline Scalar power_of_two(typename Constants<Scalar>::Bits n) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  return std::bit_cast<Scalar>((n + static_cast<Bits>(C::exponent_bias)) << C::mantissa_bits);
}

// e^r - 1 = r + r^2/2! + r^3/3! + ... for |r| <= ln(2) / 2; after r the polynomial that meets the rest at
// Chebyshev's points, of a degree or two less than the series would need.
template <class Scalar>
inline Scalar expm1_series(Scalar r) {
  constexpr auto& coefficients = Constants<Scalar>::expm1_series;
  Scalar sum = coefficients.back();
  for (std::size_t k = coefficients.size() - 1; k-- > 0;) sum = sum * r + coefficients[k];
  return sum * (r * r) + r;
}

// e^x = 2^n e^r, with 2^n as two factors so that results below the normal range round correctly.
template <class Scalar>
inline Scalar exp(Scalar x) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  const Reduced<Scalar> reduced = reduce(x);
  constexpr Bits offset = 2048;  // makes n positive, so that the shift halves it
  const Bits half = ((reduced.n() + 2 * offset) >> 1) - offset;
  const Scalar e_r = Scalar(1) + expm1_series(reduced.r);
  const Scalar e_x = (e_r * power_of_two<Scalar>(half)) * power_of_two<Scalar>(reduced.n() - half);
  const Scalar no_more = x > C::exp_is_inf ? std::numeric_limits<Scalar>::infinity() : e_x;
  return x < C::exp_is_zero ? Scalar(0) : no_more;  // NaN passes
}

// e^z - 1 for z <= 0; anything above gives some number
template <class Scalar>
inline Scalar expm1_of_negative(Scalar z) {
  using C = Constants<Scalar>;
  const Reduced<Scalar> reduced = reduce(z);
  const Scalar scale = reduced.power_of_two();
  const Scalar expm1 = scale * expm1_series(reduced.r) + (scale - Scalar(1));
  return z < -C::expm1_is_minus_one ? Scalar(-1) : expm1;  // NaN passes
}

// tanh x = (e^2x - 1) / (e^2x + 1), by way of e^2|x| - 1, which keeps every digit near 0
template <class Scalar>
inline Scalar tanh(Scalar x) {
  using C = Constants<Scalar>;
  const Scalar magnitude = std::abs(x);
  const Reduced<Scalar> reduced = reduce(magnitude + magnitude);
  const Scalar scale = reduced.power_of_two();
  const Scalar expm1 = scale * expm1_series(reduced.r) + (scale - Scalar(1));
  // NaN passes.
  const Scalar size = magnitude > C::tanh_is_one ? Scalar(1) : expm1 / (expm1 + Scalar(2));
  return std::copysign(size, x);
}

// sigmoid z = 1 / (1 + e^-z), by way of e^-|z|, which cannot overflow
template <class Scalar>
inline Scalar sigmoid(Scalar z) {
  const Scalar e = exp(-std::abs(z));
  return (z < Scalar(0) ? e : Scalar(1)) / (Scalar(1) + e);
}

// 2 atanh s = 2 (s + s^3/3 + s^5/5 + ...) for |s| <= 1/3
template <class Scalar>
inline Scalar twice_atanh(Scalar s) {
  constexpr int terms = Constants<Scalar>::atanh_terms;
  const Scalar s2 = s * s;
  Scalar sum = Scalar(1) / Scalar(2 * terms + 1);
  for (int k = terms - 1; k >= 1; --k) sum = sum * s2 + Scalar(1) / Scalar(2 * k + 1);
  return Scalar(2) * (sum * (s2 * s) + s);
}

// log(1 + e) = 2 atanh(e / (2 + e)) for 0 <= e <= 1
template <class Scalar>
inline Scalar log1p_of_unit(Scalar e) {
  return twice_atanh(e / (Scalar(2) + e));
}

// log x = n ln 2 + log f for x = 2^n f >= 1, with f from root(1/2) to root(2) and
// log f = 2 atanh((f - 1) / (f + 1))
template <class Scalar>
inline Scalar log(Scalar x) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  constexpr Scalar half_root = std::numbers::sqrt2_v<Scalar> / Scalar(2);
  const Bits n = (std::bit_cast<Bits>(x) - std::bit_cast<Bits>(half_root)) >> C::mantissa_bits;
  const auto f = std::bit_cast<Scalar>(std::bit_cast<Bits>(x) - (n << C::mantissa_bits));
  // As in `reduce`, backwards: n is small and not negative.
  const Scalar number =
      std::bit_cast<Scalar>(std::bit_cast<Bits>(C::round_shift) + n) - C::round_shift;
  const Scalar log_f = twice_atanh((f - Scalar(1)) / (f + Scalar(1)));
  const Scalar log_x = number * C::ln2_high + (number * C::ln2_low + log_f);
  return x < std::numeric_limits<Scalar>::infinity() ? log_x : x;  // NaN passes
}

// softplus z = log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
template <class Scalar>
inline Scalar softplus(Scalar z) {
  const Scalar positive_part = z < Scalar(0) ? Scalar(0) : z;  // NaN passes
  return positive_part + log1p_of_unit(exp(-std::abs(z)));
}

template <class Scalar>
struct Wave {
  Scalar cosine, sine;
};

// cos 2 pi u and sin 2 pi u: of turns, whose whole ones and quarters are taken off without rounding, so
// that a large u is as good as a small one, and Inf, which has no fraction, counts as 0.
template <class Scalar>
inline Wave<Scalar> wave(Scalar u) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  constexpr int sign_bit = 8 * static_cast<int>(sizeof(Scalar)) - 1;
  constexpr Scalar quarters_shift = C::whole_shift + C::whole_shift / Scalar(2);
  const Scalar turns = std::abs(u);
  const Scalar whole = (turns + C::whole_shift) - C::whole_shift;
  const Scalar part = turns >= C::whole_shift ? Scalar(0) : turns - whole;  // NaN passes
  const Scalar shifted = Scalar(4) * part + quarters_shift;
  const auto quarter = std::bit_cast<Bits>(shifted);  // in its last two bits
  const Scalar r = part - (shifted - quarters_shift) / Scalar(4);
  const Scalar r2 = r * r;
  Scalar of_sine = C::sine_series.back(), of_cosine = C::cosine_series.back();
  for (std::size_t k = C::sine_series.size() - 1; k-- > 0;)
    of_sine = of_sine * r2 + C::sine_series[k];
  for (std::size_t k = C::cosine_series.size() - 1; k-- > 0;)
    of_cosine = of_cosine * r2 + C::cosine_series[k];
  constexpr Scalar tau = Scalar(2) * std::numbers::pi_v<Scalar>;
  const auto sine = std::bit_cast<Bits>(tau * r + (C::tau_low * r + of_sine * (r2 * r)));
  const auto cosine = std::bit_cast<Bits>(of_cosine * r2 + Scalar(1));
  const Bits odd = Bits{0} - (quarter & 1);  // a quarter turn: one becomes the other
  const Bits swapped = (sine ^ cosine) & odd;
  const Bits minus_cosine = ((quarter + 1) & 2) << (sign_bit - 1);
  const Bits minus_sine =
      ((quarter & 2) << (sign_bit - 1)) ^ (std::bit_cast<Bits>(u) & (Bits{1} << sign_bit));
  return {std::bit_cast<Scalar>((cosine ^ swapped) ^ minus_cosine),
          std::bit_cast<Scalar>((sine ^ swapped) ^ minus_sine)};
}

}  // namespace deltarule::elementary
