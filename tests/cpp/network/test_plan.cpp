#include "base/sizes.hpp"
#include "network/architectures.hpp"
#include "network/network.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("tiles cover the flat vector once", Scalar, float, double) {
  std::vector<Architecture> all = architectures();
  all.push_back({3, {dense(70'000, "relu"), dense(2)}});
  all.push_back({784, {dense(256, "relu"), dense(128, "tanh"), dense(10, "softmax")}});
  for (const Architecture& architecture : all) {
    const Network<Scalar> network(architecture.inputs, architecture.layers);
    const Plan<Scalar>& plan = network.plan();
    std::vector<int> covered(static_cast<std::size_t>(network.parameter_count()));
    for (const Tile& tile : plan.tiles()) {
      const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
      CAPTURE(tile.first);
      CHECK(inputs > 0);
      CHECK(inputs == tile.inputs());
      CHECK(tile.first == network.layout().first_parameter(l) + tile.first_input * network.n(l));
      CHECK(tile.with_bias == (tile.last_input == network.n(l - 1)));
      CHECK(tile.count == (inputs + (tile.with_bias ? 1 : 0)) * network.n(l));
      // In a layer that is halved no tile lies in both halves.
      CHECK((tile.last_input <= plan.half(l, 1) || tile.first_input >= plan.half(l, 1)));
      for (Index i = tile.first; i < tile.first + tile.count; ++i)
        ++covered[static_cast<std::size_t>(i)];
    }
    CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
  }
  const Architecture widest = wide();
  CHECK(Network<Scalar>(widest.inputs, widest.layers).plan().tiles().size() > widest.layers.size());
}

TEST_CASE("tiles begin where the columns of a product do, and none is empty") {
  for (const Index inputs : {1, 7, 8, 9, 17, 192, 200, 784}) {
    for (const Index units : {1, 10, 128, 129, 256, 2000}) {
      CAPTURE(inputs);
      CAPTURE(units);
      const Plan<float> plan(Layout(inputs, {dense(units, "relu"), dense(3, "softmax")}));
      Index covered = 0;
      for (const Tile& tile : plan.tiles()) {
        CHECK(tile.count > 0);
        if (tile.inputs() >= Slices::columns) CHECK(tile.first_input % Slices::columns == 0);
        covered += tile.count;
      }
      CHECK(covered == plan.layout().parameter_count());
    }
  }
}

TEST_CASE_TEMPLATE("a network of many weights halves the inputs of its layers", Scalar, float,
                   double) {
  const Plan<Scalar> small(Layout(64, {dense(64, "relu"), dense(10, "softmax")}));
  CHECK_FALSE(small.goes_layerwise());
  CHECK_FALSE(small.halved(1));
  const Plan<Scalar> many(Layout(300, {dense(250, "relu"), dense(8, "relu"), dense(3, "relu")}));
  CHECK(many.goes_layerwise());
  CHECK(many.halved(1));
  CHECK(many.halved(2));
  CHECK_FALSE(many.halved(3));  // of eight inputs
  for (Index l = 1; l <= 3; ++l) {
    CHECK(many.half(l, 0) == 0);
    CHECK(many.half(l, 1) > 0);
    CHECK(many.half(l, 2) == many.layout().n(l - 1));
  }
}

TEST_CASE_TEMPLATE("inputs in turn are tiles of their own, and so are the biases", Scalar, float,
                   double) {
  const Index inputs = 5003, units = 20;
  const Plan<Scalar> plan(Layout(inputs, {dense(units), dense(2)}));
  REQUIRE(plan.takes_inputs_in_turn());
  const Index in_turn = kernels<Scalar>().dense.inputs_in_turn;
  std::vector<int> covered(static_cast<std::size_t>(plan.layout().parameter_count()));
  Index biases = 0;
  for (const Tile& tile : plan.tiles()) {
    for (Index i = tile.first; i < tile.first + tile.count; ++i)
      ++covered[static_cast<std::size_t>(i)];
    if (tile.layer != 1) continue;
    CAPTURE(tile.first_input);
    CHECK(tile.first == tile.first_input * units);
    CHECK(tile.inputs() <= in_turn);
    CHECK((tile.last_input <= plan.half(1, 1) || tile.first_input >= plan.half(1, 1)));
    CHECK(tile.with_bias == (tile.inputs() == 0));
    if (!tile.with_bias) continue;
    ++biases;
    CHECK(tile.first == inputs * units);
    CHECK(tile.count == units);
  }
  CHECK(biases == 1);
  CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
}

// No weights are there: only the plan of them.
TEST_CASE_TEMPLATE("weights beyond all memory are cut into as many tiles as a list can hold",
                   Scalar, float, double) {
  const auto before = std::chrono::steady_clock::now();
  constexpr Index root = Index{1} << 19;
  for (const Architecture& huge : {Architecture{root, {dense(root)}},       // 2^38
                                   Architecture{most_units, {dense(127)}},  // long, not wide
                                   Architecture{most_units, {dense(1)}},    // one unit alone
                                   Architecture{127, {dense(most_units)}},  // wide, not long
                                   Architecture{2 * root - 1, {dense(2 * root)}}}) {  // 2^40
    CAPTURE(huge.inputs);
    const Plan<Scalar> plan(Layout(huge.inputs, huge.layers));
    const Layout& layout = plan.layout();
    CHECK(plan.goes_layerwise());
    CHECK(plan.tiles().size() <= 40'000);
    std::vector<Tile> tiles = plan.tiles();
    std::sort(tiles.begin(), tiles.end(),
              [](const Tile& a, const Tile& b) { return a.first < b.first; });
    Index covered = 0;
    for (const Tile& tile : tiles) {
      REQUIRE(tile.first == covered);
      covered += tile.count;
    }
    CHECK(covered == layout.parameter_count());
    for (const Index m : {Index(1), Index(1000), most_examples}) {
      CAPTURE(m);
      CHECK(plan.gradient_groups(m) == 1);
      CHECK(plan.slices(m).count >= 1);
      CHECK(plan.slices(m).count <= 4096);
    }
  }
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(10));
}

TEST_CASE_TEMPLATE("a batch is cut into slices by shapes alone", Scalar, float, double) {
  const Architecture widest = wide();
  const Plan<Scalar> plan(Layout(widest.inputs, widest.layers));
  CHECK(plan.slices(many_examples).count > 1);
  const Plan<Scalar> many(Layout(300, {dense(300, "relu"), dense(2, "softmax")}));
  CHECK(many.gradient_groups(many_examples) == 1);  // layer by layer
  const Plan<Scalar> small(Layout(20, {dense(30, "relu"), dense(2, "softmax")}));
  CHECK(small.gradient_groups(50) == 1);  // too few to share
  CHECK(small.gradient_groups(10'000) > 2);
  for (const Plan<Scalar>* one : {&plan, &small}) {
    for (const Index m : {Index(1), Index(7), many_examples, Index(100'000), Index(1) << 40}) {
      CAPTURE(m);
      for (const Slices& slices : {one->slices(m), one->training_slices(m)}) {
        CHECK((slices.count == 1 || slices.count % 2 == 0));
        Index covered = 0;
        for (Index s = 0; s < slices.count; ++s) {
          CHECK(slices[s].first == covered);
          CHECK(slices[s].count >= 1);
          CHECK(slices[s].count <= slices.widest());
          covered += slices[s].count;
        }
        CHECK(covered == m);
        const Threads threads(3);
        CHECK(one->slices(m).count == Plan<Scalar>(one->layout()).slices(m).count);
      }
      CHECK(one->gradient_groups(m) <= one->training_slices(m).count);
      const Slices slices = one->slices(m);
      const Index together = one->slices_in_cache(slices);
      CHECK(together >= 1);
      CHECK((together == 1 || together * slices.widest() <= one->examples_in_cache()));
    }
  }
}

TEST_CASE_TEMPLATE("slices are not cut narrow for the sake of a cache", Scalar, float, double) {
  const Plan<Scalar> plan(
      Layout(100, {dense(128, "relu"), dense(128, "relu"), dense(1, "identity")}));
  CHECK(plan.examples_in_cache() < 32);
  for (const Index m : {Index(256), many_examples}) {
    CAPTURE(m);
    CHECK(plan.training_slices(m).widest() == 32);
  }
  CHECK(plan.training_slices(32).count == 2);  // a slice a thread comes first
}

TEST_CASE("slices are as wide as one another to within the columns of a product") {
  for (const Index m : {1, 7, 8, 9, 64, 203, 1001}) {
    for (const Index count : {1, 2, 4, 6}) {
      if (count > Slices::most(m)) continue;
      CAPTURE(m);
      CAPTURE(count);
      const Slices slices{m, count};
      Index least = m, most = 0;
      for (Index s = 0; s < count; ++s) {
        CHECK(slices[s].first % Slices::columns == 0);
        most = std::max(most, slices[s].count);
        if (s + 1 < count) least = std::min(least, slices[s].count);
      }
      CHECK(most <= slices.widest());
      CHECK(most - least <= Slices::columns);
      CHECK(slices.first(count) == m);
    }
  }
}
