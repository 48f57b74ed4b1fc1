// What the tests of single numbers share.
#pragma once

#include <cmath>
#include <concepts>
#include <limits>

namespace deltarule::test {

template <class Scalar>
constexpr Scalar not_a_number = std::numeric_limits<Scalar>::quiet_NaN();
template <class Scalar>
constexpr Scalar infinity = std::numeric_limits<Scalar>::infinity();

// Bit for bit, but for the payload of a NaN.
template <std::floating_point Scalar>
bool same_bits(Scalar a, Scalar b) {
  return (a == b && std::signbit(a) == std::signbit(b)) || (std::isnan(a) && std::isnan(b));
}

}  // namespace deltarule::test
