#include "model.hpp"
#include "network/architectures.hpp"
#include "network/network.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

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
      CHECK(error(matrix_of(pass.cache.X()), X) == 0.0);
      for (Index l = 1; l <= model.naive.depth(); ++l) {
        CAPTURE(l);
        const auto layer = static_cast<std::size_t>(l);
        CHECK(error(matrix_of(pass.cache.Z(l)), expected.Z[layer]) < accumulated_rounding<Scalar>);
        CHECK(error(matrix_of(pass.cache.A(l)), expected.A[layer]) < accumulated_rounding<Scalar>);
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
    if (architecture.inputs == wide().inputs) continue;  // two passes a parameter would take long
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
  const Model<Scalar> model(engine, 4, {dense(3, "tanh"), dense(2, "sigmoid")});
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
  const Model<Scalar> model(engine, inputs, {dense(5, "relu"), dense(3, "softmax")});
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

TEST_CASE_TEMPLATE("passes give the same bits for any number of threads", Scalar, float, double) {
  std::mt19937 engine(8);
  const Architecture widest = wide();
  const Model<Scalar> model(engine, widest.inputs, widest.layers);
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, widest.inputs, many_examples);
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

TEST_CASE_TEMPLATE("a copy of a network is another network", Scalar, float, double) {
  std::mt19937 engine(9);
  Model<Scalar> model(engine, 4, {just(BatchNorm{}), dense(3, "softmax")});
  static_assert(std::is_copy_constructible_v<Network<Scalar>>);
  Network<Scalar> copy = model.network;
  LayerRule frozen;
  frozen.frozen = true;
  copy.set_rule(2, frozen);
  copy.statistics()[0] = Scalar(42);
  CHECK_FALSE(model.network.rules()(2).frozen);
  CHECK(model.network.statistics()[0] != Scalar(42));
  model.network = copy;
  CHECK(model.network.rules()(2).frozen);
  CHECK(same_bits(vector_of(model.network.statistics()), vector_of(copy.statistics())));
  CHECK(&model.network.plan().layout() != &copy.plan().layout());
}

// Layers of every kind ------------------------------------------------------------------------

namespace {

// sum dA * A[L] of a pass, whose derivative with respect to A[L] is dA.
double projected(const Model<double>& model, const Matrix<double>& parameters,
                 const Matrix<double>& X, const Pass& pass, const Matrix<double>& dA) {
  Cache<double> cache;
  model.network.forward(parameters.data(), examples_of(X), pass, cache);
  return dA.cwiseProduct(matrix_of(cache.A(model.network.depth()))).sum();
}

}  // namespace

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
      made.A = matrix_of(cache.A(model.network.depth()));
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
      part_of(network, expected, l).setZero();
      CHECK(same_bits(gradients(network), expected));
    }
  }
}
