#include "optimizers.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// Of the first layer's tiles, each is as many inputs as are summed up at once, where units are few.
template <class Scalar>
constexpr Index many_inputs = 14'000 / sizeof(Scalar) + 3;

}  // namespace

TEST_CASE_TEMPLATE("epochs in one run are so many runs", Scalar, float, double) {
  std::mt19937 engine(31);
  Interrupt never;
  const LayerRule as_it_is, frozen{true}, slower{false, 0.5}, penalized{false, 1.0, 0.01, 0.02},
      limited{false, 1.0, 0.0, 0.0, 0.1};
  const std::vector<double> rates{0.01, 0.0, 0.02, 0.03};
  const auto check = [&](Problem<Scalar>& problem, const Optimizer& optimizer, Batch batch,
                         Index batch_size, const StepOptions& options = {}) {
    Training<Scalar> at_once(problem, optimizer), one_by_one(problem, optimizer);
    at_once.run(batch, batch_size, never, options, 4);
    StepOptions of_epoch = options;
    for (int epoch = 0; epoch < 4; ++epoch) {
      if (options.learning_rates) of_epoch.learning_rates = options.learning_rates + epoch;
      one_by_one.run(batch, batch_size, never, of_epoch);
    }
    CHECK(at_once.step == one_by_one.step);
    check_same_bits(at_once, one_by_one);
  };
  for (const int n : {1, 2, 3}) {
    const Threads threads(n);
    CAPTURE(n);
    for (const Index units : {1, 2, 23}) {
      CAPTURE(units);
      for (const Index m : {1, 37, 513}) {  // of the last, no block stays in a core's cache
        CAPTURE(m);
        if (m == 513 && units != 23) continue;
        Problem<Scalar> problem(engine, many_inputs<Scalar> * 20 / units,
                                {dense(units, "tanh"), dense(2, "softmax")},
                                "categorical_cross_entropy", m);
        CHECK(problem.model.network.plan().takes_inputs_in_turn() == (units > 1));
        check(problem, Sgd{0.01}, {nullptr, 0, m}, m);
        if (m != 37 || units != 23) continue;
        check(problem, Sgd{0.01}, {nullptr, 0, m}, 10);
        const Order order = shuffled(engine, m);
        check(problem, Adam{}, {order.data(), 0, m}, m);
        check(problem, Adam{}, {nullptr, 3, 20}, 20);
        check(problem, Sgd{0.01}, {nullptr, 0, m}, m, {rates.data()});
        check(problem, Sgd{0.01}, {nullptr, 0, m}, m, {nullptr, true});
        for (const LayerRule& rule : {frozen, slower, penalized, limited, as_it_is}) {
          problem.model.network.set_rule(1, rule);
          check(problem, Sgd{0.01}, {nullptr, 0, m}, m);
        }
      }
    }
  }
}

TEST_CASE_TEMPLATE("epochs in one run stop where the cost is not finite", Scalar, float, double) {
  std::mt19937 engine(32);
  Problem<Scalar> problem(engine, many_inputs<Scalar>, {dense(20), dense(1)}, "mean_squared_error",
                          9);
  CHECK(problem.model.network.plan().takes_inputs_in_turn());
  Interrupt never;
  Training<Scalar> at_once(problem, Sgd{1e3}), again(problem, Sgd{1e3});
  const RunResult result = at_once.run({nullptr, 0, 9}, 9, never, {}, 50);
  CHECK(result.non_finite);
  CHECK(result.steps > 1);
  CHECK(result.steps < 50);
  for (Index i = 0; i < result.steps; ++i) again.run({nullptr, 0, 9}, 9);
  CHECK(again.run({nullptr, 0, 9}, 9).non_finite);
  for (Training<Scalar>* training : {&at_once, &again}) {
    CHECK_FALSE(std::isfinite(training->sums.back()));
    training->sums.pop_back();  // NaN is not NaN
  }
  check_same_bits(at_once, again);
}
