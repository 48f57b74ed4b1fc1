#include "model.hpp"
#include "network/architectures.hpp"
#include "network/network.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <tuple>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("the way back is that of the pass, though a layer thaws or freezes meanwhile",
                   Scalar, float, double) {
  std::mt19937 engine(26);
  const Index m = 300;  // groups of slices, were it not for the batch norm
  Model<Scalar> model(engine, 4, {just(BatchNorm{}), dense(5, "tanh")});
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
    const Vector<Scalar> statistics = vector_of(model.network.statistics());
    model.network.keep_moments(cache);
    CHECK(same_bits(vector_of(model.network.statistics()), statistics) == frozen);
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
    Vector<double> expected = exact(vector_of(model.network.statistics()));
    if (m > 1) {  // one example has no variance
      expected.head(5) += momentum * (mean - expected.head(5));
      expected.tail(5) += momentum * (squares / static_cast<double>(m - 1) - expected.tail(5));
    }
    Cache<Scalar> cache;
    model.network.forward(model.parameters.data(), examples_of(X), training_pass, cache);
    CHECK(cache.coupling.finite());
    model.network.keep_moments(cache);
    CHECK(error(vector_of(model.network.statistics()), expected) < rounding<Scalar>);
  }
  // Neither a batch of no examples nor a pass that is no training says anything.
  const Vector<Scalar> before = vector_of(model.network.statistics());
  const Matrix<Scalar> none(5, 0), some = random_matrix<Scalar>(engine, 5, 4);
  Cache<Scalar> cache;
  model.network.forward(model.parameters.data(), examples_of(none), training_pass, cache);
  model.network.keep_moments(cache);
  model.network.forward(model.parameters.data(), examples_of(some), {}, cache);
  model.network.keep_moments(cache);
  CHECK(same_bits(vector_of(model.network.statistics()), before));
}

TEST_CASE_TEMPLATE("one example alone goes by the running moments", Scalar, float, double) {
  std::mt19937 engine(48);
  for (const Index n : {4, 400}) {  // by slices, and layer by layer
    const Model<Scalar> model(engine, n,
                              {dense(n, "tanh"), just(BatchNorm{}), dense(3, "softmax")});
    const auto X = random_matrix<Scalar>(engine, n, 1);
    const auto dA = random_matrix<Scalar>(engine, 3, 1);
    const auto passed = [&](const Pass& pass) {
      Cache<Scalar> cache;
      Matrix<Scalar> dX(n, 1);
      Vector<Scalar> gradients(model.parameters.size());
      model.network.forward(model.parameters.data(), examples_of(X), pass, cache);
      model.network.backward(model.parameters.data(), dA.data(), Scalar(1), cache, gradients.data(),
                             dX.data());
      return std::make_tuple(matrix_of(cache.A(3)), gradients, dX);
    };
    const auto [A, gradients, dX] = passed(training_pass);
    const auto [A_given, gradients_given, dX_given] = passed({});
    CHECK(same_bits(A, A_given));
    CHECK(same_bits(gradients, gradients_given));
    CHECK(same_bits(dX, dX_given));
    CHECK(gradients.allFinite());
  }
}

TEST_CASE("a frozen batch norm normalises by its running moments in training") {
  std::mt19937 engine(38);
  const Model<double> model(engine, 4, {just(BatchNorm{}), dense(3, "softmax")});
  const auto X = random_matrix<double>(engine, 4, 12);
  LayerRule frozen;
  frozen.frozen = true;
  Network<double> network = model.network;
  network.set_rule(1, frozen);
  const auto output = [&](const Pass& pass) {
    Cache<double> cache;
    network.forward(model.parameters.data(), examples_of(X), pass, cache);
    return matrix_of(cache.A(2));
  };
  CHECK(same_bits(output({true, 0, 0}), output({})));
  network.set_rule(1, {});
  CHECK_FALSE(same_bits(output({true, 0, 0}), output({})));
}

TEST_CASE_TEMPLATE("moments of slices put together are those of the batch", Scalar, float, double) {
  std::mt19937 engine(28);
  const Model<Scalar> model(engine, 5, {just(BatchNorm{}), just(Standardize{})});
  const Layout& layout = model.network.layout();
  const Index m = 41;
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 5, m),
                       dZ = random_matrix<Scalar>(engine, 5, m);
  const Vector<double> mean = exact(X).rowwise().mean();
  const Vector<double> variance =
      (exact(X).colwise() - mean).rowwise().squaredNorm() / static_cast<double>(m);
  const Vector<double> inverse = (variance.array() + 1e-5).rsqrt();
  for (const Index count : {1, 2, 4}) {
    CAPTURE(count);
    const Slices slices{m, count};
    Coupling<Scalar> coupling;
    coupling.begin(layout, {1}, model.network.statistics().data(), count);
    CHECK(coupling.couples(1));
    CHECK_FALSE(coupling.couples(2));
    for (Index s = 0; s < count; ++s)
      coupling.measure(1, s,
                       View<const Scalar>(X).middle_columns(slices[s].first, slices[s].count));
    coupling.put_together(layout.layer(1), 1, slices);
    CHECK(coupling.finite());
    const auto units = [](const Scalar* numbers) {
      return Vector<Scalar>(Eigen::Map<const Vector<Scalar>>(numbers, 5));
    };
    CHECK(error(units(coupling.moments(1).mean), mean) < rounding<Scalar>);
    CHECK(error(units(coupling.moments(1).inverse), inverse) < rounding<Scalar>);
    // The other layer's are given.
    const Vector<Scalar> given = vector_of(model.network.statistics()).tail(10);
    CHECK(same_bits(units(coupling.moments(2).mean), given.head(5)));
    CHECK(error(units(coupling.moments(2).inverse),
                exact(given.tail(5)).array().rsqrt().matrix().eval()) < rounding<Scalar>);

    for (Index s = 0; s < count; ++s)
      coupling.measure_back(
          1, s, View<const Scalar>(X).middle_columns(slices[s].first, slices[s].count),
          View<const Scalar>(dZ).middle_columns(slices[s].first, slices[s].count));
    coupling.put_together_back(1, slices);
    const Matrix<double> x_hat = inverse.asDiagonal() * (exact(X).colwise() - mean);
    CHECK(error(units(coupling.d_beta(1)), exact(dZ).rowwise().sum().eval()) < rounding<Scalar>);
    CHECK(error(units(coupling.d_gamma(1)), exact(dZ).cwiseProduct(x_hat).rowwise().sum().eval()) <
          rounding<Scalar>);
  }

  Coupling<Scalar> beyond;
  Matrix<Scalar> large = X;
  large(3, 7) = std::numeric_limits<Scalar>::max();
  beyond.begin(layout, {1}, model.network.statistics().data(), 1);
  beyond.measure(1, 0, View<const Scalar>(large));
  beyond.put_together(layout.layer(1), 1, {m, 1});
  CHECK_FALSE(beyond.finite());
}
