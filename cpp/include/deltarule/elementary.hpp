// exp, tanh, sigmoid and softplus as straight-line code, which a compiler turns into vector code.
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

namespace deltarule::elementary {

template <class Scalar>
struct Constants;

template <>
struct Constants<float> {
  using Bits = std::uint32_t;
  static constexpr int mantissa_bits = 23, exponent_bias = 127;
  static constexpr float log2_e = 1.44269504F, ln2_high = 0.693359375F, ln2_low = -2.12194440e-4F;
  static constexpr float round_shift = 12582912.0F;                  // 1.5 * 2^23
  static constexpr float exp_is_zero = -104.0F, exp_is_inf = 89.0F;  // beyond these
  static constexpr float tanh_is_one = 10.0F, expm1_is_minus_one = 20.0F;
  static constexpr int exp_degree = 7, atanh_terms = 8;
};

template <>
struct Constants<double> {
  using Bits = std::uint64_t;
  static constexpr int mantissa_bits = 52, exponent_bias = 1023;
  static constexpr double log2_e = 1.4426950408889634, ln2_high = 6.93147180369123816490e-01,
                          ln2_low = 1.90821492927058770002e-10;
  static constexpr double round_shift = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double exp_is_zero = -746.0, exp_is_inf = 710.0;
  static constexpr double tanh_is_one = 20.0, expm1_is_minus_one = 40.0;
  static constexpr int exp_degree = 13, atanh_terms = 17;
};

// 1/1!, 1/2!, ..., 1/degree!
template <class Scalar, int degree>
constexpr std::array<Scalar, degree> inverse_factorials() {
  std::array<Scalar, degree> table{};
  double factorial = 1.0;
  for (int k = 1; k <= degree; ++k) {
    factorial *= k;
    table[static_cast<std::size_t>(k - 1)] = static_cast<Scalar>(1.0 / factorial);
  }
  return table;
}

// x = n ln 2 + r with |r| <= ln(2) / 2; `bits` is n as an unsigned integer that wraps.
template <class Scalar>
struct Reduced {
  Scalar r;
  typename Constants<Scalar>::Bits n;
};

template <class Scalar>
inline Reduced<Scalar> reduce(Scalar x) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  // Adding 1.5 * 2^mantissa_bits rounds to an integer and leaves it in the low bits: no conversion
  // instruction, and none that is undefined for NaN.
  const Scalar shifted = x * C::log2_e + C::round_shift;
  const Scalar n = shifted - C::round_shift;
  const Scalar r = (x - n * C::ln2_high) - n * C::ln2_low;
  return {r, std::bit_cast<Bits>(shifted) - std::bit_cast<Bits>(C::round_shift)};
}

// 2^n for an n in the range of normal numbers.
template <class Scalar>
inline Scalar power_of_two(typename Constants<Scalar>::Bits n) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  return std::bit_cast<Scalar>((n + static_cast<Bits>(C::exponent_bias)) << C::mantissa_bits);
}

// e^r - 1 = r + r^2/2! + r^3/3! + ... for |r| <= ln(2) / 2
template <class Scalar>
inline Scalar expm1_series(Scalar r) {
  constexpr int degree = Constants<Scalar>::exp_degree;
  constexpr auto coefficients = inverse_factorials<Scalar, degree>();
  Scalar sum = coefficients[degree - 1];
  for (int k = degree - 2; k >= 1; --k) sum = sum * r + coefficients[static_cast<std::size_t>(k)];
  return sum * (r * r) + r;
}

// e^x = 2^n e^r, with 2^n as two factors so that results below the normal range round correctly.
template <class Scalar>
inline Scalar exp(Scalar x) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  Scalar clamped = x < C::exp_is_zero ? C::exp_is_zero : x;  // NaN passes
  clamped = clamped > C::exp_is_inf ? C::exp_is_inf : clamped;
  const Reduced<Scalar> reduced = reduce(clamped);
  constexpr Bits offset = 2048;  // makes n positive, so that the shift halves it
  const Bits half = ((reduced.n + 2 * offset) >> 1) - offset;
  const Scalar e_r = Scalar(1) + expm1_series(reduced.r);
  return (e_r * power_of_two<Scalar>(half)) * power_of_two<Scalar>(reduced.n - half);
}

// e^z - 1 for z <= 0; anything above gives some finite number
template <class Scalar>
inline Scalar expm1_of_negative(Scalar z) {
  using C = Constants<Scalar>;
  Scalar clamped = z < -C::expm1_is_minus_one ? -C::expm1_is_minus_one : z;  // NaN passes
  clamped = clamped > Scalar(0) ? Scalar(0) : clamped;
  const Reduced<Scalar> reduced = reduce(clamped);
  const Scalar scale = power_of_two<Scalar>(reduced.n);
  return scale * expm1_series(reduced.r) + (scale - Scalar(1));
}

// tanh x = (e^2x - 1) / (e^2x + 1), by way of e^2|x| - 1, which keeps every digit near 0
template <class Scalar>
inline Scalar tanh(Scalar x) {
  using C = Constants<Scalar>;
  const Scalar magnitude = std::abs(x);
  const Scalar clamped = magnitude > C::tanh_is_one ? C::tanh_is_one : magnitude;  // NaN passes
  const Reduced<Scalar> reduced = reduce(clamped + clamped);
  const Scalar scale = power_of_two<Scalar>(reduced.n);
  const Scalar expm1 = scale * expm1_series(reduced.r) + (scale - Scalar(1));
  return std::copysign(expm1 / (expm1 + Scalar(2)), x);
}

// sigmoid z = 1 / (1 + e^-z), by way of e^-|z|, which cannot overflow
template <class Scalar>
inline Scalar sigmoid(Scalar z) {
  const Scalar e = exp(-std::abs(z));
  return (z < Scalar(0) ? e : Scalar(1)) / (Scalar(1) + e);
}

// log(1 + e) = 2 atanh(e / (2 + e)) for 0 <= e <= 1
template <class Scalar>
inline Scalar log1p_of_unit(Scalar e) {
  constexpr int terms = Constants<Scalar>::atanh_terms;
  const Scalar s = e / (Scalar(2) + e);
  const Scalar s2 = s * s;
  Scalar sum = Scalar(1) / Scalar(2 * terms + 1);
  for (int k = terms - 1; k >= 1; --k) sum = sum * s2 + Scalar(1) / Scalar(2 * k + 1);
  return Scalar(2) * (sum * (s2 * s) + s);
}

// softplus z = log(1 + e^z) = max(z, 0) + log(1 + e^-|z|)
template <class Scalar>
inline Scalar softplus(Scalar z) {
  const Scalar positive_part = z < Scalar(0) ? Scalar(0) : z;  // NaN passes
  return positive_part + log1p_of_unit(exp(-std::abs(z)));
}

}  // namespace deltarule::elementary
