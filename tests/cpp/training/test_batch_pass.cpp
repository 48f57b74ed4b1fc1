#include "model.hpp"
#include "network/cache.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("where slices make gradients of their own, they agree with the naive reference",
                   Scalar, float, double) {
  std::mt19937 engine(22);
  for (const Index inputs : {1, 4, 33}) {
    for (const Index m : {192, 1000, 2113}) {
      CAPTURE(inputs);
      CAPTURE(m);
      Problem<Scalar> problem(engine, inputs,
                              {dense(1, "tanh"), dense(20, "gelu"), dense(3, "softmax")},
                              "categorical_cross_entropy", m);
      if (m % 2 == 0) problem.use_weights(engine);
      CHECK(problem.model.network.plan().gradient_groups(m) > 1);
      check_against_reference(problem);
    }
  }
}

TEST_CASE("every kind's gradients agree with central differences, whichever way a batch takes") {
  std::mt19937 engine(31);
  for (const Way& way : ways) {
    for (const Stack& stack : stacks(way.inputs)) {
      for (const bool training : {false, true}) {
        INFO(stack.name);
        CAPTURE(way.inputs);
        CAPTURE(way.m);
        CAPTURE(training);
        const auto problem = problem_of<double>(engine, stack, way.m);
        Network<double>& network = problem.model.network;
        const Pass pass{training, 7, 2};
        CHECK(network.plan().goes_layerwise() == way.layerwise);
        CHECK((network.plan().gradient_groups(way.m) > 1) == way.groups);
        Trainer<double> trainer(network, loss_named(problem.loss));
        const Batch batch{nullptr, 0, way.m};
        Vector<double> gradients(problem.model.parameters.size()), ignored = gradients;
        const Vector<double> statistics = vector_of(network.statistics());
        trainer.loss_and_gradients(problem.model.parameters.data(), problem.set(), batch, pass,
                                   gradients.data());
        CHECK(same_bits(vector_of(network.statistics()), statistics));
        // Along a few directions, as numbers are many.
        for (int k = 0; k < 3; ++k) {
          const Vector<double> direction = random_vector<double>(engine, gradients.size());
          const auto cost = [&](const Matrix<double>& t) {
            const Vector<double> p = problem.model.parameters + t(0) * direction;
            const BatchCost c =
                trainer.loss_and_gradients(p.data(), problem.set(), batch, pass, ignored.data());
            return c.sum / c.weight;
          };
          // So short a step that of many rectifiers none passes its kink.
          const Matrix<double> slope = central_difference(Matrix<double>::Zero(1, 1), cost, 1e-8);
          CHECK(error(gradients.dot(direction), slope(0)) < 1e-5);
        }
      }
    }
  }
}

namespace {

// The cost and its gradients, by the trainer and by the explicit steps.
template <class Scalar>
void check_by_hand(const Problem<Scalar>& problem) {
  const Network<Scalar>& network = problem.model.network;
  const Scalar* const parameters = problem.model.parameters.data();
  const Pass pass{true, 7, 2};
  const Index m = problem.m();
  Vector<Scalar> expected(problem.model.parameters.size()), gradients = expected;
  const BatchCost cost =
      Trainer<Scalar>(problem.model.network, loss_named(problem.loss))
          .loss_and_gradients(parameters, problem.set(), {nullptr, 0, m}, pass, expected.data());
  Cache<Scalar> cache;
  network.forward(parameters, problem.set().X, pass, cache);
  const Matrix<Scalar> A = matrix_of(cache.A(network.depth()));
  Matrix<Scalar> dA(A.rows(), m);
  const Loss loss = loss_named(problem.loss);
  const double sum = loss.backward<Scalar>(A, {problem.Y.data()}, dA);
  CHECK(error(sum / cost.weight, cost.sum / cost.weight) < accumulated_rounding<Scalar>);
  network.backward(parameters, dA.data(), Scalar(1) / static_cast<Scalar>(m), cache,
                   gradients.data(), nullptr);
  CHECK(error(gradients, expected) < accumulated_rounding<Scalar>);
}

}  // namespace

TEST_CASE_TEMPLATE("forward and backward by hand are the trainer's cost and gradients", Scalar,
                   float, double) {
  std::mt19937 engine(32);
  for (const Way& way : ways) {
    for (const Stack& stack : stacks(way.inputs)) {
      INFO(stack.name);
      CAPTURE(way.inputs);
      CAPTURE(way.m);
      auto problem = problem_of<Scalar>(engine, stack, way.m);
      problem.weights.resize(0);
      check_by_hand(problem);
    }
  }
}

TEST_CASE_TEMPLATE("and so they are where a group has several slices", Scalar, float, double) {
  std::mt19937 engine(47);
  const Index m = 6000;
  int checked = 0;
  for (const Stack& stack : stacks(170)) {
    INFO(stack.name);
    auto problem = problem_of<Scalar>(engine, stack, m);
    problem.weights.resize(0);
    Network<Scalar>& network = problem.model.network;
    for (const Index l : std::vector<Index>(network.rules().couplings()))
      network.set_rule(l, frozen());
    if (network.plan().goes_layerwise()) continue;
    CHECK(network.plan().gradient_groups(m) > 1);
    CHECK(network.plan().gradient_groups(m) < network.plan().training_slices(m).count);
    check_by_hand(problem);
    ++checked;
  }
  CHECK(checked >= 8);
}

TEST_CASE_TEMPLATE("every kind trains to the same bits for any number of threads", Scalar, float,
                   double) {
  std::mt19937 engine(33);
  for (const Way& way : ways) {
    for (const Stack& stack : stacks(way.inputs)) {
      INFO(stack.name);
      CAPTURE(way.inputs);
      CAPTURE(way.m);
      const auto problem = problem_of<Scalar>(engine, stack, way.m + 5);
      const Order order = shuffled(engine, problem.m());
      const auto train = [&](int n) {
        const Threads threads(n);
        auto training = std::make_unique<Training<Scalar>>(problem, Adam{});
        training->run(order, way.m);
        training->run(order, way.m);
        return training;
      };
      const auto first = train(1);
      const Training<Scalar>& one = *first;
      CHECK(one.parameters().allFinite());
      CHECK(one.statistics().allFinite());
      CHECK(one.pass.number == 4);
      CHECK_FALSE(same_bits(one.parameters(), problem.model.parameters));
      for (const int n : {2, 3, 4}) {
        CAPTURE(n);
        check_same_bits(*train(n), one);
      }
    }
  }
}
