// A program of its own for each instruction set: the functions are inline, and their bits are the
// compiler's.
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "kernels/elementary.hpp"
#include "numbers.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

using deltarule::elementary::Constants;
using deltarule::test::infinity;
using deltarule::test::not_a_number;
using deltarule::test::same_bits;
namespace elementary = deltarule::elementary;

namespace {

// The distance from the exact value in units in the last place, which are those of the smallest
// normal number for results below it. Inf stands for the number after the largest.
template <class Scalar>
double ulps(Scalar actual, long double exact) {
  using Limits = std::numeric_limits<Scalar>;
  const long double beyond = std::ldexp(1.0L, Limits::max_exponent);
  const auto finite = [&](long double x) { return std::clamp(x, -beyond, beyond); };
  const int exponent =
      exact == 0.0L ? Limits::min_exponent - 1
                    : std::clamp(std::ilogb(exact), Limits::min_exponent - 1, Limits::max_exponent);
  const long double unit = std::ldexp(1.0L, exponent - (Limits::digits - 1));
  return static_cast<double>(std::abs(finite(actual) - finite(exact)) / unit);
}

// Visits numbers of every size and sign, many between the ends of exp, and many around zero.
template <class Scalar, class Visit>
void sweep(Visit visit) {
  using C = Constants<Scalar>;
  using Bits = typename C::Bits;
  constexpr int count = 200'000;
  for (int k = 0; k < count; ++k) {
    const auto anywhere = std::bit_cast<Scalar>(static_cast<Bits>(k) * (~Bits{0} / count));
    if (!std::isnan(anywhere)) visit(anywhere);
    const auto part = static_cast<Scalar>(k) / count;
    visit(C::exp_is_zero - 1 + part * (C::exp_is_inf - C::exp_is_zero + 2));
    visit(Scalar(10) * (Scalar(2) * part - Scalar(1)));
  }
}

template <class Scalar, class Function, class Exact>
void check_within(double bound, Function function, Exact exact) {
  // Where long double is no wider than Scalar, the reference is itself off by a unit.
  if (std::numeric_limits<long double>::digits == std::numeric_limits<Scalar>::digits) bound += 1.0;
  double worst = 0.0;
  Scalar worst_at = 0;
  sweep<Scalar>([&](Scalar x) {
    const double distance = ulps(function(x), exact(static_cast<long double>(x)));
    if (distance <= worst) return;
    worst = distance;
    worst_at = x;
    if (std::isnan(distance)) worst = infinity<double>;
  });
  CAPTURE(worst_at);
  CHECK(worst <= bound);
}

long double exact_sigmoid(long double z) {
  // 1 / (1 + e^-z), with no overflow on the way to a result that is above 0
  const long double e = std::exp(-std::abs(z));
  return (z < 0.0L ? e : 1.0L) / (1.0L + e);
}

long double exact_softplus(long double z) {
  return std::max(z, 0.0L) + std::log1p(std::exp(-std::abs(z)));
}

// cos and sin of 2 pi times an exact number: whole turns and quarters do nothing but turn signs and
// places, and the rest is small.
struct ExactWave {
  long double cosine, sine;
};
ExactWave exact_wave(long double u) {
  const long double part = std::remainder(u, 1.0L), quarters = std::nearbyint(4.0L * part);
  const long double angle = 2.0L * std::numbers::pi_v<long double> * (part - quarters / 4.0L);
  const long double c = std::cos(angle), s = std::sin(angle);
  switch ((static_cast<int>(quarters) + 4) % 4) {
    case 0: return {c, s};
    case 1: return {-s, c};
    case 2: return {-c, -s};
    default: return {s, -c};
  }
}

}  // namespace

TEST_CASE("ulps measures what it says") {
  CHECK(ulps(1.0F, 1.0L) == 0.0);
  CHECK(ulps(std::nextafter(1.0F, 2.0F), 1.0L) == 1.0);
  CHECK(ulps(0.0, 0x1.8p-1074L) == 1.5);
  CHECK(ulps(infinity<float>, static_cast<long double>(std::numeric_limits<float>::max())) == 1.0);
  CHECK(std::isnan(ulps(not_a_number<float>, 1.0L)));
}

TEST_CASE_TEMPLATE("elementary functions are within their units in the last place", Scalar, float,
                   double) {
  SUBCASE("exp") {
    check_within<Scalar>(2.0, elementary::exp<Scalar>, [](long double x) { return std::exp(x); });
  }
  SUBCASE("tanh") {
    check_within<Scalar>(3.0, elementary::tanh<Scalar>, [](long double x) { return std::tanh(x); });
  }
  SUBCASE("sigmoid") { check_within<Scalar>(3.0, elementary::sigmoid<Scalar>, exact_sigmoid); }
  SUBCASE("softplus") { check_within<Scalar>(3.0, elementary::softplus<Scalar>, exact_softplus); }
  SUBCASE("log from 1 on") {
    check_within<Scalar>(
        2.0, [](Scalar x) { return elementary::log(std::max(Scalar(1), std::abs(x))); },
        [](long double x) { return std::log(std::max(1.0L, std::abs(x))); });
  }
  SUBCASE("expm1 below zero") {
    check_within<Scalar>(
        2.0, [](Scalar x) { return elementary::expm1_of_negative(-std::abs(x)); },
        [](long double x) { return std::expm1(-std::abs(x)); });
  }
  SUBCASE("cosine of turns") {
    check_within<Scalar>(
        2.0, [](Scalar u) { return elementary::wave(u).cosine; },
        [](long double u) { return exact_wave(u).cosine; });
  }
  SUBCASE("sine of turns") {
    check_within<Scalar>(
        2.0, [](Scalar u) { return elementary::wave(u).sine; },
        [](long double u) { return exact_wave(u).sine; });
  }
}

TEST_CASE_TEMPLATE("elementary functions reach their limits", Scalar, float, double) {
  using Limits = std::numeric_limits<Scalar>;
  constexpr Scalar inf = infinity<Scalar>;
  constexpr Scalar huge = Limits::max();
  const Scalar last_finite = std::log(huge);

  for (const Scalar x : {inf, huge, last_finite * Scalar(1.001)}) {
    CAPTURE(x);
    CHECK(elementary::exp(x) == inf);
    CHECK(same_bits(elementary::exp(-x * Scalar(1.2)), Scalar(0)));
    CHECK(elementary::tanh(x) == Scalar(1));
    CHECK(elementary::tanh(-x) == Scalar(-1));
    CHECK(elementary::sigmoid(x) == Scalar(1));
    CHECK(elementary::softplus(x) == x);
    CHECK(elementary::log(x) == std::log(x));
    CHECK(elementary::expm1_of_negative(-x) == Scalar(-1));
  }
  CHECK(elementary::exp(last_finite * Scalar(0.999)) < inf);
  for (const Scalar x : {inf, huge}) {
    CHECK(same_bits(elementary::sigmoid(-x), Scalar(0)));
    CHECK(same_bits(elementary::softplus(-x), Scalar(0)));
  }
  // The smallest number above zero is e^-103.3 or e^-744.4: results there are not flushed to zero.
  const Scalar tiny = std::log(Limits::denorm_min());
  CHECK(elementary::exp(tiny) == Limits::denorm_min());
  CHECK(elementary::sigmoid(tiny) == Limits::denorm_min());
  CHECK(elementary::softplus(tiny + Scalar(2)) > Scalar(0));
  CHECK(elementary::tanh(Limits::denorm_min()) == Limits::denorm_min());
}

TEST_CASE_TEMPLATE("elementary functions at zero, and the sign of zero", Scalar, float, double) {
  for (const Scalar zero : {Scalar(0), -Scalar(0)}) {
    CHECK(elementary::exp(zero) == Scalar(1));
    CHECK(elementary::sigmoid(zero) == Scalar(0.5));
    CHECK(same_bits(elementary::tanh(zero), zero));
  }
  CHECK(same_bits(elementary::log(Scalar(1)), Scalar(0)));
}

TEST_CASE_TEMPLATE("a wave at its quarters, and far out", Scalar, float, double) {
  const Scalar far = std::ldexp(Scalar(1), std::numeric_limits<Scalar>::digits - 3);
  for (const Scalar turns : {Scalar(0), Scalar(1), Scalar(7), far}) {
    CAPTURE(turns);
    const Scalar cosines[] = {1, 0, -1, 0}, sines[] = {0, 1, 0, -1};
    for (int quarter = 0; quarter < 4; ++quarter) {
      const Scalar u = turns + static_cast<Scalar>(quarter) / Scalar(4);
      CHECK(elementary::wave(u).cosine == cosines[quarter]);
      CHECK(elementary::wave(u).sine == sines[quarter]);
      CHECK(elementary::wave(-u).cosine == cosines[quarter]);
      CHECK(elementary::wave(-u).sine == -sines[quarter]);
    }
  }
  CHECK(same_bits(elementary::wave(-Scalar(0)).sine, -Scalar(0)));
  // Numbers that are all whole, and what is beyond all numbers.
  for (const Scalar u : {Scalar(4) * far, Scalar(8) * far + Scalar(8),
                         std::numeric_limits<Scalar>::max(), infinity<Scalar>}) {
    CAPTURE(u);
    for (const Scalar either : {u, -u}) {
      CHECK(elementary::wave(either).cosine == Scalar(1));
      CHECK(elementary::wave(either).sine == Scalar(0));
    }
  }
}

TEST_CASE_TEMPLATE("NaN stays NaN in elementary functions", Scalar, float, double) {
  for (const Scalar nan : {not_a_number<Scalar>, -not_a_number<Scalar>}) {
    CHECK(std::isnan(elementary::exp(nan)));
    CHECK(std::isnan(elementary::log(nan)));
    CHECK(std::isnan(elementary::tanh(nan)));
    CHECK(std::isnan(elementary::sigmoid(nan)));
    CHECK(std::isnan(elementary::softplus(nan)));
    CHECK(std::isnan(elementary::expm1_of_negative(nan)));
    CHECK(std::isnan(elementary::wave(nan).cosine));
    CHECK(std::isnan(elementary::wave(nan).sine));
  }
}
