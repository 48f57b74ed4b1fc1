// What the tests of training share: something to be learned, and the learning of it.
#pragma once

#include "model.hpp"
#include "optimizers.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/trainer.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <numeric>
#include <random>
#include <string_view>
#include <vector>

namespace deltarule::test {

using Order = std::vector<std::int64_t>;

// What is to be learned, by the core and by the reference.
template <class Scalar>
struct Problem {
  Model<Scalar> model;
  std::string_view loss;
  Matrix<Scalar> X, Y;
  std::vector<std::int64_t> labels;  // of which Y is the one-hot form, where there are any
  Vector<double> weights;            // empty: each is 1

  // Y is what suits the loss: anything, probabilities of each output, a distribution.
  Problem(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers,
          std::string_view loss_, Index m)
      : model(engine, inputs, layers),
        loss(loss_),
        X(inputs_of<Scalar>(engine, inputs, layers, m)),
        Y(random_matrix<Scalar>(engine, model.outputs(), m)) {
    if (loss == "binary_cross_entropy") activate<Scalar>(act("sigmoid"), Y, Y);
    if (loss == "categorical_cross_entropy") activate<Scalar>(act("softmax"), Y, Y);
  }
  void use_labels(std::mt19937& engine) {
    labels = random_labels(engine, m(), model.outputs());
    Y = one_hot<Scalar>(labels, model.outputs());
  }
  void use_weights(std::mt19937& engine) {
    weights = random_vector<double>(engine, m()).cwiseAbs();
  }

  Index m() const { return X.cols(); }
  TrainingSet set() const {
    return {examples_of(X), labels.empty() ? examples_of(Y) : Examples{},
            labels.empty() ? nullptr : labels.data(),
            weights.size() == 0 ? nullptr : weights.data()};
  }
  reference::Batch naive() const { return {exact(X), exact(Y), weights}; }
};

// A trainer and the vectors that it works on. They start `offset` numbers into their memory.
template <class Scalar>
class Training {
 public:
  Training(const Problem<Scalar>& problem, const Optimizer& optimizer, Index offset = 0)
      : problem_(problem),
        optimizer_(optimizer),
        offset_(offset),
        parameters_(offset + problem.model.parameters.size()),
        gradients_(parameters_.size()),
        state_(Vector<Scalar>::Zero(offset + optimizer.kind->state_vectors(optimizer) *
                                                 problem.model.parameters.size())),
        network_(problem.model.network),
        trainer_(network_, loss_named(problem.loss)) {
    parameters_.tail(problem.model.parameters.size()) = problem.model.parameters;
  }

  RunResult run(const Batch& examples, Index batch_size, Interrupt& interrupt,
                const StepOptions& options = {}, Index epochs = 1) {
    std::vector<BatchCost> costs(static_cast<std::size_t>(epochs * examples.batches(batch_size)));
    const Run<Scalar> all{.vectors = {parameters_.data() + offset_, state_.data() + offset_,
                                      network_.parameter_count()},
                          .gradients = gradients_.data() + offset_,
                          .optimizer = optimizer_,
                          .set = problem_.set(),
                          .examples = examples,
                          .batch_size = batch_size,
                          .epochs = epochs,
                          .options = options,
                          .costs = costs.data()};
    const RunResult result = trainer_.run(all, step, pass, interrupt);
    const std::ptrdiff_t made = result.steps + (result.non_finite ? 1 : 0);
    for (auto cost = costs.begin(); cost != costs.begin() + made; ++cost) {
      sums.push_back(cost->sum);
      weights.push_back(cost->weight);
    }
    return result;
  }
  RunResult run(const Batch& examples, Index batch_size) {
    Interrupt never;
    return run(examples, batch_size, never);
  }
  RunResult run(const Order& order, Index batch_size) {
    return run({order.data(), 0, static_cast<Index>(order.size())}, batch_size);
  }

  auto parameters() const { return parameters_.tail(parameters_.size() - offset_); }
  auto gradients() const { return gradients_.tail(gradients_.size() - offset_); }
  auto state() const { return state_.tail(state_.size() - offset_); }
  Network<Scalar>& network() const { return network_; }
  Vector<Scalar> statistics() const { return vector_of(network_.statistics()); }
  std::vector<double> costs() const {
    std::vector<double> costs;
    for (std::size_t k = 0; k < sums.size(); ++k) costs.push_back(sums[k] / weights[k]);
    return costs;
  }

  std::int64_t step = 0;
  Pass pass{true, 7, 0};
  std::vector<double> sums, weights;  // of the costs of the batches so far

 private:
  const Problem<Scalar>& problem_;
  Optimizer optimizer_;
  Index offset_;
  Vector<Scalar> parameters_, gradients_, state_;
  mutable Network<Scalar> network_;  // with running moments of its own
  Trainer<Scalar> trainer_;
};

template <class Scalar>
void check_same_bits(const Training<Scalar>& actual, const Training<Scalar>& expected) {
  CHECK(same_bits(actual.parameters(), expected.parameters()));
  CHECK(same_bits(actual.state(), expected.state()));
  CHECK(same_bits(actual.statistics(), expected.statistics()));
  CHECK(actual.step == expected.step);
  CHECK(actual.pass.number == expected.pass.number);
  CHECK(actual.sums == expected.sums);
  CHECK(actual.weights == expected.weights);
}

inline Order shuffled(std::mt19937& engine, Index m) {
  Order order(static_cast<std::size_t>(m));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), engine);
  return order;
}

inline Vector<double> as_vector(const std::vector<double>& numbers) {
  return Eigen::Map<const Vector<double>>(numbers.data(), static_cast<Index>(numbers.size()));
}

// Every loss with its own output, then with others, for which there is no fused form.
struct Ending {
  std::string_view loss, output;
};
constexpr Ending endings[] = {
    {"mean_squared_error", "identity"},       {"binary_cross_entropy", "sigmoid"},
    {"categorical_cross_entropy", "softmax"}, {"mean_squared_error", "softmax"},
    {"mean_squared_error", "gelu"},           {"binary_cross_entropy", "softmax"},
    {"categorical_cross_entropy", "sigmoid"},
};

// An epsilon of 1e-8 would make a step of learning_rate of a gradient's rounding error.
inline std::vector<Optimizer> optimizers() {
  return {Sgd{0.1}, Sgd{0.05, 0.9}, Sgd{0.05, 0.9, true}, Adam{0.01, 0.9, 0.999, 1e-3}};
}

// The cost and its gradients, by the trainer and by the reference.
template <class Scalar>
void check_against_reference(const Problem<Scalar>& problem,
                             std::initializer_list<int> thread_counts = {ThreadPool::size()}) {
  const reference::Batch naive = problem.naive();
  const Vector<double> parameters = exact(problem.model.parameters);
  const double expected_cost =
      reference::cost(problem.model.naive, parameters, problem.loss, naive);
  const auto expected_gradients =
      reference::gradients(problem.model.naive, parameters, problem.loss, naive);
  for (const int n : thread_counts) {
    CAPTURE(n);
    const Threads threads(n);
    Vector<Scalar> gradients(parameters.size());
    const BatchCost cost = Trainer<Scalar>(problem.model.network, loss_named(problem.loss))
                               .loss_and_gradients(problem.model.parameters.data(), problem.set(),
                                                   {nullptr, 0, problem.m()}, {}, gradients.data());
    CHECK(error(cost.weight, naive.weight()) < rounding<Scalar>);
    CHECK(error(cost.sum / cost.weight, expected_cost) < accumulated_rounding<Scalar>);
    CHECK(error(gradients, expected_gradients) < accumulated_rounding<Scalar>);
  }
}

// Layers of every kind ------------------------------------------------------------------------

// Of the three ways through a batch: slices and tiles, groups of slices (also where a layer couples
// them), and layer by layer.
struct Way {
  Index inputs, m;
  bool layerwise, groups;
};
constexpr Way ways[] = {{9, 33, false, false}, {9, 250, false, true}, {260, 41, true, false}};

template <class Scalar>
Problem<Scalar> problem_of(std::mt19937& engine, const Stack& stack, Index m) {
  Problem<Scalar> problem(engine, stack.inputs, stack.layers, "categorical_cross_entropy", m);
  problem.use_weights(engine);
  return problem;
}

inline LayerRule frozen() {
  LayerRule rule;
  rule.frozen = true;
  return rule;
}

}  // namespace deltarule::test
