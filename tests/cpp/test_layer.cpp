#include "deltarule/layer.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

using namespace deltarule;

namespace {

Layer of(Kind kind) { return {0, Activation::identity, std::move(kind)}; }

LayerSizes sizes(const Layer& layer, Index n_prev) { return layer_sizes(layer, n_prev, "this"); }

void check_sizes(const Layer& layer, Index n_prev, const LayerSizes& expected) {
  const LayerSizes made = sizes(layer, n_prev);
  CHECK(made.n == expected.n);
  CHECK(made.parameters == expected.parameters);
  CHECK(made.statistics == expected.statistics);
  CHECK(made.cached == expected.cached);
}

}  // namespace

TEST_CASE("a layer's sizes") {
  for (const Index n : {1, 7}) {
    CAPTURE(n);
    check_sizes({3, Activation::relu}, n, {3, 3 * n + 3, 0, 0});
    check_sizes(of(Identity{}), n, {n, 0, 0, 0});
    check_sizes(of(Dropout{0.5}), n, {n, 0, 0, n});
    check_sizes(of(Dropout{0.0}), n, {n, 0, 0, n});
    check_sizes(of(BatchNorm{}), n, {n, 2 * n, 2 * n, 0});
    check_sizes(of(LayerNorm{}), n, {n, 2 * n, 0, 2});
    check_sizes(of(PRelu{}), n, {n, n, 0, 0});
    check_sizes(of(Standardize{}), n, {n, 0, 2 * n, 0});
    check_sizes(of(Add{0}), n, {n, 0, 0, 0});
  }
  // Two of five columns become vectors of 4 and of 1; tables of 3 x 4 and 9 x 1.
  check_sizes(of(Embedding{{{0, 3, 4}, {4, 9, 1}}}), 5, {3 + 4 + 1, 12 + 9, 0, 0});
  check_sizes(of(Embedding{}), 5, {5, 0, 0, 0});
  // Units are a dense layer's own to say.
  check_sizes({99, Activation::identity, PRelu{}}, 7, {7, 7, 0, 0});
}

TEST_CASE("a layer that cannot be is refused by name, and told why") {
  const auto check = [](const Layer& layer, const char* message) {
    CAPTURE(message);
    CHECK_THROWS_AS(sizes(layer, 5), std::invalid_argument);
    CHECK_THROWS_WITH(sizes(layer, 5), doctest::Contains("this "));
    CHECK_THROWS_WITH(sizes(layer, 5), doctest::Contains(message));
  };
  constexpr Index huge = std::numeric_limits<Index>::max() / 2;
  check({0, Activation::relu}, "has 0 units: expected 1 or more");
  check({-3, Activation::relu}, "has -3 units: expected 1 or more");
  check({huge, Activation::relu}, "expected a number of weights that a computer can hold");
  for (const double rate : {-0.1, 1.0, 1.5, test::not_a_number<double>})
    check(of(Dropout{rate}), "expected 0 or more, and less than 1");
  check(of(Embedding{{{5, 3, 2}}}), "embeds column 5 of 5");
  check(of(Embedding{{{-1, 3, 2}}}), "embeds column -1 of 5");
  check(of(Embedding{{{1, 3, 2}, {1, 3, 2}}}), "in ascending order");
  check(of(Embedding{{{3, 3, 2}, {1, 3, 2}}}), "in ascending order");
  check(of(Embedding{{{1, 0, 2}}}), "0 categories in 2 dimensions: expected 1 or more");
  check(of(Embedding{{{1, 3, 0}}}), "3 categories in 0 dimensions: expected 1 or more");
  check(of(Embedding{{{1, huge, 100}}}), "expected 1 or more of each");
  check(of(Embedding{{{1, huge / 64, 1}, {2, huge / 64, 1}, {3, huge / 64, 1}}}), "expected 1");
}
