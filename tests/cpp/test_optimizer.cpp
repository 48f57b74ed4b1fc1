#include "deltarule/optimizer.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// The vectors of one optimizer, of which an update may be made in parts.
template <class Scalar>
struct Training {
  Optimizer optimizer;
  Vector<Scalar> parameters, state;
  std::int64_t step = 0;

  Training(const Optimizer& optimizer_, const Vector<Scalar>& parameters_)
      : optimizer(optimizer_),
        parameters(parameters_),
        state(Vector<Scalar>::Zero(state_vector_count(optimizer_) * parameters_.size())) {}

  // `cuts` end each range but the last; the ranges are taken from the last to the first.
  void update(const Vector<Scalar>& gradients, std::vector<Index> cuts = {}) {
    ++step;
    const Index size = parameters.size();
    cuts.insert(cuts.begin(), 0);
    cuts.push_back(size);
    const OptimizerStep<Scalar> made(optimizer, step);
    for (std::size_t k = cuts.size() - 1; k > 0; --k)
      made.update({parameters.data(), state.data(), size}, gradients.data() + cuts[k - 1],
                  cuts[k - 1], cuts[k] - cuts[k - 1]);
  }
};

const std::array<Optimizer, 5> optimizers{Sgd{0.1}, Sgd{0.1, 0.9}, Sgd{0.1, 0.9, true}, Adam{},
                                          Adam{0.02, 0.8, 0.95, 1e-3}};

}  // namespace

TEST_CASE("an optimizer says how much state it keeps") {
  CHECK(state_vector_count(Sgd{}) == 1);
  CHECK(state_vector_count(Adam{}) == 2);
}

TEST_CASE_TEMPLATE("two steps of each optimizer by hand", Scalar, float, double) {
  const auto after_two_steps = [](const Optimizer& optimizer, double p, double g_1, double g_2) {
    Training<Scalar> training(optimizer, Vector<Scalar>::Constant(1, Scalar(p)));
    training.update(Vector<Scalar>::Constant(1, Scalar(g_1)));
    training.update(Vector<Scalar>::Constant(1, Scalar(g_2)));
    return training;
  };
  const auto close = [](Scalar actual, double expected) {
    return error(static_cast<double>(actual), expected) < rounding<Scalar>;
  };

  SUBCASE("gradient descent") {
    // 1 - 0.1 * 0.5 = 0.95;  0.95 + 0.1 * 0.2 = 0.97
    CHECK(close(after_two_steps(Sgd{0.1}, 1.0, 0.5, -0.2).parameters(0), 0.97));
  }
  SUBCASE("momentum") {
    // v = 0.5, p = 0.95;  v = 0.45 - 0.2 = 0.25, p = 0.95 - 0.025
    const auto training = after_two_steps(Sgd{0.1, 0.9}, 1.0, 0.5, -0.2);
    CHECK(close(training.parameters(0), 0.925));
    CHECK(close(training.state(0), 0.25));
  }
  SUBCASE("Nesterov momentum") {
    // v = 0.5, p = 1 - 0.1 (0.5 + 0.45) = 0.905;  v = 0.25, p = 0.905 - 0.1 (-0.2 + 0.225)
    const auto training = after_two_steps(Sgd{0.1, 0.9, true}, 1.0, 0.5, -0.2);
    CHECK(close(training.parameters(0), 0.9025));
    CHECK(close(training.state(0), 0.25));
  }
  SUBCASE("Adam") {
    // Step 1: m = 1, v = 1;  m_hat = 1 / 0.5 = 2, v_hat = 1 / 0.25 = 4;  p = 1 - 0.5 * 2 / 2.5
    // Step 2: m = -1/2, v = 7/4;  m_hat = -1/2 / 0.75, v_hat = 7/4 / (7/16) = 4;
    //         p = 0.6 + 0.5 * (2/3) / 2.5
    const auto training = after_two_steps(Adam{0.5, 0.5, 0.75, 0.5}, 1.0, 2.0, -2.0);
    CHECK(close(training.parameters(0), 11.0 / 15.0));
    CHECK(close(training.state(0), -0.5));
    CHECK(close(training.state(1), 1.75));
  }
}

TEST_CASE_TEMPLATE("ten steps agree with the naive reference", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.index());
    for (const Index size : {1, 7, 33}) {
      CAPTURE(size);
      Training<Scalar> training(optimizer, random_vector<Scalar>(engine, size));
      Vector<double> parameters = exact(training.parameters);
      Vector<double> state = exact(training.state);
      for (int step = 1; step <= 10; ++step) {
        const Vector<Scalar> gradients = random_vector<Scalar>(engine, size);
        training.update(gradients);
        reference::update(optimizer, step, parameters, exact(gradients), state);
      }
      CHECK(error(training.parameters, parameters) < rounding<Scalar>);
      CHECK(error(training.state, state) < rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("an update in ranges gives the bits of an update at once", Scalar, float,
                   double) {
  std::mt19937 engine(2);
  const Index size = 203;
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.index());
    Training<Scalar> whole(optimizer, random_vector<Scalar>(engine, size));
    Training<Scalar> parts = whole;
    for (int step = 1; step <= 3; ++step) {
      const Vector<Scalar> gradients = random_vector<Scalar>(engine, size);
      whole.update(gradients);
      parts.update(gradients, {1, 3, 10, 10, 27, 64, 67, 202});
    }
    CHECK(same_bits(parts.parameters, whole.parameters));
    CHECK(same_bits(parts.state, whole.state));
  }
}

TEST_CASE_TEMPLATE("an update leaves what is outside its range alone", Scalar, float, double) {
  std::mt19937 engine(3);
  const Index size = 40, first = 5, last = 22;
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.index());
    const Vector<Scalar> before = random_vector<Scalar>(engine, size);
    const Vector<Scalar> gradients = Vector<Scalar>::Ones(size);
    Training<Scalar> training(optimizer, before);
    OptimizerStep<Scalar>(optimizer, 1)
        .update({training.parameters.data(), training.state.data(), size}, gradients.data() + first,
                first, last - first);
    const auto changed = (training.parameters.array() != before.array()).eval();
    CHECK(changed.segment(first, last - first).all());
    CHECK(changed.count() == last - first);
    for (Index k = 0; k < state_vector_count(optimizer); ++k) {
      CHECK(training.state.segment(k * size, first).isZero(0));
      CHECK(training.state.segment(k * size + last, size - last).isZero(0));
    }
  }
}

TEST_CASE_TEMPLATE("a zero gradient moves nothing until there is momentum", Scalar, float, double) {
  std::mt19937 engine(4);
  const Vector<Scalar> before = random_vector<Scalar>(engine, 9);
  const Vector<Scalar> zero = Vector<Scalar>::Zero(9);
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.index());
    Training<Scalar> training(optimizer, before);
    training.update(zero);
    CHECK(same_bits(training.parameters, before));
  }
  Training<Scalar> momentum(Sgd{0.1, 0.9}, before);
  momentum.update(Vector<Scalar>::Ones(9));
  const Vector<Scalar> moved = momentum.parameters;
  momentum.update(zero);
  CHECK(error(momentum.parameters, moved - Vector<Scalar>::Constant(9, Scalar(0.09))) <
        rounding<Scalar>);
}

TEST_CASE_TEMPLATE("Adam's bias corrections follow the step", Scalar, float, double) {
  // The first step is learning_rate long whatever the size of the gradient, ...
  for (const double g : {1e-3, 1.0, 1e3}) {
    CAPTURE(g);
    Training<Scalar> training(Adam{0.01}, Vector<Scalar>::Zero(1));
    training.update(Vector<Scalar>::Constant(1, Scalar(g)));
    CHECK(error(static_cast<double>(training.parameters(0)), -0.01 * g / (g + 1e-8)) <
          rounding<Scalar>);
  }
  // ... and after very many steps nothing is corrected: m = 0.1, v = 0.001.
  Training<Scalar> training(Adam{0.01}, Vector<Scalar>::Zero(1));
  training.step = 2'000'000'000;
  training.update(Vector<Scalar>::Ones(1));
  CHECK(error(static_cast<double>(training.parameters(0)),
              -0.01 * 0.1 / (std::sqrt(0.001) + 1e-8)) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("Adam at the edges of the numbers", Scalar, float, double) {
  constexpr Scalar inf = std::numeric_limits<Scalar>::infinity();
  const Scalar overflows = std::sqrt(std::numeric_limits<Scalar>::max()) * Scalar(100);
  Vector<Scalar> gradients(21);  // no multiple of a register
  gradients.setConstant(Scalar(0.5));
  gradients[1] = 0;
  gradients[3] = std::numeric_limits<Scalar>::quiet_NaN();
  gradients[5] = inf;
  gradients[7] = overflows;  // its square is Inf: so long a divisor leaves the parameter alone
  gradients[20] = inf;
  Training<Scalar> training(Adam{.learning_rate = 0.1}, Vector<Scalar>::Ones(21));
  training.update(gradients);
  const Vector<Scalar>& p = training.parameters;
  CHECK(p[0] == doctest::Approx(0.9).epsilon(1e-6));
  CHECK(p[1] == Scalar(1));
  CHECK(std::isnan(p[3]));
  CHECK(std::isnan(p[5]));
  CHECK(p[7] == Scalar(1));
  CHECK(std::isnan(p[20]));
  for (const Index i : {0, 2, 4, 6, 8, 19}) CHECK(p[i] == p[0]);

  Training<Scalar> without_epsilon(Adam{.learning_rate = 0.1, .epsilon = 0.0},
                                   Vector<Scalar>::Ones(21));
  without_epsilon.update(gradients);
  CHECK(std::isnan(without_epsilon.parameters[1]));  // 0 / 0
  CHECK(without_epsilon.parameters[2] == doctest::Approx(0.9).epsilon(1e-6));
}
