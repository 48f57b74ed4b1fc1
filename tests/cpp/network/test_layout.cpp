#include "model.hpp"
#include "network/architectures.hpp"
#include "network/layout.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

using Layers = std::vector<Layer>;
using Indices = std::vector<Index>;

}  // namespace

TEST_CASE_TEMPLATE("W and b lie in the flat vector one after another", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Architecture& architecture : architectures()) {
    Model<Scalar> model(engine, architecture.inputs, architecture.layers);
    const Network<Scalar>& network = model.network;
    const reference::Network& naive = model.naive;
    const Vector<Scalar>& constant = model.parameters;
    REQUIRE(network.depth() == naive.depth());
    CHECK(network.parameter_count() == naive.parameter_count());
    CHECK(network.n(0) == naive.inputs);
    for (Index l = 1; l <= naive.depth(); ++l) {
      CAPTURE(l);
      CHECK(network.n(l) == naive.n(l));
      CHECK(row_of(network.layout().g(l)).name == naive.g(l));
      CHECK(network.layout().first_parameter(l) == naive.offset(l));
      CHECK(exact(W_of(network, constant, l)) == naive.W(exact(constant), l));
      CHECK(exact(b_of(network, constant, l)) == naive.b(exact(constant), l));
      // Views: what is written to them is written to the vector.
      network.W(model.parameters.data(), l)(0, 0) = Scalar(42);
      CHECK(constant(naive.offset(l)) == Scalar(42));
    }
  }
}

TEST_CASE_TEMPLATE("parameters and statistics of every kind lie one after another", Scalar, float,
                   double) {
  for (const Stack& stack : stacks(7)) {
    INFO(stack.name);
    Network<Scalar> network(stack.inputs, stack.layers);
    const Layout& layout = network.layout();
    Index parameters = 0, statistics = 0, n = stack.inputs, widest = n;
    std::vector<int> covered(static_cast<std::size_t>(network.parameter_count()));
    for (Index l = 1; l <= network.depth(); ++l) {
      const LayerSizes sizes = stack.layers[static_cast<std::size_t>(l - 1)].sizes(n, "");
      CHECK(network.n(l) == sizes.n);
      CHECK(layout.cached(l) == sizes.cached);
      CHECK(layout.first_parameter(l) == parameters);
      CHECK(layout.parameters(l) == sizes.parameters);
      CHECK(layout.first_statistic(l) == statistics);
      // As good as no normalisation, before there was a batch.
      if (sizes.statistics > 0) {
        const auto all = vector_of(network.statistics());
        CHECK((all.segment(statistics, n).array() == Scalar(0)).all());
        CHECK((all.segment(statistics + n, n).array() == Scalar(1)).all());
      }
      parameters += sizes.parameters;
      statistics += sizes.statistics;
      n = sizes.n;
      widest = std::max(widest, n);
    }
    CHECK(network.parameter_count() == parameters);
    CHECK(network.statistics().size() == statistics);
    CHECK(layout.statistic_count() == statistics);
    CHECK(layout.widest() == widest);
    for (const Tile& tile : network.plan().tiles())
      for (Index i = tile.first; i < tile.first + tile.count; ++i)
        ++covered[static_cast<std::size_t>(i)];
    CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
  }
}

TEST_CASE_TEMPLATE("a network that cannot be is refused, and told why", Scalar, float, double) {
  const Layers layers{dense(3, "relu"), dense(1, "sigmoid")};
  const auto make = [](Index inputs, const Layers& l) {
    return Network<Scalar>(inputs, l).depth();
  };
  CHECK(make(2, layers) == 2);
  CHECK_THROWS_AS(make(2, {}), std::invalid_argument);
  CHECK_THROWS_WITH(make(2, {}), doctest::Contains("no layers: expected 1 or more"));
  CHECK_THROWS_AS(make(0, layers), std::invalid_argument);
  CHECK_THROWS_AS(make(-1, layers), std::invalid_argument);
  CHECK_THROWS_WITH(make(0, layers),
                    doctest::Contains("input_size is 0: expected 1 to 2147483647"));
  for (const Index units : {Index(0), Index(-5)}) {
    Layers broken = layers;
    std::get<Dense>(broken[1].kind).units = units;
    CHECK_THROWS_AS(make(2, broken), std::invalid_argument);
    CHECK_THROWS_WITH(make(2, broken), doctest::Contains("layer 2"));
  }
}

TEST_CASE_TEMPLATE("a sum of layers that cannot be is refused", Scalar, float, double) {
  const auto make = [](const Layers& layers) { return Network<Scalar>(4, layers).depth(); };
  CHECK(make({dense(4, "relu"), just(Add{0})}) == 2);
  CHECK(make({dense(3, "relu"), dense(4, "relu"), just(Add{0})}) == 3);
  for (const Index from : {-1, 1, 3, 7}) {  // no layer, one of other units, itself
    CAPTURE(from);
    CHECK_THROWS_AS(make({dense(3, "relu"), dense(4, "relu"), just(Add{from})}),
                    std::invalid_argument);
  }
  CHECK_THROWS_WITH(make({dense(3, "relu"), just(Add{0})}),
                    doctest::Contains("layer 2 adds the output of layer 0 to 3 units"));
  CHECK_THROWS_WITH(make({just(Dropout{1.0})}), doctest::Contains("Network: layer 1 drops"));
}

TEST_CASE("sizes are refused beyond their bounds, and none overflows before") {
  const auto check = [](Index inputs, const Layers& layers, const std::string& message) {
    CAPTURE(message);
    CHECK_THROWS_AS(Layout(inputs, layers), std::invalid_argument);
    CHECK_THROWS_WITH(Layout(inputs, layers), doctest::Contains(message.c_str()));
  };
  check(most_units + 1, {just(Identity{})}, "input_size is 2147483648: expected 1 to 2147483647");
  CHECK(Layout(most_units, {just(Identity{})}).widest() == most_units);
  check(2, {dense(most_units + 1)}, "layer 1 has 2147483648 units: expected 1 to 2147483647");

  // 2^40 weights, and one more.
  constexpr Index units = Index{1} << 20;
  CHECK(Layout(units - 1, {dense(units)}).parameter_count() == most_parameters);
  const std::string of_weights =
      "expected 2147483647 units or fewer, and 1099511627776 weights or fewer in all layers";
  check(units, {dense(units)}, of_weights);
  check(units - 1, {dense(units), just(PRelu{})}, "layer 2 has 1048576 units");
  check(most_units, {dense(most_units)}, of_weights);
  // Vectors of codes that grow beyond the bound together.
  check(3, {just(Embedding{{{0, 1, most_units}, {1, 1, most_units}}})},
        "layer 1 has 4294967295 units and 3 inputs: expected 2147483647 units or fewer");

  // Of the statistics of layers whose two numbers a unit nearly fill 2^32.
  const Layers standardizing(33, just(Standardize{}));
  const Layout layout(most_units, standardizing);
  CHECK(layout.statistic_count() == 33 * 2 * most_units);
  CHECK(layout.first_statistic(33) == 32 * 2 * most_units);
  CHECK(layout.parameter_count() == 0);
  CHECK(Layout(most_units, Layers(256, just(Standardize{}))).statistic_count() ==
        256 * 2 * most_units);
  check(most_units, Layers(257, just(Standardize{})), "layer 257 has 2147483647 units");
  check(most_units, Layers(257, just(BatchNorm{})), of_weights);
}

TEST_CASE("which outputs are kept for a later layer") {
  // 1 dense, 2 + A[1], 3 dense, 4 + A[1], 5 + X, 6 activation
  const Layout layout(3, {dense(3, "tanh"), just(Add{1}), dense(3), just(Add{1}), just(Add{0}),
                          just(Identity{}, "relu")});
  CHECK(layout.adding(0) == Indices{5});
  CHECK(layout.adding(1) == Indices{2, 4});
  for (Index l = 2; l <= 6; ++l) CHECK(layout.adding(l).empty());
  const Indices added_by{-1, 1, -1, 1, 0, -1};
  for (Index l = 1; l <= 6; ++l) {
    CAPTURE(l);
    CHECK(layout.added_by(l) == added_by[static_cast<std::size_t>(l - 1)]);
  }
  CHECK(layout.kept_for_later() == 2);
  const Indices kept_before{0, 1, 2, 2, 2, 2, 2, 2};
  for (Index l = 0; l <= 7; ++l) {
    CAPTURE(l);
    CHECK(layout.kept_before(l) == kept_before[static_cast<std::size_t>(l)]);
  }

  const Layout nothing(3, {dense(3), just(Identity{})});
  CHECK(nothing.kept_for_later() == 0);
  CHECK(nothing.added_by(1) == -1);
  CHECK(nothing.adding(0).empty());
}

TEST_CASE("an activation alone overwrites what nobody reads again") {
  const Layout layout(3, {just(Identity{}, "tanh"), just(Identity{}, "relu"), dense(3),
                          just(Identity{}, "tanh"), dense(3, "gelu"), just(Identity{}, "tanh"),
                          dense(3), just(Identity{}, "tanh"), just(Add{7})});
  CHECK_FALSE(layout.overwrites_input(2));  // the derivative wants A[1]
  CHECK_FALSE(layout.overwrites_input(3));  // no activation alone
  CHECK(layout.overwrites_input(4));
  CHECK_FALSE(layout.overwrites_input(6));
  CHECK_FALSE(layout.overwrites_input(8));  // a later layer adds it
}

TEST_CASE("the work of a pass counts a dense layer's weights, and the others' units") {
  const Layout layout(4, {dense(5), just(BatchNorm{}), just(Identity{}, "tanh"), dense(2)});
  CHECK(layout.work() == 4 * 5 + 5 + 5 + 5 * 2);
  CHECK(Layout(most_units, {just(Standardize{}), dense(1)}).work() ==
        2 * static_cast<double>(most_units));
}

TEST_CASE("a layout knows its layers") {
  const Embedding embedding{{{1, 4, 3}}};
  const Layout layout(2, {just(embedding), dense(5, "tanh"), just(BatchNorm{}, "relu")});
  CHECK(layout.depth() == 3);
  CHECK(layout.embeds());
  CHECK(layout.n(1) == 4);
  CHECK(layout.dense(2));
  CHECK_FALSE(layout.dense(1));
  CHECK(layout.traits(3).couples_examples);
  CHECK(std::holds_alternative<BatchNorm>(layout.layer(3).kind));
  CHECK(layout.g(2) == act("tanh"));
  CHECK_FALSE(Layout(2, {dense(1)}).embeds());
}
