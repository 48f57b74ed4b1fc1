#include "kernels/dropout.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>

using namespace deltarule;
using namespace deltarule::test;

namespace {

using Words = std::array<std::uint32_t, 2>;

// Threefry-2x32 of 20 rounds as the paper has it: eight rotations in turn, and a part of the key
// after every four rounds (Salmon et al. 2011, section 4.2).
Words threefry(const Words& key, Words x) {
  constexpr std::array<int, 8> rotations{13, 15, 26, 6, 17, 29, 16, 24};
  const std::array<std::uint32_t, 3> keys{key[0], key[1], 0x1BD11BDA ^ key[0] ^ key[1]};
  x[0] += keys[0];
  x[1] += keys[1];
  for (std::uint32_t round = 0; round < 20; ++round) {
    const int rotation = rotations[round % 8];
    x[0] += x[1];
    x[1] = (x[1] << rotation | x[1] >> (32 - rotation)) ^ x[0];
    if (round % 4 == 3) {
      const std::uint32_t part = round / 4 + 1;
      x[0] += keys[part % 3];
      x[1] += keys[(part + 1) % 3] + part;
    }
  }
  return x;
}

Words words(std::uint64_t number) {
  return {static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32)};
}

// A unit's half of a word. A counter (unit in its quarter, example) gives two words: the halves of the
// first are the first two quarters', those of the second the others'.
std::uint32_t half_word(const DropoutKey& key, Index unit, Index example, Index n) {
  const Words of_layer = threefry(threefry(words(key.seed), words(key.pass)), {key.layer, 0});
  const Index quarter = (n + 3) / 4, part = unit / quarter;
  const Words two = threefry(
      of_layer, {static_cast<std::uint32_t>(unit % quarter), static_cast<std::uint32_t>(example)});
  const std::uint32_t word = two[part < 2 ? 0 : 1];
  return part % 2 == 0 ? word & 0xFFFF : word >> 16;
}

// The rate is one of 2^16, and so is the factor of what is kept.
double drops_of_2_16(double rate) { return std::min(std::round(rate * 0x1p16), 0x1p16 - 1); }
template <class Scalar>
Scalar factor(double rate) {
  return static_cast<Scalar>(0x1p16 / (0x1p16 - drops_of_2_16(rate)));
}

template <class Scalar>
Matrix<Scalar> mask(double rate, const DropoutKey& key, Index n, Index m, Index first = 0) {
  Matrix<Scalar> result = Matrix<Scalar>::Constant(n, m, not_a_number<Scalar>);
  kernels<Scalar>().dropout.mask(rate, key, first, result);
  return result;
}

}  // namespace

TEST_CASE("Threefry gives the published words") {
  // kat_vectors of Random123, threefry2x32 20
  CHECK(threefry({0, 0}, {0, 0}) == Words{0x6b200159, 0x99ba4efe});
  CHECK(threefry({0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Words{0x1cb996fc, 0xbb002be7});
  CHECK(threefry({0x13198a2e, 0x03707344}, {0x243f6a88, 0x85a308d3}) ==
        Words{0xc4923a9c, 0x483df7a0});
}

TEST_CASE_TEMPLATE("a mask is made of Threefry's words", Scalar, float, double) {
  const DropoutKey keys[] = {{0, 0, 0},
                             {1, 0, 1},
                             {0x123456789abcdef0, 7, 3},
                             {~std::uint64_t{0}, std::uint64_t{1} << 40, 12}};
  for (const DropoutKey& key : keys) {
    for (const Index n : {1, 2, 3, 16, 33, 511, 512, 513, 1100}) {
      CAPTURE(key.seed);
      CAPTURE(n);
      const double rate = 0.4;
      const auto drawn = mask<Scalar>(rate, key, n, 3, 5);
      const auto expected = Matrix<Scalar>::NullaryExpr(n, 3, [&](Index i, Index j) {
        return half_word(key, i, 5 + j, n) < drops_of_2_16(rate) ? Scalar(0) : factor<Scalar>(rate);
      });
      CHECK(same_bits(drawn, expected.eval()));
    }
  }
}

TEST_CASE_TEMPLATE("as many are dropped as the rate says", Scalar, float, double) {
  const Index n = 301, m = 400;
  const auto count = static_cast<double>(n * m);
  for (const double rate : {0.0, 0.1, 0.5, 0.9, 0.999}) {
    CAPTURE(rate);
    const auto drawn = mask<Scalar>(rate, {3, 1, 2}, n, m);
    const auto keep = factor<Scalar>(rate);
    CHECK(std::abs(static_cast<double>(keep) * (1.0 - rate) - 1.0) < 0.01);
    CHECK((drawn.array() == Scalar(0) || drawn.array() == keep).all());
    const auto dropped = static_cast<double>((drawn.array() == Scalar(0)).count());
    CHECK(std::abs(dropped - rate * count) <= 4.0 * std::sqrt(rate * (1.0 - rate) * count));
  }
  CHECK((mask<Scalar>(0.0, {3, 1, 2}, n, m).array() == Scalar(1)).all());
}

TEST_CASE_TEMPLATE("the cut of a batch changes no bit", Scalar, float, double) {
  const DropoutKey key{11, 5, 4};
  for (const Index n : {1, 2, 9, 64, 515}) {
    const auto whole = mask<Scalar>(0.3, key, n, 23);
    for (const Index cut : {1, 7, 16}) {
      CAPTURE(n);
      CAPTURE(cut);
      CHECK(same_bits(mask<Scalar>(0.3, key, n, cut), whole.leftCols(cut)));
      CHECK(same_bits(mask<Scalar>(0.3, key, n, 23 - cut, cut), whole.rightCols(23 - cut)));
    }
    // A view of a larger matrix, beside which nothing is written.
    Matrix<Scalar> frame = Matrix<Scalar>::Constant(n + 3, 25, Scalar(42));
    kernels<Scalar>().dropout.mask(0.3, key, 0, frame.block(2, 1, n, 23));
    CHECK(same_bits(frame.block(2, 1, n, 23), whole));
    frame.block(2, 1, n, 23).setConstant(Scalar(42));
    CHECK((frame.array() == Scalar(42)).all());
  }
}

TEST_CASE_TEMPLATE("seed, pass, layer, example and unit each make another mask", Scalar, float,
                   double) {
  const Index n = 100, m = 40;
  const DropoutKey key{1, 2, 3};
  const auto drawn = mask<Scalar>(0.5, key, n, m);
  CHECK(same_bits(mask<Scalar>(0.5, key, n, m), drawn));
  // Two that have nothing to do with one another agree in half of their numbers.
  const auto unrelated = [](const auto& a, const auto& b) {
    const auto count = static_cast<double>(a.size());
    const auto alike = static_cast<double>((a.array() == b.array()).count());
    return std::abs(alike - count / 2) < 2.5 * std::sqrt(count);
  };
  constexpr std::uint64_t high = std::uint64_t{1} << 32;
  for (const DropoutKey& other :
       {DropoutKey{2, 2, 3}, DropoutKey{1 + high, 2, 3}, DropoutKey{1, 3, 3},
        DropoutKey{1, 2 + high, 3}, DropoutKey{1, 2, 4}, DropoutKey{2, 1, 3}, DropoutKey{1, 3, 2}})
    CHECK(unrelated(mask<Scalar>(0.5, other, n, m), drawn));
  CHECK(unrelated(mask<Scalar>(0.5, key, n, m, m), drawn));  // the examples after these
  CHECK(unrelated(drawn.leftCols(m - 1), drawn.rightCols(m - 1)));
  CHECK(unrelated(drawn.topRows(n - 1), drawn.bottomRows(n - 1)));
  CHECK(unrelated(drawn.topRows(n / 2), drawn.bottomRows(n / 2)));
  CHECK_FALSE(unrelated(drawn, drawn));
}

TEST_CASE_TEMPLATE("dropout is a product number by number", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Index n : {1, 7, 33}) {
    for (const Index m : {1, 5}) {
      const auto in = random_matrix<Scalar>(engine, n, m);
      const auto factors = mask<Scalar>(0.4, {1, 1, 1}, n, m);
      Matrix<Scalar> out(n, m);
      kernels<Scalar>().dropout.apply(in, factors, out);
      CHECK(same_bits(out, in.cwiseProduct(factors).eval()));
      Matrix<Scalar> in_place = in;
      kernels<Scalar>().dropout.apply(in_place, factors, in_place);
      CHECK(same_bits(in_place, out));
    }
  }
  Matrix<Scalar> A{{not_a_number<Scalar>, Scalar(3)}}, factors{{Scalar(2), Scalar(0)}}, Z(1, 2);
  kernels<Scalar>().dropout.apply(A, factors, Z);
  CHECK(std::isnan(Z(0)));
  CHECK(Z(1) == Scalar(0));
}

TEST_CASE_TEMPLATE("a mask of no units or no examples is none", Scalar, float, double) {
  kernels<Scalar>().dropout.mask(0.5, {}, 0, {nullptr, 0, 3});
  kernels<Scalar>().dropout.mask(0.5, {}, 0, {nullptr, 3, 0});
  kernels<Scalar>().dropout.apply({nullptr, 0, 3}, {nullptr, 0, 3}, {nullptr, 0, 3});
  kernels<Scalar>().dropout.apply({nullptr, 3, 0}, {nullptr, 3, 0}, {nullptr, 3, 0});
}
