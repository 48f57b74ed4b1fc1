#include "model.hpp"
#include "network/architectures.hpp"
#include "network/network.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("inference adds up the weighted losses", Scalar, float, double) {
  std::mt19937 engine(6);
  const Index n = 4, m = many_examples;
  const std::vector<std::int64_t> labels = random_labels(engine, m, n);
  const Matrix<Scalar> Y = one_hot<Scalar>(labels, n);
  const Vector<Scalar> weights = random_vector<Scalar>(engine, m).cwiseAbs();
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 3, m);
  for (const char* const output : {"sigmoid", "softmax"}) {
    const Model<Scalar> model(engine, 3, {dense(5, "silu"), dense(n, output)});
    const Matrix<double> A =
        reference::forward(model.naive, exact(model.parameters), exact(X)).output();
    for (const LossRow& row : kernel_table().losses) {
      INFO(row.name);
      const Loss loss = loss_named(row.name);
      const double expected = reference::loss_sum(row.name, A, exact(Y), exact(weights));
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
      if (loss.takes_labels())
        CHECK(error(sum_for({nullptr, labels.data(), weights.data()}), expected) <
              accumulated_rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("inference ends early when asked to", Scalar, float, double) {
  std::mt19937 engine(7);
  const Model<Scalar> model(engine, 2, {dense(2, "relu")});
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

// Layers of every kind ------------------------------------------------------------------------

TEST_CASE_TEMPLATE("inference is the forward step that keeps nothing", Scalar, float, double) {
  std::mt19937 engine(22);
  for (const Stack& stack : stacks(20)) {
    for (const Index m : {Index(1), Index(5), Index(2000)}) {
      INFO(stack.name);
      CAPTURE(m);
      const Model<Scalar> model(engine, stack.inputs, stack.layers);
      const auto X = inputs_of<Scalar>(engine, stack.inputs, stack.layers, m);
      const Vector<Scalar> statistics = vector_of(model.network.statistics());
      Cache<Scalar> cache;
      model.network.forward(model.parameters.data(), examples_of(X), {}, cache);
      Matrix<Scalar> output(model.outputs(), m);
      Interrupt never;
      model.network.infer(model.parameters.data(), examples_of(X), output.data(), nullptr, {},
                          never);
      CHECK(same_bits(output, matrix_of(cache.A(model.network.depth()))));
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
      CHECK(same_bits(vector_of(model.network.statistics()), statistics));
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
