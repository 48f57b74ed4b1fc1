// A step whose batch is cut into shards, their gradients added up by the caller.
#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// The step of a batch in `shards` parts, layers from the last one down.
template <class Scalar>
struct ShardedStep {
  Vector<Scalar> parameters, sums, state;
  double cost = 0.0, penalty = 0.0;

  ShardedStep(const Problem<Scalar>& problem, Network<Scalar> network, const Optimizer& optimizer,
              Index shards, const StepOptions& options)
      : parameters(problem.model.parameters),
        sums(Vector<Scalar>::Zero(parameters.size())),
        state(Vector<Scalar>::Zero(optimizer.kind->state_vectors(optimizer) * parameters.size())) {
    Trainer<Scalar> trainer(network, loss_named(problem.loss));
    Vector<Scalar> of_shard = sums;
    BatchCost total;
    for (Index s = 0; s < shards; ++s) {
      const Index first = problem.m() * s / shards, last = problem.m() * (s + 1) / shards;
      const BatchCost cost_of_shard = trainer.pass_shard(
          parameters.data(), problem.set(), {nullptr, first, last - first}, {true, 7, 0}, s == 0);
      const Index middle = network.depth() / 2;
      of_shard.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      trainer.shard_gradients(parameters.data(), middle + 1, network.depth(), of_shard.data());
      trainer.shard_gradients(parameters.data(), 1, middle, of_shard.data());
      sums += of_shard;
      total.sum += cost_of_shard.sum;
      total.weight += cost_of_shard.weight;
    }
    penalty = trainer.step_by_sums({parameters.data(), state.data(), parameters.size()},
                                   sums.data(), total.weight, optimizer, options, 0);
    cost = total.sum / total.weight + (std::isnan(penalty) ? 0.0 : penalty);
  }
};

// Widths at which the passes go by slices, by groups of them, and layer by layer.
const std::vector<std::pair<Index, Index>> sizes{{6, 24}, {6, 800}, {400, 48}};

}  // namespace

TEST_CASE_TEMPLATE("shards make the step of the whole batch, but for rounding", Scalar, float,
                   double) {
  std::mt19937 engine(50);
  for (const auto& [inputs, m] : sizes)
    for (const Index shards : {1, 2, 3}) {
      CAPTURE(inputs);
      CAPTURE(m);
      CAPTURE(shards);
      Problem<Scalar> problem(engine, inputs,
                              {dense(inputs > 100 ? 300 : 12, "tanh"), dense(9, "silu"), dense(3)},
                              "mean_squared_error", m);
      problem.use_weights(engine);
      LayerRule rule;
      rule.l2 = 0.1;
      problem.model.network.set_rule(2, rule);
      rule.frozen = true;
      if (shards == 3) problem.model.network.set_rule(1, rule);
      StepOptions options;
      options.clip_norm = 0.05;
      options.clip_value = 0.02;
      const Optimizer optimizer = Sgd{0.5, 0.9};
      Training<Scalar> whole(problem, optimizer);
      Interrupt never;
      whole.run({nullptr, 0, m}, m, never, options);
      const ShardedStep<Scalar> step(problem, problem.model.network, optimizer, shards, options);
      CHECK(error(step.parameters, whole.parameters()) < accumulated_rounding<Scalar>);
      CHECK(error(step.state, whole.state()) < accumulated_rounding<Scalar>);
      CHECK(step.cost == doctest::Approx(whole.costs()[0]).epsilon(1e-5));
    }
}

TEST_CASE("no step is made by sums that are not finite, where that is asked for") {
  std::mt19937 engine(51);
  Problem<double> problem(engine, 3, {dense(4, "tanh"), dense(2)}, "mean_squared_error", 8);
  problem.Y(0) = std::numeric_limits<double>::infinity();
  StepOptions options;
  options.refuse_non_finite = true;
  const ShardedStep<double> step(problem, problem.model.network, Sgd{0.1}, 2, options);
  CHECK(std::isnan(step.penalty));
  CHECK(same_bits(step.parameters, problem.model.parameters));
}

TEST_CASE("a shard's pass moves the running moments, and no batch of others") {
  std::mt19937 engine(52);
  auto problem =
      problem_of<double>(engine, {"", 4, {dense(5), just(BatchNorm{}), dense(2, "softmax")}}, 20);
  Network<double> network = problem.model.network;
  Trainer<double> trainer(network, loss_named(problem.loss));
  Training<double> alone(problem, Sgd{0.0});
  alone.run({nullptr, 4, 10}, 10);
  trainer.pass_shard(problem.model.parameters.data(), problem.set(), {nullptr, 4, 10}, {true, 7, 0},
                     true);
  CHECK(same_bits(vector_of(network.statistics()), alone.statistics()));
}
