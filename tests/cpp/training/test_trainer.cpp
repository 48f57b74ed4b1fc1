#include "model.hpp"
#include "optimizers.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE("gradients of the cost agree with central differences") {
  std::mt19937 engine(1);
  const auto check = [&](Problem<double>& problem) {
    problem.use_weights(engine);
    Trainer<double> trainer(problem.model.network, loss_named(problem.loss));
    Vector<double> gradients(problem.model.parameters.size()), ignored = gradients;
    const Batch batch{nullptr, 0, problem.m()};
    const auto cost = [&](const Matrix<double>& parameters) {
      const BatchCost c =
          trainer.loss_and_gradients(parameters.data(), problem.set(), batch, {}, ignored.data());
      return c.sum / c.weight;
    };
    trainer.loss_and_gradients(problem.model.parameters.data(), problem.set(), batch, {},
                               gradients.data());
    CHECK(error(gradients, central_difference(problem.model.parameters, cost)) <
          central_difference_error);
  };
  for (const Ending& ending : endings) {
    CAPTURE(ending.loss);
    CAPTURE(ending.output);
    for (const ActivationRow& hidden : kernel_table().activations) {
      INFO(hidden.name);
      Problem<double> problem(engine, 3, {dense(5, hidden.name), dense(4, ending.output)},
                              ending.loss, 6);
      check(problem);
    }
  }
  Problem<double> by_label(engine, 3, {dense(5, "tanh"), dense(4, "softmax")},
                           "categorical_cross_entropy", 6);
  by_label.use_labels(engine);
  check(by_label);
}

TEST_CASE_TEMPLATE("the cost and its gradients agree with the naive reference", Scalar, float,
                   double) {
  std::mt19937 engine(2);
  for (const Ending& ending : endings) {
    for (const Index m : {1, 2, 5, 100}) {
      CAPTURE(ending.loss);
      CAPTURE(ending.output);
      CAPTURE(m);
      Problem<Scalar> problem(engine, 4, {dense(7, "silu"), dense(3, ending.output)}, ending.loss,
                              m);
      if (m % 2 == 0) problem.use_weights(engine);
      check_against_reference(problem);
    }
  }
}

TEST_CASE_TEMPLATE("a run is the naive steps in the order given", Scalar, float, double) {
  std::mt19937 engine(3);
  const Index m = 29, batch_size = 6;  // the last batch has five
  const auto check = [&](const Problem<Scalar>& problem, const Optimizer& optimizer) {
    const Order order = shuffled(engine, m);
    Training<Scalar> training(problem, optimizer);
    const RunResult result = training.run(order, batch_size);
    CHECK(result.steps == 5);
    CHECK_FALSE(result.non_finite);
    CHECK_FALSE(result.interrupted);
    CHECK(training.step == 5);

    Vector<double> parameters = exact(problem.model.parameters);
    const std::vector<double> costs =
        reference::train(problem.model.naive, parameters, problem.loss, optimizer, problem.naive(),
                         order, static_cast<std::size_t>(batch_size));
    CHECK(error(training.parameters(), parameters) < accumulated_rounding<Scalar>);
    CHECK(error(as_vector(training.costs()), as_vector(costs)) < accumulated_rounding<Scalar>);
  };
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    for (const Ending& ending : endings) {
      CAPTURE(ending.loss);
      CAPTURE(ending.output);
      Problem<Scalar> problem(
          engine, 5, {dense(8, "tanh"), dense(6, "relu"), dense(3, ending.output)}, ending.loss, m);
      check(problem, optimizer);
      problem.use_weights(engine);
      check(problem, optimizer);
      if (ending.loss != "categorical_cross_entropy") continue;
      problem.use_labels(engine);
      check(problem, optimizer);
    }
  }
}

TEST_CASE_TEMPLATE("without an order a run takes the rows as they stand", Scalar, float, double) {
  std::mt19937 engine(4);
  Problem<Scalar> problem(engine, 3, {dense(4, "relu"), dense(2, "softmax")},
                          "categorical_cross_entropy", 20);
  problem.use_labels(engine);
  problem.use_weights(engine);
  Order rows(13);
  std::iota(rows.begin(), rows.end(), 5);
  Training<Scalar> by_order(problem, Adam{}), as_they_stand(problem, Adam{});
  by_order.run(rows, 4);
  as_they_stand.run({nullptr, 5, 13}, 4);
  CHECK(error(as_they_stand.parameters(), by_order.parameters()) < rounding<Scalar>);
  CHECK(error(as_vector(as_they_stand.costs()), as_vector(by_order.costs())) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("a run starts at `first` of its order", Scalar, float, double) {
  std::mt19937 engine(5);
  const Problem<Scalar> problem(engine, 3, {dense(2, "sigmoid")}, "binary_cross_entropy", 20);
  const Order order = shuffled(engine, 20), part(order.begin() + 7, order.begin() + 16);
  Training<Scalar> from_first(problem, Sgd{}), alone(problem, Sgd{});
  from_first.run({order.data(), 7, 9}, 2);
  alone.run(part, 2);
  check_same_bits(from_first, alone);
}

TEST_CASE_TEMPLATE("two runs are one run in two parts", Scalar, float, double) {
  std::mt19937 engine(6);
  Problem<Scalar> problem(engine, 7, {dense(9, "gelu"), dense(3, "softmax")},
                          "categorical_cross_entropy", 50);
  problem.use_weights(engine);
  const Order order = shuffled(engine, 50);
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    Training<Scalar> whole(problem, optimizer), parts(problem, optimizer);
    whole.run(order, 8);
    parts.run({order.data(), 0, 24}, 8);
    parts.run({order.data(), 24, 26}, 8);
    check_same_bits(parts, whole);
  }
}

TEST_CASE_TEMPLATE("gradients that are kept are the last batch's, and change no step", Scalar,
                   float, double) {
  std::mt19937 engine(17);
  const Problem<Scalar> problem(engine, 3, {dense(4, "tanh"), dense(2, "softmax")},
                                "categorical_cross_entropy", 24);
  Interrupt never;
  Training<Scalar> kept(problem, Sgd{0.5}), not_kept(problem, Sgd{0.5});
  kept.run({nullptr, 0, 16}, 8, never, {nullptr, true});
  not_kept.run({nullptr, 0, 16}, 8);
  check_same_bits(kept, not_kept);
  const Vector<Scalar> before = kept.parameters();
  kept.run({nullptr, 16, 8}, 8, never, {nullptr, true});
  const Vector<Scalar> made = before - Scalar(0.5) * kept.gradients();
  CHECK(error(kept.parameters(), exact(made)) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("training gives the same bits for any number of threads", Scalar, float,
                   double) {
  struct Shape {
    Index inputs;
    std::vector<Layer> layers;
    Index m, batch_size;
  };
  const std::vector<Shape> shapes{
      {1, {dense(1, "sigmoid")}, 1, 1},                         // m = 1, n = 1
      {3, {dense(5, "tanh"), dense(1, "sigmoid")}, 10, 3},      // a last batch of 1
      {33, {dense(17, "relu"), dense(7, "sigmoid")}, 131, 65},  // and one beside larger ones
      {300,
       {dense(1, "relu"), dense(300, "elu"), dense(2, "sigmoid")},
       400,
       200},                                                      // a unit alone between wide ones
      {480, {dense(501, "tanh"), dense(3, "sigmoid")}, 70, 35},   // weights beyond a core's cache
      {7, {dense(20, "tanh"), dense(1, "sigmoid")}, 3001, 1501},  // groups of slices
      {64, {dense(64, "relu"), dense(10, "sigmoid")}, 391, 200},  // and a last batch without
      {300,
       {dense(250, "softmax"), dense(90, "tanh"), dense(2, "sigmoid")},
       70,
       35},  // halves by columns
      {131,
       {dense(257, "gelu"), dense(129, "relu"), dense(10, "sigmoid")},
       501,
       250},  // several tiles and slices
  };
  std::mt19937 engine(7);
  for (const Shape& shape : shapes) {
    CAPTURE(shape.inputs);
    Problem<Scalar> problem(engine, shape.inputs, shape.layers, "binary_cross_entropy", shape.m);
    problem.use_weights(engine);
    const Order order = shuffled(engine, shape.m);
    for (const Optimizer& optimizer : {optimizers()[1], optimizers()[3]}) {
      CAPTURE(optimizer.kind->name);
      const auto train = [&](int n) {
        const Threads threads(n);
        auto training = std::make_unique<Training<Scalar>>(problem, optimizer);
        training->run(order, shape.batch_size);
        training->run(order, shape.batch_size);
        return training;
      };
      const auto first = train(1);
      const Training<Scalar>& one = *first;
      CHECK(one.parameters().allFinite());
      CHECK_FALSE(same_bits(one.parameters(), problem.model.parameters));
      for (const int n : {1, 2, 3, 5}) {
        CAPTURE(n);
        check_same_bits(*train(n), one);
      }
    }
  }
  const Network<Scalar> largest(shapes.back().inputs, shapes.back().layers);
  CHECK(largest.plan().tiles().size() > shapes.back().layers.size());
  CHECK(largest.plan().slices(shapes.back().batch_size).count > 1);
}

TEST_CASE_TEMPLATE("the bits do not depend on where vectors and examples lie", Scalar, float,
                   double) {
  // The same seed and data give the same weights in another process, where malloc and NumPy hand
  // out other addresses, and from a view of a wider table.
  std::mt19937 engine(8);
  for (const Index n : {1, 2, 5, 31}) {
    CAPTURE(n);
    const Problem<Scalar> problem(engine, n,
                                  {dense(n + 1, "tanh"), dense(n, "relu"), dense(3, "softmax")},
                                  "categorical_cross_entropy", 41);
    const Order order = shuffled(engine, 41);
    Training<Scalar> expected(problem, Adam{});
    expected.run(order, 8);
    for (const Index offset : {1, 2, 3, 7, 8}) {
      CAPTURE(offset);
      Training<Scalar> shifted(problem, Adam{}, offset);
      shifted.run(order, 8);
      check_same_bits(shifted, expected);
    }

    Order rows(41);
    std::iota(rows.begin(), rows.end(), 0);
    Training<Scalar> gathered(problem, Adam{}), in_place(problem, Adam{});
    gathered.run(rows, 8);
    in_place.run({nullptr, 0, 41}, 8);
    check_same_bits(in_place, gathered);
  }
}

TEST_CASE_TEMPLATE("a cost that is not finite stops the run before its update", Scalar, float,
                   double) {
  std::mt19937 engine(9);
  Problem<Scalar> problem(engine, 3, {dense(4, "tanh"), dense(1)}, "mean_squared_error", 30);
  problem.X(1, 13) = not_a_number<Scalar>;  // in the third batch of five
  Training<Scalar> training(problem, Adam{}), before(problem, Adam{});
  const RunResult result = training.run({nullptr, 0, 30}, 5);
  CHECK(result.non_finite);
  CHECK_FALSE(result.interrupted);
  CHECK(result.steps == 2);
  before.run({nullptr, 0, 10}, 5);
  CHECK(same_bits(training.parameters(), before.parameters()));
  CHECK(same_bits(training.state(), before.state()));
  CHECK(training.step == 2);
  REQUIRE(training.sums.size() == 3);
  CHECK_FALSE(std::isfinite(training.sums[2]));

  // The trainer is as good as new.
  training.run({nullptr, 15, 15}, 5);
  before.run({nullptr, 15, 15}, 5);
  CHECK(same_bits(training.parameters(), before.parameters()));
}

TEST_CASE_TEMPLATE("training that diverges stops at finite weights", Scalar, float, double) {
  std::mt19937 engine(10);
  const Problem<Scalar> problem(engine, 2, {dense(1)}, "mean_squared_error", 40);
  const double far = std::sqrt(static_cast<double>(std::numeric_limits<Scalar>::max()));
  Training<Scalar> training(problem, Sgd{100.0 * far});
  const RunResult result = training.run({nullptr, 0, 40}, 10);
  CHECK(result.non_finite);
  CHECK(result.steps == 1);
  CHECK(training.parameters().allFinite());
}

TEST_CASE_TEMPLATE("an interrupted run has made the steps that it tells", Scalar, float, double) {
  std::mt19937 engine(11);
  const Problem<Scalar> problem(engine, 2, {dense(2, "tanh"), dense(1, "sigmoid")},
                                "binary_cross_entropy", 10);
  Interrupt requested([] { return true; });
  while (!requested.poll()) {
  }
  Training<Scalar> none(problem, Sgd{});
  const RunResult at_once = none.run({nullptr, 0, 10}, 2, requested);
  CHECK(at_once.interrupted);
  CHECK_FALSE(at_once.non_finite);
  CHECK(at_once.steps == 0);
  CHECK(none.step == 0);
  CHECK(same_bits(none.parameters(), problem.model.parameters));

  // Yes at the second time of asking; no run makes so many steps before it.
  const Order order(3'000'000, 7);
  const auto m = static_cast<Index>(order.size());
  Interrupt later([asked = 0]() mutable { return ++asked == 2; });
  Training<Scalar> some(problem, Sgd{});
  const RunResult midway = some.run({order.data(), 0, m}, 1, later);
  CHECK(midway.interrupted);
  REQUIRE(midway.steps > 0);
  REQUIRE(midway.steps < m);
  Training<Scalar> expected(problem, Sgd{});
  expected.run({order.data(), 0, midway.steps}, 1);
  check_same_bits(some, expected);
}

TEST_CASE_TEMPLATE("a run of no examples does nothing", Scalar, float, double) {
  std::mt19937 engine(15);
  const Problem<Scalar> problem(engine, 3, {dense(4, "relu"), dense(2, "sigmoid")},
                                "binary_cross_entropy", 5);
  Training<Scalar> training(problem, Adam{});
  const RunResult result = training.run({nullptr, 0, 0}, 4);
  CHECK(result.steps == 0);
  CHECK_FALSE(result.non_finite);
  CHECK_FALSE(result.interrupted);
  CHECK(training.step == 0);
  CHECK(same_bits(training.parameters(), problem.model.parameters));
}

TEST_CASE_TEMPLATE("a batch in which nothing weighs changes nothing", Scalar, float, double) {
  std::mt19937 engine(12);
  for (const Ending& ending : endings) {
    CAPTURE(ending.loss);
    CAPTURE(ending.output);
    Problem<Scalar> problem(engine, 3, {dense(4, "relu"), dense(2, ending.output)}, ending.loss, 8);
    problem.weights = Vector<double>::Zero(8);
    Training<Scalar> training(problem, Sgd{0.1});
    const RunResult result = training.run({nullptr, 0, 8}, 4);
    CHECK(result.steps == 2);
    CHECK_FALSE(result.non_finite);
    CHECK(training.sums == std::vector<double>{0.0, 0.0});
    CHECK(training.weights == std::vector<double>{0.0, 0.0});
    CHECK(same_bits(training.parameters(), problem.model.parameters));
  }
}

TEST_CASE_TEMPLATE("an example of weight 2 counts as the example twice", Scalar, float, double) {
  std::mt19937 engine(13);
  Problem<Scalar> problem(engine, 4, {dense(5, "elu"), dense(3, "softmax")},
                          "categorical_cross_entropy", 4);
  Training<Scalar> twice(problem, Sgd{0.1});
  twice.run(Order{0, 1, 1, 3}, 4);
  problem.weights = Vector<double>{{1.0, 2.0, 0.0, 1.0}};
  Training<Scalar> weighted(problem, Sgd{0.1});
  weighted.run(Order{0, 1, 2, 3}, 4);
  CHECK(weighted.weights == twice.weights);
  CHECK(error(weighted.parameters(), twice.parameters()) < rounding<Scalar>);
  CHECK(error(as_vector(weighted.costs()), as_vector(twice.costs())) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("one trainer takes batches of any size and any targets in turn", Scalar, float,
                   double) {
  std::mt19937 engine(14);
  Problem<Scalar> problem(engine, 4, {dense(6, "silu"), dense(3, "softmax")},
                          "categorical_cross_entropy", 60);
  problem.use_labels(engine);
  Trainer<Scalar> veteran(problem.model.network, loss_named(problem.loss));
  const auto gradients_by = [&](Trainer<Scalar>& trainer, const Batch& batch) {
    Vector<Scalar> gradients(problem.model.parameters.size());
    trainer.loss_and_gradients(problem.model.parameters.data(), problem.set(), batch, {},
                               gradients.data());
    return gradients;
  };
  const Vector<double> weights = random_vector<double>(engine, 60).cwiseAbs();
  const std::vector<std::int64_t> labels = problem.labels;
  for (const Index count : {3, 60, 1, 40, 60}) {
    for (const bool weighted : {false, true}) {
      for (const bool by_label : {false, true}) {
        CAPTURE(count);
        CAPTURE(weighted);
        CAPTURE(by_label);
        problem.weights = weighted ? weights : Vector<double>();
        problem.labels = by_label ? labels : std::vector<std::int64_t>();
        Trainer<Scalar> recruit(problem.model.network, loss_named(problem.loss));
        const Batch batch{nullptr, 60 - count, count};
        CHECK(same_bits(gradients_by(veteran, batch), gradients_by(recruit, batch)));
      }
    }
  }
}

// Layers of every kind ------------------------------------------------------------------------

TEST_CASE_TEMPLATE("a run in two parts is one run, with dropout and batch norm", Scalar, float,
                   double) {
  std::mt19937 engine(34);
  const Stack everything = stacks(9).back();
  const auto problem = problem_of<Scalar>(engine, everything, 60);
  const Order order = shuffled(engine, 60);
  Training<Scalar> whole(problem, Adam{}), parts(problem, Adam{});
  whole.run(order, 10);
  parts.run({order.data(), 0, 20}, 10);
  CHECK(parts.pass.number == 2);
  parts.run({order.data(), 20, 40}, 10);
  check_same_bits(parts, whole);
  CHECK(whole.pass.number == 6);

  // Another seed, or another count of the passes, drops other numbers.
  for (const Pass& pass : {Pass{true, 8, 0}, Pass{true, 7, 1}}) {
    Training<Scalar> other(problem, Adam{});
    other.pass = pass;
    other.run(order, 10);
    CHECK_FALSE(same_bits(other.parameters(), whole.parameters()));
  }
}

TEST_CASE_TEMPLATE("an interrupted run of every kind has made the steps that it tells", Scalar,
                   float, double) {
  std::mt19937 engine(35);
  const auto problem = problem_of<Scalar>(engine, stacks(6).back(), 10);
  Interrupt requested([] { return true; });
  while (!requested.poll()) {
  }
  Training<Scalar> none(problem, Adam{}), untouched(problem, Adam{});
  CHECK(none.run({nullptr, 0, 10}, 5, requested).interrupted);
  check_same_bits(none, untouched);

  const Order order(300'000, 7);
  const auto m = static_cast<Index>(order.size());
  Interrupt later([asked = 0]() mutable { return ++asked == 2; });
  Training<Scalar> some(problem, Adam{});
  const RunResult midway = some.run({order.data(), 0, m}, 1, later);
  CHECK(midway.interrupted);
  REQUIRE(midway.steps > 0);
  REQUIRE(midway.steps < m);
  CHECK(some.pass.number == static_cast<std::uint64_t>(midway.steps));
  Training<Scalar> expected(problem, Adam{});
  expected.run({order.data(), 0, midway.steps}, 1);
  check_same_bits(some, expected);
}

TEST_CASE_TEMPLATE("running moments are those of the steps made, not of a batch that is not finite",
                   Scalar, float, double) {
  std::mt19937 engine(36);
  auto problem =
      problem_of<Scalar>(engine, {"", 4, {just(BatchNorm{0.25, 1e-5}), dense(3, "softmax")}}, 15);
  Vector<double> expected = exact(vector_of(problem.model.network.statistics()));
  for (Index first = 0; first < 10; first += 5) {
    const Matrix<double> X = exact(problem.X.middleCols(first, 5));
    const Vector<double> mean = X.rowwise().mean();
    expected.head(4) += 0.25 * (mean - expected.head(4));
    expected.tail(4) +=
        0.25 * ((X.colwise() - mean).rowwise().squaredNorm() / 4.0 - expected.tail(4));
  }
  // The second overflows in the batch's variance alone, and its cost is finite.
  for (const Scalar bad : {not_a_number<Scalar>, std::numeric_limits<Scalar>::max() / 2}) {
    CAPTURE(bad);
    problem.X(2, 11) = bad;
    Training<Scalar> training(problem, Sgd{0.1});
    const RunResult result = training.run({nullptr, 0, 15}, 5);
    CHECK(result.non_finite);
    CHECK(result.steps == 2);
    CHECK(training.pass.number == 2);
    CHECK(error(training.statistics(), expected) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a network without parameters trains to what it is", Scalar, float, double) {
  std::mt19937 engine(46);
  for (const Index m : {5, 300}) {
    CAPTURE(m);
    const Problem<Scalar> problem(engine, 3, {just(Identity{}, "tanh")}, "mean_squared_error", m);
    Training<Scalar> training(problem, Adam{});
    const RunResult result = training.run({nullptr, 0, m}, m);
    CHECK(result.steps == 1);
    const Matrix<double> apart = exact(problem.X).array().tanh().matrix() - exact(problem.Y);
    CHECK(error(training.costs()[0], apart.squaredNorm() / static_cast<double>(3 * m)) <
          rounding<Scalar>);
  }
}
