#include "deltarule/network.hpp"
#include "model.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

struct Architecture {
  Index inputs;
  std::vector<Layer> layers;
};

// One unit, one layer, odd sizes, every activation, and wide enough for several tiles a layer.
std::vector<Architecture> architectures() {
  using enum Activation;
  return {{1, {{1, identity}}},
          {1, {{3, tanh}, {1, sigmoid}}},
          {5, {{1, silu}, {4, softmax}}},
          {7, {{8, relu}, {5, leaky_relu}, {3, softmax}}},
          {4, {{9, elu}, {7, gelu}, {6, gelu_tanh}, {5, softplus}, {2, exponential}}},
          {2, {{6, softmax}, {3, sigmoid}}},
          {131, {{257, tanh}, {10, softmax}}}};
}

// The widest of them, and more examples than are in one slice.
const Architecture wide = architectures().back();
constexpr Index many_examples = 203;

// The whole way through the core and back.
template <class Scalar>
struct OnePass {
  Cache<Scalar> cache;
  Matrix<Scalar> output, dX;
  Vector<Scalar> gradients;

  OnePass(const Model<Scalar>& model, const Examples& X, const Matrix<Scalar>& dA, Scalar scale)
      : output(model.outputs(), X.count),
        dX(X.features, X.count),
        gradients(model.parameters.size()) {
    const Network<Scalar>& network = model.network;
    const Scalar* const parameters = model.parameters.data();
    Interrupt never;
    network.infer(parameters, X, output.data(), nullptr, {}, never);
    network.forward(parameters, X, {}, cache);
    network.backward(parameters, dA.data(), scale, cache, gradients.data(), dX.data());
  }
};

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
      CHECK(network.g(l) == naive.g(l));
      CHECK(network.parameter_offset(l) == naive.offset(l));
      CHECK(exact(network.W(constant.data(), l)) == naive.W(exact(constant), l));
      CHECK(exact(network.b(constant.data(), l)) == naive.b(exact(constant), l));
      // Views: what is written to them is written to the vector.
      network.W(model.parameters.data(), l)(0, 0) = Scalar(42);
      CHECK(constant(naive.offset(l)) == Scalar(42));
    }
  }
}

TEST_CASE_TEMPLATE("tiles cover the flat vector once", Scalar, float, double) {
  std::vector<Architecture> all = architectures();
  all.push_back({3, {{70'000, Activation::relu}, {2, Activation::identity}}});
  all.push_back(
      {784, {{256, Activation::relu}, {128, Activation::tanh}, {10, Activation::softmax}}});
  for (const Architecture& architecture : all) {
    const Network<Scalar> network(architecture.inputs, architecture.layers);
    std::vector<int> covered(static_cast<std::size_t>(network.parameter_count()));
    for (const Tile& tile : network.tiles()) {
      const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
      CAPTURE(tile.first);
      CHECK(inputs > 0);
      CHECK(tile.first == network.parameter_offset(l) + tile.first_input * network.n(l));
      CHECK(tile.with_bias == (tile.last_input == network.n(l - 1)));
      CHECK(tile.count == (inputs + (tile.with_bias ? 1 : 0)) * network.n(l));
      // In a layer that is halved no tile lies in both halves.
      CHECK((tile.last_input <= network.half(l, 1) || tile.first_input >= network.half(l, 1)));
      for (Index i = tile.first; i < tile.first + tile.count; ++i)
        ++covered[static_cast<std::size_t>(i)];
    }
    CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
  }
  CHECK(Network<Scalar>(wide.inputs, wide.layers).tiles().size() > wide.layers.size());
}

TEST_CASE_TEMPLATE("a network of many weights halves the inputs of its layers", Scalar, float,
                   double) {
  const Network<Scalar> small(64, {{64, Activation::relu}, {10, Activation::softmax}});
  CHECK_FALSE(small.goes_layerwise());
  CHECK_FALSE(small.halved(1));
  const Network<Scalar> many(
      300, {{250, Activation::relu}, {8, Activation::relu}, {3, Activation::relu}});
  CHECK(many.goes_layerwise());
  CHECK(many.halved(1));
  CHECK(many.halved(2));
  CHECK_FALSE(many.halved(3));  // of eight inputs
  for (Index l = 1; l <= 3; ++l) {
    CHECK(many.half(l, 0) == 0);
    CHECK(many.half(l, 1) > 0);
    CHECK(many.half(l, 2) == many.n(l - 1));
  }
}

TEST_CASE_TEMPLATE("a network that cannot be is refused, and told why", Scalar, float, double) {
  using Layers = std::vector<Layer>;
  const Layers layers{{3, Activation::relu}, {1, Activation::sigmoid}};
  const auto make = [](Index inputs, const Layers& l) {
    return Network<Scalar>(inputs, l).depth();
  };
  CHECK(make(2, layers) == 2);
  CHECK_THROWS_AS(make(2, {}), std::invalid_argument);
  CHECK_THROWS_AS(make(0, layers), std::invalid_argument);
  CHECK_THROWS_AS(make(-1, layers), std::invalid_argument);
  for (const Index units : {Index(0), Index(-5)}) {
    Layers broken = layers;
    broken[1].units = units;
    CHECK_THROWS_AS(make(2, broken), std::invalid_argument);
    CHECK_THROWS_WITH(make(2, broken), doctest::Contains("layer 2"));
  }
}

TEST_CASE_TEMPLATE("a batch is cut into slices by shapes alone", Scalar, float, double) {
  const Network<Scalar> network(wide.inputs, wide.layers);
  CHECK(network.slices(many_examples).count > 1);
  const Network<Scalar> many(300, {{300, Activation::relu}, {2, Activation::softmax}});
  CHECK(many.gradient_groups(many_examples) == 1);  // layer by layer
  const Network<Scalar> small(20, {{30, Activation::relu}, {2, Activation::softmax}});
  CHECK(small.gradient_groups(50) == 1);  // too few to share
  CHECK(small.gradient_groups(10'000) > 2);
  for (const Network<Scalar>* one : {&network, &small}) {
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
        CHECK(one->slices(m).count == Network<Scalar>(*one).slices(m).count);
      }
      CHECK(one->gradient_groups(m) <= one->training_slices(m).count);
    }
  }
}

TEST_CASE_TEMPLATE("a network agrees with the naive reference, forward and back", Scalar, float,
                   double) {
  std::mt19937 engine(2);
  for (const Architecture& architecture : architectures()) {
    const Model<Scalar> model(engine, architecture.inputs, architecture.layers);
    const Vector<double> parameters = exact(model.parameters);
    for (const Index m : {Index(1), Index(2), Index(33), many_examples}) {
      CAPTURE(architecture.inputs);
      CAPTURE(m);
      const Matrix<Scalar> X = random_matrix<Scalar>(engine, architecture.inputs, m);
      const Matrix<Scalar> dA = random_matrix<Scalar>(engine, model.outputs(), m);
      const Scalar scale = Scalar(1) / static_cast<Scalar>(m);
      const OnePass<Scalar> pass(model, examples_of(X), dA, scale);

      const reference::Pass expected = reference::forward(model.naive, parameters, exact(X));
      CHECK(error(pass.output, expected.output()) < accumulated_rounding<Scalar>);
      CHECK(error(pass.cache.X(), X) == 0.0);
      for (Index l = 1; l <= model.naive.depth(); ++l) {
        CAPTURE(l);
        const auto layer = static_cast<std::size_t>(l);
        CHECK(error(pass.cache.Z(l), expected.Z[layer]) < accumulated_rounding<Scalar>);
        CHECK(error(pass.cache.A(l), expected.A[layer]) < accumulated_rounding<Scalar>);
      }
      const reference::Gradients gradients = reference::backward(
          model.naive, parameters, expected, exact(dA), static_cast<double>(scale));
      CHECK(error(pass.gradients, gradients.flat) < accumulated_rounding<Scalar>);
      CHECK(error(pass.dX, gradients.dX) < accumulated_rounding<Scalar>);
    }
  }
}

TEST_CASE("backward agrees with central differences, in the parameters and in X") {
  std::mt19937 engine(3);
  const Index m = 5;
  for (const Architecture& architecture : architectures()) {
    if (architecture.inputs == wide.inputs) continue;  // two passes a parameter would take long
    CAPTURE(architecture.inputs);
    const Model<double> model(engine, architecture.inputs, architecture.layers);
    const Matrix<double> X = random_matrix<double>(engine, architecture.inputs, m);
    const Matrix<double> dA = random_matrix<double>(engine, model.outputs(), m);
    const OnePass<double> pass(model, examples_of(X), dA, 0.5);

    // sum dA * A[L], whose derivative with respect to A[L] is dA
    const auto f = [&](const Matrix<double>& parameters, const Matrix<double>& inputs) {
      Matrix<double> output(model.outputs(), m);
      Interrupt never;
      model.network.infer(parameters.data(), examples_of(inputs), output.data(), nullptr, {},
                          never);
      return dA.cwiseProduct(output).sum();
    };
    const auto of_parameters = [&](const Matrix<double>& p) { return 0.5 * f(p, X); };
    const auto of_X = [&](const Matrix<double>& x) { return f(model.parameters, x); };
    CHECK(error(pass.gradients, central_difference(model.parameters, of_parameters)) <
          central_difference_error);
    CHECK(error(pass.dX, central_difference(X, of_X)) < central_difference_error);
  }
}

TEST_CASE_TEMPLATE("dX is made only on request", Scalar, float, double) {
  std::mt19937 engine(4);
  const Model<Scalar> model(engine, 4, {{3, Activation::tanh}, {2, Activation::sigmoid}});
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 4, 6);
  const Matrix<Scalar> dA = random_matrix<Scalar>(engine, 2, 6);
  OnePass<Scalar> pass(model, examples_of(X), dA, Scalar(1));
  Vector<Scalar> gradients(model.parameters.size());
  model.network.backward(model.parameters.data(), dA.data(), Scalar(1), pass.cache,
                         gradients.data(), nullptr);
  CHECK(same_bits(gradients, pass.gradients));
}

TEST_CASE_TEMPLATE("X may be any numbers in any layout", Scalar, float, double) {
  std::mt19937 engine(5);
  const Index inputs = 6, m = 70;
  const Model<Scalar> model(engine, inputs, {{5, Activation::relu}, {3, Activation::softmax}});
  // Pixels, from the last example to the first and every second feature.
  const Matrix<std::uint8_t> pixels = Matrix<std::uint8_t>::NullaryExpr(
      2 * inputs, m, [&] { return static_cast<std::uint8_t>(engine()); });
  const Examples X{pixels.col(m - 1).data(), NumberType::uint8, m, inputs, -2 * inputs, 2};
  const Matrix<Scalar> columns =
      pixels(Eigen::seqN(0, inputs, 2), Eigen::all).rowwise().reverse().template cast<Scalar>();
  const Matrix<Scalar> dA = random_matrix<Scalar>(engine, 3, m);
  const OnePass<Scalar> strided(model, X, dA, Scalar(1));
  const OnePass<Scalar> plain(model, examples_of(columns), dA, Scalar(1));
  CHECK(same_bits(strided.output, plain.output));
  CHECK(same_bits(strided.gradients, plain.gradients));
  CHECK(same_bits(strided.dX, plain.dX));
}

TEST_CASE_TEMPLATE("inference adds up the weighted losses", Scalar, float, double) {
  std::mt19937 engine(6);
  const Index n = 4, m = many_examples;
  const std::vector<std::int64_t> labels = random_labels(engine, m, n);
  const Matrix<Scalar> Y = one_hot<Scalar>(labels, n);
  const Vector<Scalar> weights = random_vector<Scalar>(engine, m).cwiseAbs();
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 3, m);
  for (const Activation output : {Activation::sigmoid, Activation::softmax}) {
    const Model<Scalar> model(engine, 3, {{5, Activation::silu}, {n, output}});
    const Matrix<double> A =
        reference::forward(model.naive, exact(model.parameters), exact(X)).output();
    for (const LossName& entry : loss_names()) {
      INFO(entry.name);
      const Loss loss = entry.loss;
      const double expected = reference::loss_sum(loss, A, exact(Y), exact(weights));
      const auto sum_for = [&](const Target<Scalar>& target) {
        Matrix<Scalar> result(n, m);
        Interrupt never;
        const double sum = model.network.infer(model.parameters.data(), examples_of(X),
                                               result.data(), &loss, target, never);
        CHECK(error(result, A) < accumulated_rounding<Scalar>);
        return sum;
      };
      CHECK(error(sum_for({Y.data(), nullptr, weights.data()}), expected) <
            accumulated_rounding<Scalar>);
      if (takes_labels(loss))
        CHECK(error(sum_for({nullptr, labels.data(), weights.data()}), expected) <
              accumulated_rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("inference ends early when asked to", Scalar, float, double) {
  std::mt19937 engine(7);
  const Model<Scalar> model(engine, 2, {{2, Activation::relu}});
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 2, 9);
  const Matrix<Scalar> untouched = Matrix<Scalar>::Constant(2, 9, Scalar(42));
  Matrix<Scalar> output = untouched;
  Interrupt interrupt([] { return true; });
  while (!interrupt.poll()) {
  }
  model.network.infer(model.parameters.data(), examples_of(X), output.data(), nullptr, {},
                      interrupt);
  CHECK(output == untouched);
}

TEST_CASE_TEMPLATE("passes give the same bits for any number of threads", Scalar, float, double) {
  std::mt19937 engine(8);
  const Model<Scalar> model(engine, wide.inputs, wide.layers);
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, wide.inputs, many_examples);
  const Matrix<Scalar> dA = random_matrix<Scalar>(engine, model.outputs(), many_examples);
  const auto run = [&](int n) {
    const Threads threads(n);
    return OnePass<Scalar>(model, examples_of(X), dA, Scalar(1));
  };
  const OnePass<Scalar> one = run(1);
  for (const int n : {2, 3}) {
    CAPTURE(n);
    const OnePass<Scalar> several = run(n);
    CHECK(same_bits(several.output, one.output));
    CHECK(same_bits(several.gradients, one.gradients));
    CHECK(same_bits(several.dX, one.dX));
  }
}

// Layers of every kind ------------------------------------------------------------------------

namespace {

constexpr Pass training_pass{true, 7, 3};

// sum dA * A[L] of a pass, whose derivative with respect to A[L] is dA.
double projected(const Model<double>& model, const Matrix<double>& parameters,
                 const Matrix<double>& X, const Pass& pass, const Matrix<double>& dA) {
  Cache<double> cache;
  model.network.forward(parameters.data(), examples_of(X), pass, cache);
  return dA.cwiseProduct(cache.A(model.network.depth())).sum();
}

}  // namespace

TEST_CASE_TEMPLATE("parameters and statistics of every kind lie one after another", Scalar, float,
                   double) {
  for (const Stack& stack : stacks(7)) {
    INFO(stack.name);
    Network<Scalar> network(stack.inputs, stack.layers);
    Index parameters = 0, statistics = 0, n = stack.inputs;
    std::vector<int> covered(static_cast<std::size_t>(network.parameter_count()));
    for (Index l = 1; l <= network.depth(); ++l) {
      const LayerSizes sizes = layer_sizes(stack.layers[static_cast<std::size_t>(l - 1)], n, "");
      CHECK(network.n(l) == sizes.n);
      CHECK(network.cached_rows(l) == sizes.cached);
      CHECK(network.parameter_offset(l) == parameters);
      CHECK(network.statistics_offset(l) == statistics);
      // As good as no normalisation, before there was a batch.
      if (sizes.statistics > 0) {
        CHECK((network.statistics().segment(statistics, n).array() == Scalar(0)).all());
        CHECK((network.statistics().segment(statistics + n, n).array() == Scalar(1)).all());
      }
      parameters += sizes.parameters;
      statistics += sizes.statistics;
      n = sizes.n;
    }
    CHECK(network.parameter_count() == parameters);
    CHECK(network.statistics().size() == statistics);
    for (const Tile& tile : network.tiles())
      for (Index i = tile.first; i < tile.first + tile.count; ++i)
        ++covered[static_cast<std::size_t>(i)];
    CHECK(std::all_of(covered.begin(), covered.end(), [](int times) { return times == 1; }));
  }
}

TEST_CASE_TEMPLATE("a sum of layers that cannot be is refused", Scalar, float, double) {
  const auto make = [](std::vector<Layer> layers) { return Network<Scalar>(4, layers).depth(); };
  CHECK(make({{4, Activation::relu}, just(Add{0})}) == 2);
  CHECK(make({{3, Activation::relu}, {4, Activation::relu}, just(Add{0})}) == 3);
  for (const Index from : {-1, 1, 3, 7}) {  // no layer, one of other units, itself
    CAPTURE(from);
    CHECK_THROWS_AS(make({{3, Activation::relu}, {4, Activation::relu}, just(Add{from})}),
                    std::invalid_argument);
  }
  CHECK_THROWS_WITH(make({{3, Activation::relu}, just(Add{0})}),
                    doctest::Contains("layer 2 adds the output of layer 0 to 3 units"));
  CHECK_THROWS_WITH(make({just(Dropout{1.0})}), doctest::Contains("Network: layer 1 drops"));
}

TEST_CASE_TEMPLATE("a rule decides what is trained and which layers couple examples", Scalar, float,
                   double) {
  // 1 batch norm, 2 dense, 3 activation, 4 batch norm, 5 dense
  Network<Scalar> network(3, {just(BatchNorm{}),
                              {4, Activation::identity},
                              just(Identity{}, Activation::tanh),
                              just(BatchNorm{}),
                              {2, Activation::softmax}});
  using Layers = std::vector<Index>;
  CHECK(network.lowest_trained() == 1);
  CHECK(network.couplings() == Layers{1, 4});
  LayerRule frozen;
  frozen.frozen = true;
  network.set_rule(1, frozen);
  CHECK(network.lowest_trained() == 2);
  CHECK(network.couplings() == Layers{4});
  network.set_rule(2, frozen);
  CHECK(network.lowest_trained() == 4);
  network.set_rule(4, frozen);
  CHECK(network.lowest_trained() == 5);
  CHECK(network.gradient_groups(10'000) > 1);
  network.set_rule(5, frozen);
  CHECK(network.lowest_trained() == 6);
  network.set_rule(1, {});
  CHECK(network.lowest_trained() == 1);
  CHECK(network.rule(4).frozen);
  // Without parameters nothing is ever trained.
  const Network<Scalar> bare(3, {just(Identity{}, Activation::tanh)});
  CHECK(bare.lowest_trained() == 2);
  CHECK(bare.gradient_groups(10'000) == 1);
}

TEST_CASE("every kind's backward agrees with central differences, in the parameters and in X") {
  std::mt19937 engine(21);
  const Index m = 6;
  for (const Stack& stack : stacks(6)) {
    for (const Pass& pass : {Pass{}, training_pass}) {
      INFO(stack.name);
      CAPTURE(pass.training);
      const Model<double> model(engine, stack.inputs, stack.layers);
      const auto X = inputs_of<double>(engine, stack.inputs, stack.layers, m);
      const Matrix<double> dA = random_matrix<double>(engine, model.outputs(), m);
      Cache<double> cache;
      Vector<double> gradients(model.parameters.size());
      Matrix<double> dX(stack.inputs, m);
      model.network.forward(model.parameters.data(), examples_of(X), pass, cache);
      model.network.backward(model.parameters.data(), dA.data(), 0.5, cache, gradients.data(),
                             dX.data());
      const auto of_parameters = [&](const Matrix<double>& parameters) {
        return 0.5 * projected(model, parameters, X, pass, dA);
      };
      const auto of_X = [&](const Matrix<double>& inputs) {
        return projected(model, model.parameters, inputs, pass, dA);
      };
      // Normalisation bends the function: the third derivative is large.
      CHECK(error(gradients, central_difference(model.parameters, of_parameters)) < 1e-6);
      CHECK(error(dX, central_difference(X, of_X)) < 1e-6);
      for (const EmbeddedColumn& c : embedded_columns(stack.layers))
        CHECK((dX.row(c.column).array() == 0.0).all());
    }
  }
}

TEST_CASE_TEMPLATE("inference is the forward step that keeps nothing", Scalar, float, double) {
  std::mt19937 engine(22);
  for (const Stack& stack : stacks(20)) {
    for (const Index m : {Index(1), Index(5), Index(2000)}) {
      INFO(stack.name);
      CAPTURE(m);
      const Model<Scalar> model(engine, stack.inputs, stack.layers);
      const auto X = inputs_of<Scalar>(engine, stack.inputs, stack.layers, m);
      const Vector<Scalar> statistics = model.network.statistics();
      Cache<Scalar> cache;
      model.network.forward(model.parameters.data(), examples_of(X), {}, cache);
      Matrix<Scalar> output(model.outputs(), m);
      Interrupt never;
      model.network.infer(model.parameters.data(), examples_of(X), output.data(), nullptr, {},
                          never);
      CHECK(same_bits(output, cache.A(model.network.depth())));
      // From numbers that do not lie as columns.
      const Matrix<double> turned = exact(X).transpose();
      const Examples rows{turned.data(),
                          NumberType::float64,
                          m,
                          stack.inputs,
                          static_cast<Index>(sizeof(double)),
                          m * static_cast<Index>(sizeof(double))};
      Matrix<Scalar> gathered(model.outputs(), m);
      model.network.infer(model.parameters.data(), rows, gathered.data(), nullptr, {}, never);
      CHECK(same_bits(gathered, output));
      CHECK(same_bits(model.network.statistics(), statistics));
    }
  }
}

TEST_CASE_TEMPLATE("one example at a time gives the bits of them all", Scalar, float, double) {
  std::mt19937 engine(23);
  for (const Stack& stack : stacks(20)) {
    INFO(stack.name);
    const Index m = 9;
    const Model<Scalar> model(engine, stack.inputs, stack.layers);
    const auto X = inputs_of<Scalar>(engine, stack.inputs, stack.layers, m);
    Matrix<Scalar> all(model.outputs(), m), one(model.outputs(), m);
    Interrupt never;
    model.network.infer(model.parameters.data(), examples_of(X), all.data(), nullptr, {}, never);
    for (Index j = 0; j < m; ++j) {
      Examples example = examples_of(X);
      example.data = X.col(j).data();
      example.count = 1;
      model.network.infer(model.parameters.data(), example, one.col(j).data(), nullptr, {}, never);
    }
    CHECK(error(one, all) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("every kind's passes give the same bits for any number of threads", Scalar,
                   float, double) {
  std::mt19937 engine(24);
  for (const Stack& stack : stacks(100)) {
    INFO(stack.name);
    const Index m = 300;
    const Model<Scalar> model(engine, stack.inputs, stack.layers);
    const auto X = inputs_of<Scalar>(engine, stack.inputs, stack.layers, m);
    const Matrix<Scalar> dA = random_matrix<Scalar>(engine, model.outputs(), m);
    struct Made {
      Matrix<Scalar> A, dX;
      Vector<Scalar> gradients;
    };
    const auto run = [&](int n, const Pass& pass) {
      const Threads threads(n);
      Cache<Scalar> cache;
      Made made{{}, Matrix<Scalar>(stack.inputs, m), Vector<Scalar>(model.parameters.size())};
      model.network.forward(model.parameters.data(), examples_of(X), pass, cache);
      model.network.backward(model.parameters.data(), dA.data(), Scalar(1), cache,
                             made.gradients.data(), made.dX.data());
      made.A = cache.A(model.network.depth());
      return made;
    };
    for (const Pass& pass : {Pass{}, training_pass}) {
      const Made one = run(1, pass);
      for (const int n : {2, 3, 4}) {
        CAPTURE(n);
        const Made several = run(n, pass);
        CHECK(same_bits(several.A, one.A));
        CHECK(same_bits(several.gradients, one.gradients));
        CHECK(same_bits(several.dX, one.dX));
      }
    }
  }
}

TEST_CASE_TEMPLATE("a frozen layer's gradients are 0, and the others what they were", Scalar, float,
                   double) {
  std::mt19937 engine(25);
  const Index m = 40;
  for (const Stack& stack : stacks(8)) {
    INFO(stack.name);
    const Model<Scalar> model(engine, stack.inputs, stack.layers);
    const auto X = inputs_of<Scalar>(engine, stack.inputs, stack.layers, m);
    const Matrix<Scalar> dA = random_matrix<Scalar>(engine, model.outputs(), m);
    const auto gradients = [&](const Network<Scalar>& network) {
      Cache<Scalar> cache;
      Vector<Scalar> made(model.parameters.size());
      network.forward(model.parameters.data(), examples_of(X), {}, cache);
      network.backward(model.parameters.data(), dA.data(), Scalar(1), cache, made.data(), nullptr);
      return made;
    };
    const Vector<Scalar> trained = gradients(model.network);
    for (Index l = 1; l <= model.network.depth(); ++l) {
      Network<Scalar> network = model.network;
      LayerRule rule;
      rule.frozen = true;
      network.set_rule(l, rule);
      Vector<Scalar> expected = trained;
      expected
          .segment(network.parameter_offset(l),
                   network.parameter_offset(l + 1) - network.parameter_offset(l))
          .setZero();
      CHECK(same_bits(gradients(network), expected));
    }
  }
}

TEST_CASE_TEMPLATE("the way back is that of the pass, though a layer thaws or freezes meanwhile",
                   Scalar, float, double) {
  std::mt19937 engine(26);
  const Index m = 300;  // groups of slices, were it not for the batch norm
  Model<Scalar> model(engine, 4, {just(BatchNorm{}), {5, Activation::tanh}});
  const auto X = random_matrix<Scalar>(engine, 4, m);
  const auto dA = random_matrix<Scalar>(engine, 5, m);
  for (const bool frozen : {false, true}) {
    CAPTURE(frozen);
    LayerRule before, after;
    before.frozen = frozen;
    after.frozen = !frozen;
    Cache<Scalar> cache;
    Matrix<Scalar> dX(4, m), expected(4, m);
    Vector<Scalar> gradients(model.parameters.size());
    model.network.set_rule(1, before);
    model.network.forward(model.parameters.data(), examples_of(X), training_pass, cache);
    model.network.backward(model.parameters.data(), dA.data(), Scalar(1), cache, gradients.data(),
                           expected.data());
    model.network.set_rule(1, after);
    model.network.backward(model.parameters.data(), dA.data(), Scalar(1), cache, gradients.data(),
                           dX.data());
    CHECK(same_bits(dX, expected));
    const Vector<Scalar> statistics = model.network.statistics();
    model.network.keep_moments(cache);
    CHECK(same_bits(model.network.statistics(), statistics) == frozen);
  }
}

TEST_CASE_TEMPLATE("running moments follow the batches'", Scalar, float, double) {
  std::mt19937 engine(27);
  const double momentum = 0.3;
  Model<Scalar> model(engine, 5, {just(BatchNorm{momentum, 1e-5})});
  for (const Index m : {Index(7), Index(1), Index(400)}) {
    CAPTURE(m);
    const Matrix<Scalar> X = (random_matrix<Scalar>(engine, 5, m).array() + Scalar(3)).matrix();
    const Vector<double> mean = exact(X).rowwise().mean();
    const Vector<double> squares = (exact(X).colwise() - mean).rowwise().squaredNorm();
    Vector<double> expected = exact(model.network.statistics());
    expected.head(5) += momentum * (mean - expected.head(5));
    expected.tail(5) +=
        momentum * (squares / static_cast<double>(m > 1 ? m - 1 : 1) - expected.tail(5));
    Cache<Scalar> cache;
    model.network.forward(model.parameters.data(), examples_of(X), training_pass, cache);
    CHECK(model.network.finite_moments(cache));
    model.network.keep_moments(cache);
    CHECK(error(model.network.statistics(), expected) < rounding<Scalar>);
  }
  // Neither a batch of no examples nor a pass that is no training says anything.
  const Vector<Scalar> before = model.network.statistics();
  const Matrix<Scalar> none(5, 0), some = random_matrix<Scalar>(engine, 5, 4);
  Cache<Scalar> cache;
  model.network.forward(model.parameters.data(), examples_of(none), training_pass, cache);
  model.network.keep_moments(cache);
  model.network.forward(model.parameters.data(), examples_of(some), {}, cache);
  model.network.keep_moments(cache);
  CHECK(same_bits(model.network.statistics(), before));
}
