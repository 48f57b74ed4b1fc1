#include "deltarule/network.hpp"
#include "model.hpp"
#include "reference.hpp"
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
