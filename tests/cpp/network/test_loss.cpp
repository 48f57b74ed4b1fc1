#include "model.hpp"
#include "network/loss.hpp"
#include "reference/loss.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// A loss that is sum_j w_j sum_i (a_ij - y_ij)^2, and counts how often it is asked.
struct Counted {
  int of_float = 0, of_double = 0;

  template <class Scalar>
  static double squares(View<const Scalar> A, const Target<Scalar>& target, View<Scalar> dA) {
    double sum = 0.0;
    for (Index j = 0; j < A.columns; ++j)
      for (Index i = 0; i < A.rows; ++i) {
        const Scalar apart = A(i, j) - target.Y[j * A.rows + i];
        const Scalar weight = target.weights ? target.weights[j] : Scalar(1);
        sum += static_cast<double>(weight * apart * apart);
        dA(i, j) = Scalar(2) * weight * apart;
      }
    return sum;
  }
  CustomLoss loss() {
    return {[this](View<const float> A, const Target<float>& target, View<float> dA) {
              ++of_float;
              return squares(A, target, dA);
            },
            [this](View<const double> A, const Target<double>& target, View<double> dA) {
              ++of_double;
              return squares(A, target, dA);
            }};
  }
};

}  // namespace

TEST_CASE("losses go by the names of their table") {
  for (const LossRow& row : kernel_table().losses) {
    CAPTURE(row.name);
    const auto loss = Loss::named(row.name);
    REQUIRE(loss);
    CHECK(loss->name() == row.name);
    CHECK(loss->takes_labels() == row.sums_over_classes);
    CHECK(loss->takes_labels() == std::string_view(row.name).starts_with("categorical"));
    CHECK(loss->fused_with_any() == (row.fused_output != nullptr));
    for (const ActivationRow& g : kernel_table().activations)
      CHECK(loss->fused_with(act(g.name)) ==
            (row.fused_output && std::string_view(row.fused_output) == g.name));
  }
  for (const char* const name : {"", "custom", "huber ", "Huber", "mean_squared"})
    CHECK_FALSE(Loss::named(name));
  CHECK(loss_named("categorical_cross_entropy").fused_with(act("softmax")));
  CHECK(loss_named("binary_cross_entropy").fused_with(act("sigmoid")));
  CHECK(loss_named("poisson").fused_with(act("exponential")));
  CHECK_FALSE(loss_named("categorical_cross_entropy").fused_with(act("sigmoid")));
  CHECK_FALSE(loss_named("mean_squared_error").fused_with_any());
}

TEST_CASE_TEMPLATE("a loss computes with its hyper-parameters, also where it is a copy", Scalar,
                   float, double) {
  std::mt19937 engine(1);
  const Index n = 4, m = 5;  // two levels of each of two targets
  const Matrix<Scalar> A = random_matrix<Scalar>(engine, n, m, 3.0),
                       Y = random_matrix<Scalar>(engine, n, m, 3.0);
  const Target<Scalar> target{Y.data(), nullptr, nullptr};
  const auto check = [&](const Loss& loss, const reference::Loss& expected) {
    CAPTURE(expected.name);
    Matrix<Scalar> dA(n, m);
    const double sum = loss.backward<Scalar>(A, target, dA);
    CHECK(error(sum, reference::loss_sum(expected, exact(A), exact(Y))) < rounding<Scalar>);
    CHECK(error(dA, reference::loss_gradient(expected, exact(A), exact(Y))) < rounding<Scalar>);
  };
  std::vector<Loss> losses;
  std::vector<reference::Loss> expected{"huber", "quantile", "quantile", "mean_squared_error"};
  for (const reference::Loss& loss : expected) losses.push_back(loss_named(loss.name));
  losses[0].hyper_parameters.delta = expected[0].delta = 0.3;
  losses[1].hyper_parameters.levels_in_turn = expected[1].levels = {0.1, 0.7};
  losses[3].hyper_parameters.cost_factor = expected[3].cost_factor = 0.5;
  for (std::size_t k = 0; k < 3; ++k) check(losses[k], expected[k]);
  // Levels are the copy's own, and those of the other go with it.
  Loss copy = losses[1];
  losses[1].hyper_parameters.levels_in_turn = {0.9};
  check(copy, expected[1]);
  const Loss moved = std::move(copy);
  check(moved, expected[1]);

  Matrix<Scalar> dA(n, m);
  CHECK(error(losses[3].backward<Scalar>(A, target, dA),
              reference::loss_sum("mean_squared_error", exact(A), exact(Y)) / 2) <
        rounding<Scalar>);
}

TEST_CASE_TEMPLATE("from the logits it is what it is from the output", Scalar, float, double) {
  std::mt19937 engine(2);
  const Index n = 3, m = 5;
  for (const LossRow& row : kernel_table().losses) {
    const Loss loss = loss_named(row.name);
    if (!loss.fused_with_any()) continue;
    CAPTURE(row.name);
    const Activation g = act(row.fused_output);
    const Matrix<Scalar> Z = random_matrix<Scalar>(engine, n, m);
    const Matrix<Scalar> Y = one_hot<Scalar>(random_labels(engine, m, n), n);
    const Target<Scalar> target{Y.data(), nullptr, nullptr};
    Matrix<Scalar> A(n, m), dZ(n, m), expected(n, m);
    activate<Scalar>(g, Z, A);
    const double sum = loss.backward<Scalar>(A, target, expected);
    activate_backward<Scalar>(g, expected, row_of(g).derivative_from == DerivativeFrom::A ? A : Z,
                              expected);
    CHECK(error(loss.backward_from_logits<Scalar>(Z, target, dZ), sum) < rounding<Scalar>);
    CHECK(error(dZ, expected) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a loss of the caller's own", Scalar, float, double) {
  std::mt19937 engine(3);
  Counted counted;
  const Loss loss(counted.loss());
  CHECK(loss.name() == "custom");
  CHECK_FALSE(loss.takes_labels());
  CHECK_FALSE(loss.fused_with_any());
  for (const ActivationRow& g : kernel_table().activations)
    CHECK_FALSE(loss.fused_with(act(g.name)));

  const Model<Scalar> model(engine, 3, {dense(4, "tanh"), dense(2, "softmax")});
  const Index m = 7;
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 3, m),
                       Y = random_matrix<Scalar>(engine, 2, m);
  const Vector<Scalar> weights = random_vector<Scalar>(engine, m).cwiseAbs();
  const Loss copy = loss;  // it is the same caller's
  Matrix<Scalar> output(2, m);
  Interrupt never;
  const double sum = model.network.infer(model.parameters.data(), examples_of(X), output.data(),
                                         &copy, {Y.data(), nullptr, weights.data()}, never);
  // The mean over two outputs is half of the sum.
  CHECK(error(sum, 2 * reference::loss_sum("mean_squared_error", exact(output), exact(Y),
                                           exact(weights))) < rounding<Scalar>);
  CHECK((counted.of_float > 0) == std::is_same_v<Scalar, float>);
  CHECK((counted.of_double > 0) == std::is_same_v<Scalar, double>);
}
