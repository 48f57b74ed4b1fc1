#include "model.hpp"
#include "optimizers.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"
#include "training/update.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <variant>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("a learning rate a batch is that many runs, each at its own", Scalar, float,
                   double) {
  std::mt19937 engine(16);
  const Problem<Scalar> problem(engine, 3, {dense(4, "tanh"), dense(2, "softmax")},
                                "categorical_cross_entropy", 24);
  const std::vector<double> rates{0.1, 0.0, 0.02};
  Interrupt never;
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    Training<Scalar> at_once(problem, optimizer), one_by_one(problem, optimizer);
    at_once.run({nullptr, 0, 24}, 8, never, {rates.data()});
    for (std::size_t i = 0; i < rates.size(); ++i)
      one_by_one.run({nullptr, static_cast<Index>(8 * i), 8}, 8, never, {&rates[i]});
    check_same_bits(at_once, one_by_one);
    Training<Scalar> at_its_own(problem, optimizer);
    at_its_own.run({nullptr, 0, 24}, 8);
    CHECK(at_its_own.parameters() != at_once.parameters());
  }
}

TEST_CASE_TEMPLATE("frozen layers keep every bit, and the others train", Scalar, float, double) {
  std::mt19937 engine(37);
  for (const Way& way : ways) {
    for (const Stack& stack : stacks(way.inputs)) {
      INFO(stack.name);
      CAPTURE(way.inputs);
      CAPTURE(way.m);
      const auto problem = problem_of<Scalar>(engine, stack, way.m);
      const Network<Scalar>& network = problem.model.network;
      const Vector<Scalar> statistics_before = vector_of(problem.model.network.statistics());
      const Index L = network.depth();
      // Every second layer; those below some layer; all.
      const auto second = [](Index l) { return l % 2 == 0; };
      const auto below = [&](Index l) { return l <= L / 2; };
      const auto all = [](Index) { return true; };
      const auto check = [&](const auto& is_frozen) {
        for (const bool keep_gradients : {false, true}) {
          Training<Scalar> training(problem, Sgd{0.1, 0.9});
          for (Index l = 1; l <= L; ++l)
            if (is_frozen(l)) training.network().set_rule(l, frozen());
          Interrupt never;
          StepOptions options;
          options.keep_gradients = keep_gradients;
          training.run({nullptr, 0, way.m}, way.m, never, options);
          Vector<Scalar> gradients(problem.model.parameters.size());
          Trainer<Scalar>(training.network(), loss_named(problem.loss))
              .loss_and_gradients(training.parameters().data(), problem.set(), {nullptr, 0, way.m},
                                  {true, 7, 0}, gradients.data());
          for (Index l = 1; l <= L; ++l) {
            CAPTURE(l);
            const auto before = part_of(network, problem.model.parameters, l);
            if (before.size() == 0) continue;
            CHECK(same_bits(part_of(network, training.parameters(), l), before) == is_frozen(l));
            CHECK((part_of(network, gradients, l).array() == Scalar(0)).all() == is_frozen(l));
            if (keep_gradients)
              CHECK((part_of(network, training.gradients(), l).array() == Scalar(0)).all() ==
                    is_frozen(l));
            if (!std::holds_alternative<BatchNorm>(network.layout().layer(l).kind)) continue;
            const auto moments = [&](const Vector<Scalar>& statistics) {
              return statistics.segment(network.layout().first_statistic(l), 2 * network.n(l))
                  .eval();
            };
            CHECK(same_bits(moments(training.statistics()), moments(statistics_before)) ==
                  is_frozen(l));
          }
        }
      };
      check(second);
      check(below);
      check(all);
    }
  }
}

TEST_CASE_TEMPLATE("a layer's rate is times the learning rate", Scalar, float, double) {
  std::mt19937 engine(39);
  const auto problem = problem_of<Scalar>(engine, stacks(9).back(), 20);
  const Network<Scalar>& network = problem.model.network;
  const double rate = 0.25, learning_rate = 0.1;
  for (const bool scheduled : {false, true}) {
    CAPTURE(scheduled);
    const auto step = [&](bool slow) {
      Training<Scalar> training(problem, Sgd{scheduled ? 99.0 : learning_rate});
      LayerRule rule;
      rule.rate = rate;
      if (slow)
        for (const Index l : {2, 3, 4, 9}) training.network().set_rule(l, rule);
      Interrupt never;
      StepOptions options;
      options.learning_rates = scheduled ? &learning_rate : nullptr;
      training.run({nullptr, 0, 20}, 20, never, options);
      return Vector<Scalar>(training.parameters() - problem.model.parameters);
    };
    const Vector<Scalar> plain = step(false), slow = step(true);
    for (Index l = 1; l <= network.depth(); ++l) {
      CAPTURE(l);
      const double factor = l == 2 || l == 3 || l == 4 || l == 9 ? rate : 1.0;
      CHECK(error(part_of(network, slow, l), (factor * exact(part_of(network, plain, l))).eval()) <
            rounding<Scalar>);
    }
    CHECK(part_of(network, slow, 3).cwiseAbs().maxCoeff() > Scalar(0));
  }
}

TEST_CASE_TEMPLATE("penalties add to the cost and to the gradients, of weights alone", Scalar,
                   float, double) {
  std::mt19937 engine(40);
  for (const Way& way : ways) {
    CAPTURE(way.inputs);
    CAPTURE(way.m);
    const auto problem = problem_of<Scalar>(engine, stacks(way.inputs).back(), way.m);
    Network<Scalar> network = problem.model.network;
    const auto pass = [&](Vector<Scalar>& gradients) {
      return Trainer<Scalar>(network, loss_named(problem.loss))
          .loss_and_gradients(problem.model.parameters.data(), problem.set(), {nullptr, 0, way.m},
                              {true, 7, 0}, gradients.data());
    };
    Vector<Scalar> plain(problem.model.parameters.size()), penalized = plain;
    const BatchCost without = pass(plain);
    LayerRule rule;
    rule.l1 = 0.02;
    rule.l2 = 0.3;
    // A dense layer, and others, which have no weights to penalise; and one that is frozen.
    for (const Index l : {2, 3, 4, 8, 9}) network.set_rule(l, rule);
    rule.frozen = true;
    network.set_rule(7, rule);
    const BatchCost with = pass(penalized);
    const Matrix<double> W = exact(W_of(network, problem.model.parameters, 3));
    const double penalty = 0.02 * W.cwiseAbs().sum() + 0.15 * W.squaredNorm();
    CHECK(error(with.sum / with.weight, without.sum / without.weight + penalty) < rounding<Scalar>);
    Vector<double> expected = exact(plain);
    for (Index i = 0; i < W.size(); ++i)
      expected(network.layout().first_parameter(3) + i) += 0.3 * W(i) + (W(i) > 0 ? 0.02 : -0.02);
    part_of(network, expected, 7).setZero();
    CHECK(error(penalized, expected) < rounding<Scalar>);

    // A run's costs have the penalty too, and its step follows that gradient.
    Training<Scalar> training(problem, Sgd{0.5});
    for (Index l = 1; l <= network.depth(); ++l) training.network().set_rule(l, network.rules()(l));
    training.run({nullptr, 0, way.m}, way.m);
    CHECK(training.costs()[0] == with.sum / with.weight);
    CHECK(error(training.parameters(),
                (exact(problem.model.parameters) - 0.5 * exact(penalized)).eval()) <
          rounding<Scalar>);
  }
}

TEST_CASE("the objective's gradient agrees with central differences, penalties and all") {
  std::mt19937 engine(41);
  auto problem = problem_of<double>(engine, stacks(6).back(), 20);
  Network<double>& network = problem.model.network;
  LayerRule rule;
  rule.l1 = 0.1;
  rule.l2 = 0.2;
  for (Index l = 1; l <= network.depth(); ++l) network.set_rule(l, rule);
  Trainer<double> trainer(network, loss_named(problem.loss));
  Vector<double> gradients(problem.model.parameters.size()), ignored = gradients;
  const auto objective = [&](const Matrix<double>& parameters, Vector<double>& g) {
    const BatchCost cost = trainer.loss_and_gradients(parameters.data(), problem.set(),
                                                      {nullptr, 0, 20}, {true, 7, 0}, g.data());
    return cost.sum / cost.weight;
  };
  objective(problem.model.parameters, gradients);
  CHECK(error(gradients, central_difference(problem.model.parameters, [&](const auto& p) {
                return objective(p, ignored);
              })) < 1e-6);
}

TEST_CASE_TEMPLATE("a weight of 0 has no l1 gradient", Scalar, float, double) {
  std::mt19937 engine(42);
  Problem<Scalar> problem(engine, 2, {dense(1)}, "mean_squared_error", 4);
  problem.model.parameters.setZero();
  problem.Y.setZero();
  LayerRule rule;
  rule.l1 = 0.5;
  problem.model.network.set_rule(1, rule);
  Training<Scalar> training(problem, Sgd{0.1});
  training.run({nullptr, 0, 4}, 4);
  CHECK((training.parameters().array() == Scalar(0)).all());
  CHECK(training.sums == std::vector<double>{0.0});
}

TEST_CASE_TEMPLATE("no unit's weights outgrow the greatest norm", Scalar, float, double) {
  std::mt19937 engine(43);
  for (const Way& way : ways) {
    CAPTURE(way.inputs);
    CAPTURE(way.m);
    const auto problem = problem_of<Scalar>(
        engine,
        {"",
         way.inputs,
         {dense(way.inputs + 7, "tanh"), dense(way.inputs, "tanh"), dense(3, "softmax")}},
        way.m);
    const auto rows = [&](const auto& flat, Index l) {
      const Vector<Scalar> copy = flat;
      return Vector<double>(exact(W_of(problem.model.network, copy, l)).rowwise().norm());
    };
    // About the median, so that some rows are shortened and others are not.
    Vector<double> norms = rows(problem.model.parameters, 2);
    std::sort(norms.begin(), norms.end());
    LayerRule rule;
    rule.max_norm = norms(norms.size() / 2);
    Training<Scalar> free(problem, Sgd{1e-3}), held(problem, Sgd{1e-3});
    held.network().set_rule(2, rule);
    free.run({nullptr, 0, way.m}, way.m);
    held.run({nullptr, 0, way.m}, way.m);
    const Vector<double> before = rows(free.parameters(), 2), after = rows(held.parameters(), 2);
    CHECK(before.maxCoeff() > rule.max_norm);
    CHECK(before.minCoeff() < rule.max_norm);
    CHECK(error(after, before.cwiseMin(rule.max_norm).eval()) < rounding<Scalar>);
    // Only lengths change, and only of that layer's weights.
    const Vector<Scalar> expected = free.parameters(), made = held.parameters();
    const auto& network = problem.model.network;
    CHECK(same_bits(part_of(network, made, 1), part_of(network, expected, 1)));
    CHECK(same_bits(part_of(network, made, 3), part_of(network, expected, 3)));
    CHECK(same_bits(b_of(network, made, 2), b_of(network, expected, 2)));
    const Vector<double> factor = after.cwiseQuotient(before);
    CHECK(error(W_of(network, made, 2),
                (factor.asDiagonal() * exact(W_of(network, expected, 2))).eval()) <
          rounding<Scalar>);
    // The next step starts from the shortened weights, on its way back as well.
    const auto twice = [&](bool at_once) {
      const Order order(static_cast<std::size_t>(2 * way.m), 0);
      Training<Scalar> training(problem, Sgd{1e-3});
      training.network().set_rule(2, rule);
      training.run({order.data(), 0, at_once ? 2 * way.m : way.m}, way.m);
      if (!at_once) training.run({order.data(), 0, way.m}, way.m);
      return Vector<Scalar>(training.parameters());
    };
    CHECK(same_bits(twice(true), twice(false)));
    rule.frozen = true;
    Training<Scalar> still(problem, Sgd{1e-3});
    still.network().set_rule(2, rule);
    still.run({nullptr, 0, way.m}, way.m);
    CHECK(same_bits(part_of(network, still.parameters(), 2),
                    part_of(network, problem.model.parameters, 2)));
  }
}

TEST_CASE_TEMPLATE("gradients are clipped number by number, then together", Scalar, float, double) {
  std::mt19937 engine(44);
  for (const Way& way : ways) {
    CAPTURE(way.inputs);
    CAPTURE(way.m);
    const auto problem = problem_of<Scalar>(engine, stacks(way.inputs).back(), way.m);
    const auto run = [&](double clip_value, double clip_norm) {
      Training<Scalar> training(problem, Sgd{1.0});
      Interrupt never;
      StepOptions options;
      options.keep_gradients = true;
      options.clip_value = clip_value;
      options.clip_norm = clip_norm;
      training.run({nullptr, 0, way.m}, way.m, never, options);
      // What is left to the caller is what the step was made of.
      CHECK(error(training.parameters(),
                  (exact(problem.model.parameters) - exact(training.gradients())).eval()) <
            rounding<Scalar>);
      return exact(training.gradients());
    };
    const Matrix<double> plain = run(0, 0);
    const double most = plain.cwiseAbs().maxCoeff() / 3, norm = plain.norm();
    const Matrix<double> cut = plain.cwiseMin(most).cwiseMax(-most);
    CHECK(error(run(most, 0), cut) < rounding<Scalar>);
    // The 1e-6 is PyTorch's.
    CHECK(error(run(0, norm / 2), (plain * (norm / 2 / (norm + 1e-6))).eval()) < rounding<Scalar>);
    CHECK(error(run(most, cut.norm() / 4), (cut / 4 * (cut.norm() / (cut.norm() + 1e-6))).eval()) <
          rounding<Scalar>);
    CHECK(error(run(0, norm / 100).norm(), norm / 100) < rounding<Scalar> + 1e-7);
    // What is small enough stays, to the bit.
    CHECK(same_bits(run(2 * norm, 2 * norm), plain));
  }
}

TEST_CASE_TEMPLATE("the average of the weights follows them step by step", Scalar, float, double) {
  std::mt19937 engine(45);
  const auto problem = problem_of<Scalar>(engine, stacks(9).back(), 40);
  const double decay = 0.7;
  Training<Scalar> averaged(problem, Adam{}), plain(problem, Adam{});
  Vector<Scalar> average = problem.model.parameters;
  Vector<double> expected = exact(average);
  StepOptions options;
  options.average_decay = decay;
  options.average = average.data();
  Interrupt never;
  averaged.run({nullptr, 0, 40}, 8, never, options);
  for (Index first = 0; first < 40; first += 8) {
    plain.run({nullptr, first, 8}, 8);
    expected = decay * expected + (1.0 - decay) * exact(plain.parameters());
  }
  CHECK(error(average, expected) < rounding<Scalar>);
  CHECK_FALSE(same_bits(average, averaged.parameters()));
  check_same_bits(averaged, plain);  // which it does not touch
}

TEST_CASE_TEMPLATE("an update by gradients that are there already is the run's", Scalar, float,
                   double) {
  std::mt19937 engine(48);
  const auto problem = problem_of<Scalar>(engine, stacks(9).back(), 20);
  const Optimizer optimizer = Adam{};
  Training<Scalar> training(problem, optimizer);
  Vector<Scalar> parameters = problem.model.parameters;
  Vector<Scalar> state = Vector<Scalar>::Zero(2 * parameters.size());
  LayerRule slow, limited;
  slow.rate = 0.25;
  limited.max_norm = 0.5;
  training.network().set_rule(4, slow);
  training.network().set_rule(7, frozen());
  training.network().set_rule(13, limited);
  Interrupt never;
  StepOptions options;
  options.keep_gradients = true;
  for (std::int64_t step = 1; step <= 3; ++step) {
    training.run({nullptr, 0, 20}, 20, never, options);
    const Vector<Scalar> gradients = training.gradients();
    update_network<Scalar>(training.network(), optimizer, step,
                           {parameters.data(), state.data(), parameters.size()}, gradients.data());
    CHECK(same_bits(parameters, training.parameters()));
    CHECK(same_bits(state, training.state()));
  }
  CHECK_FALSE(same_bits(parameters, problem.model.parameters));
}
