#include "deltarule/training.hpp"
#include "model.hpp"
#include "optimizers.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <utility>
#include <variant>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

using Order = std::vector<std::int64_t>;

// What is to be learned, by the core and by the reference.
template <class Scalar>
struct Problem {
  Model<Scalar> model;
  LossKind loss;
  Matrix<Scalar> X, Y;
  std::vector<std::int64_t> labels;  // of which Y is the one-hot form, where there are any
  Vector<double> weights;            // empty: each is 1

  // Y is what suits the loss: anything, probabilities of each output, a distribution.
  Problem(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers, LossKind loss_,
          Index m)
      : model(engine, inputs, layers),
        loss(loss_),
        X(inputs_of<Scalar>(engine, inputs, layers, m)),
        Y(random_matrix<Scalar>(engine, model.outputs(), m)) {
    if (loss == Loss::binary_cross_entropy) activation_forward<Scalar>(Activation::sigmoid, Y, Y);
    if (loss == Loss::categorical_cross_entropy)
      activation_forward<Scalar>(Activation::softmax, Y, Y);
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
        state_(Vector<Scalar>::Zero(offset + state_vector_count(optimizer) *
                                                 problem.model.parameters.size())),
        network_(problem.model.network),
        trainer_(network_, problem.loss) {
    parameters_.tail(problem.model.parameters.size()) = problem.model.parameters;
  }

  RunResult run(const Batch& examples, Index batch_size, Interrupt& interrupt,
                const StepOptions& options = {}, Index epochs = 1) {
    std::vector<BatchCost> costs(
        static_cast<std::size_t>(epochs * ((examples.count + batch_size - 1) / batch_size)));
    const RunResult result =
        trainer_.run(parameters_.data() + offset_, gradients_.data() + offset_,
                     state_.data() + offset_, optimizer_, step, pass, problem_.set(), examples,
                     batch_size, epochs, options, costs.data(), interrupt);
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
  const Vector<Scalar>& statistics() const { return network_.statistics(); }
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

Order shuffled(std::mt19937& engine, Index m) {
  Order order(static_cast<std::size_t>(m));
  std::iota(order.begin(), order.end(), 0);
  std::shuffle(order.begin(), order.end(), engine);
  return order;
}

Vector<double> as_vector(const std::vector<double>& numbers) {
  return Eigen::Map<const Vector<double>>(numbers.data(), static_cast<Index>(numbers.size()));
}

// Every loss with its own output, then with others, for which there is no fused form.
struct Ending {
  LossKind loss;
  Activation output;
};
constexpr Ending endings[] = {
    {Loss::mean_squared_error, Activation::identity},
    {Loss::binary_cross_entropy, Activation::sigmoid},
    {Loss::categorical_cross_entropy, Activation::softmax},
    {Loss::mean_squared_error, Activation::softmax},
    {Loss::mean_squared_error, Activation::gelu},
    {Loss::binary_cross_entropy, Activation::softmax},
    {Loss::categorical_cross_entropy, Activation::sigmoid},
};

// An epsilon of 1e-8 would make a step of learning_rate of a gradient's rounding error.
const Optimizer optimizers[] = {Sgd{0.1}, Sgd{0.05, 0.9}, Sgd{0.05, 0.9, true},
                                Adam{0.01, 0.9, 0.999, 1e-3}};

}  // namespace

TEST_CASE("gradients of the cost agree with central differences") {
  std::mt19937 engine(1);
  const auto check = [&](Problem<double>& problem) {
    problem.use_weights(engine);
    Trainer<double> trainer(problem.model.network, problem.loss);
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
    CAPTURE(static_cast<int>(ending.loss));
    CAPTURE(static_cast<int>(ending.output));
    for (const ActivationName& hidden : activation_names()) {
      INFO(hidden.name);
      Problem<double> problem(engine, 3, {{5, hidden.activation}, {4, ending.output}}, ending.loss,
                              6);
      check(problem);
    }
  }
  Problem<double> by_label(engine, 3, {{5, Activation::tanh}, {4, Activation::softmax}},
                           Loss::categorical_cross_entropy, 6);
  by_label.use_labels(engine);
  check(by_label);
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
    const BatchCost cost = Trainer<Scalar>(problem.model.network, problem.loss)
                               .loss_and_gradients(problem.model.parameters.data(), problem.set(),
                                                   {nullptr, 0, problem.m()}, {}, gradients.data());
    CHECK(error(cost.weight, naive.weight()) < rounding<Scalar>);
    CHECK(error(cost.sum / cost.weight, expected_cost) < accumulated_rounding<Scalar>);
    CHECK(error(gradients, expected_gradients) < accumulated_rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("the cost and its gradients agree with the naive reference", Scalar, float,
                   double) {
  std::mt19937 engine(2);
  for (const Ending& ending : endings) {
    for (const Index m : {1, 2, 5, 100}) {
      CAPTURE(static_cast<int>(ending.loss));
      CAPTURE(static_cast<int>(ending.output));
      CAPTURE(m);
      Problem<Scalar> problem(engine, 4, {{7, Activation::silu}, {3, ending.output}}, ending.loss,
                              m);
      if (m % 2 == 0) problem.use_weights(engine);
      check_against_reference(problem);
    }
  }
}

TEST_CASE_TEMPLATE("and so they do where slices make gradients of their own", Scalar, float,
                   double) {
  std::mt19937 engine(22);
  for (const Index inputs : {1, 4, 33}) {
    for (const Index m : {192, 1000, 2113}) {
      CAPTURE(inputs);
      CAPTURE(m);
      Problem<Scalar> problem(
          engine, inputs, {{1, Activation::tanh}, {20, Activation::gelu}, {3, Activation::softmax}},
          Loss::categorical_cross_entropy, m);
      if (m % 2 == 0) problem.use_weights(engine);
      CHECK(problem.model.network.gradient_groups(m) > 1);
      check_against_reference(problem);
    }
  }
}

TEST_CASE_TEMPLATE("and so they do where a pass goes layer by layer", Scalar, float, double) {
  using enum Activation;
  std::mt19937 engine(21);
  const std::vector<std::pair<Index, std::vector<Layer>>> networks{
      {300, {{250, tanh}, {9, relu}, {3, softmax}}},  // halves, and a layer without
      {300, {{250, gelu}, {130, silu}, {70, sigmoid}, {3, softmax}}},
      {300, {{250, softmax}, {70, tanh}, {3, softmax}}},  // whose units need one another
      {9, {{700, tanh}, {601, elu}, {3, softmax}}},       // beyond a core's cache
  };
  for (const auto& [inputs, layers] : networks) {
    for (const Index m : {1, 21, 90}) {
      CAPTURE(layers[0].units);
      CAPTURE(m);
      const Problem<Scalar> problem(engine, inputs, layers, Loss::categorical_cross_entropy, m);
      CHECK(problem.model.network.goes_layerwise());
      check_against_reference(problem, {1, 2, 3});
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
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.kind->name);
    for (const Ending& ending : endings) {
      CAPTURE(static_cast<int>(ending.loss));
      CAPTURE(static_cast<int>(ending.output));
      Problem<Scalar> problem(engine, 5,
                              {{8, Activation::tanh}, {6, Activation::relu}, {3, ending.output}},
                              ending.loss, m);
      check(problem, optimizer);
      problem.use_weights(engine);
      check(problem, optimizer);
      if (ending.loss != Loss::categorical_cross_entropy) continue;
      problem.use_labels(engine);
      check(problem, optimizer);
    }
  }
}

TEST_CASE_TEMPLATE("without an order a run takes the rows as they stand", Scalar, float, double) {
  std::mt19937 engine(4);
  Problem<Scalar> problem(engine, 3, {{4, Activation::relu}, {2, Activation::softmax}},
                          Loss::categorical_cross_entropy, 20);
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
  const Problem<Scalar> problem(engine, 3, {{2, Activation::sigmoid}}, Loss::binary_cross_entropy,
                                20);
  const Order order = shuffled(engine, 20), part(order.begin() + 7, order.begin() + 16);
  Training<Scalar> from_first(problem, Sgd{}), alone(problem, Sgd{});
  from_first.run({order.data(), 7, 9}, 2);
  alone.run(part, 2);
  check_same_bits(from_first, alone);
}

TEST_CASE_TEMPLATE("two runs are one run in two parts", Scalar, float, double) {
  std::mt19937 engine(6);
  Problem<Scalar> problem(engine, 7, {{9, Activation::gelu}, {3, Activation::softmax}},
                          Loss::categorical_cross_entropy, 50);
  problem.use_weights(engine);
  const Order order = shuffled(engine, 50);
  for (const Optimizer& optimizer : optimizers) {
    CAPTURE(optimizer.kind->name);
    Training<Scalar> whole(problem, optimizer), parts(problem, optimizer);
    whole.run(order, 8);
    parts.run({order.data(), 0, 24}, 8);
    parts.run({order.data(), 24, 26}, 8);
    check_same_bits(parts, whole);
  }
}

// Of the first layer's tiles, each is as many inputs as are summed up at once, where units are few.
template <class Scalar>
constexpr Index many_inputs = 14'000 / sizeof(Scalar) + 3;

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
                                {{units, Activation::tanh}, {2, Activation::softmax}},
                                Loss::categorical_cross_entropy, m);
        CHECK(problem.model.network.takes_inputs_in_turn() == (units > 1));
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
  Problem<Scalar> problem(engine, many_inputs<Scalar>,
                          {{20, Activation::identity}, {1, Activation::identity}},
                          Loss::mean_squared_error, 9);
  CHECK(problem.model.network.takes_inputs_in_turn());
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

TEST_CASE_TEMPLATE("a learning rate a batch is that many runs, each at its own", Scalar, float,
                   double) {
  std::mt19937 engine(16);
  const Problem<Scalar> problem(engine, 3, {{4, Activation::tanh}, {2, Activation::softmax}},
                                Loss::categorical_cross_entropy, 24);
  const std::vector<double> rates{0.1, 0.0, 0.02};
  Interrupt never;
  for (const Optimizer& optimizer : optimizers) {
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

TEST_CASE_TEMPLATE("gradients that are kept are the last batch's, and change no step", Scalar,
                   float, double) {
  std::mt19937 engine(17);
  const Problem<Scalar> problem(engine, 3, {{4, Activation::tanh}, {2, Activation::softmax}},
                                Loss::categorical_cross_entropy, 24);
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
  using enum Activation;
  struct Shape {
    Index inputs;
    std::vector<Layer> layers;
    Index m, batch_size;
  };
  const std::vector<Shape> shapes{
      {1, {{1, sigmoid}}, 1, 1},                                   // m = 1, n = 1
      {3, {{5, tanh}, {1, sigmoid}}, 10, 3},                       // a last batch of 1
      {33, {{17, relu}, {7, sigmoid}}, 131, 65},                   // and one beside larger ones
      {300, {{1, relu}, {300, elu}, {2, sigmoid}}, 400, 200},      // a unit alone between wide ones
      {480, {{501, tanh}, {3, sigmoid}}, 70, 35},                  // weights beyond a core's cache
      {7, {{20, tanh}, {1, sigmoid}}, 3001, 1501},                 // groups of slices
      {64, {{64, relu}, {10, sigmoid}}, 391, 200},                 // and a last batch without
      {300, {{250, softmax}, {90, tanh}, {2, sigmoid}}, 70, 35},   // halves by columns
      {131, {{257, gelu}, {129, relu}, {10, sigmoid}}, 501, 250},  // several tiles and slices
  };
  std::mt19937 engine(7);
  for (const Shape& shape : shapes) {
    CAPTURE(shape.inputs);
    Problem<Scalar> problem(engine, shape.inputs, shape.layers, Loss::binary_cross_entropy,
                            shape.m);
    problem.use_weights(engine);
    const Order order = shuffled(engine, shape.m);
    for (const Optimizer& optimizer : {optimizers[1], optimizers[3]}) {
      CAPTURE(optimizer.kind->name);
      const auto train = [&](int n) {
        const Threads threads(n);
        Training<Scalar> training(problem, optimizer);
        training.run(order, shape.batch_size);
        training.run(order, shape.batch_size);
        return training;
      };
      const Training<Scalar> one = train(1);
      CHECK(one.parameters().allFinite());
      CHECK_FALSE(same_bits(one.parameters(), problem.model.parameters));
      for (const int n : {1, 2, 3, 5}) {
        CAPTURE(n);
        check_same_bits(train(n), one);
      }
    }
  }
  const Network<Scalar> largest(shapes.back().inputs, shapes.back().layers);
  CHECK(largest.tiles().size() > shapes.back().layers.size());
  CHECK(largest.slices(shapes.back().batch_size).count > 1);
}

TEST_CASE_TEMPLATE("the bits do not depend on where vectors and examples lie", Scalar, float,
                   double) {
  using enum Activation;
  // The same seed and data give the same weights in another process, where malloc and NumPy hand
  // out other addresses, and from a view of a wider table.
  std::mt19937 engine(8);
  for (const Index n : {1, 2, 5, 31}) {
    CAPTURE(n);
    const Problem<Scalar> problem(engine, n, {{n + 1, tanh}, {n, relu}, {3, softmax}},
                                  Loss::categorical_cross_entropy, 41);
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
  Problem<Scalar> problem(engine, 3, {{4, Activation::tanh}, {1, Activation::identity}},
                          Loss::mean_squared_error, 30);
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
  const Problem<Scalar> problem(engine, 2, {{1, Activation::identity}}, Loss::mean_squared_error,
                                40);
  const double far = std::sqrt(static_cast<double>(std::numeric_limits<Scalar>::max()));
  Training<Scalar> training(problem, Sgd{100.0 * far});
  const RunResult result = training.run({nullptr, 0, 40}, 10);
  CHECK(result.non_finite);
  CHECK(result.steps == 1);
  CHECK(training.parameters().allFinite());
}

TEST_CASE_TEMPLATE("an interrupted run has made the steps that it tells", Scalar, float, double) {
  std::mt19937 engine(11);
  const Problem<Scalar> problem(engine, 2, {{2, Activation::tanh}, {1, Activation::sigmoid}},
                                Loss::binary_cross_entropy, 10);
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
  const Problem<Scalar> problem(engine, 3, {{4, Activation::relu}, {2, Activation::sigmoid}},
                                Loss::binary_cross_entropy, 5);
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
    CAPTURE(static_cast<int>(ending.loss));
    CAPTURE(static_cast<int>(ending.output));
    Problem<Scalar> problem(engine, 3, {{4, Activation::relu}, {2, ending.output}}, ending.loss, 8);
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
  Problem<Scalar> problem(engine, 4, {{5, Activation::elu}, {3, Activation::softmax}},
                          Loss::categorical_cross_entropy, 4);
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
  Problem<Scalar> problem(engine, 4, {{6, Activation::silu}, {3, Activation::softmax}},
                          Loss::categorical_cross_entropy, 60);
  problem.use_labels(engine);
  Trainer<Scalar> veteran(problem.model.network, problem.loss);
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
        Trainer<Scalar> recruit(problem.model.network, problem.loss);
        const Batch batch{nullptr, 60 - count, count};
        CHECK(same_bits(gradients_by(veteran, batch), gradients_by(recruit, batch)));
      }
    }
  }
}

// Layers of every kind ------------------------------------------------------------------------

namespace {

// Of the three ways through a batch: slices and tiles, groups of slices (also where a layer couples
// them), and layer by layer.
struct Way {
  Index inputs, m;
  bool layerwise, groups;
};
constexpr Way ways[] = {{9, 33, false, false}, {9, 250, false, true}, {260, 41, true, false}};

template <class Scalar>
Problem<Scalar> problem_of(std::mt19937& engine, const Stack& stack, Index m) {
  Problem<Scalar> problem(engine, stack.inputs, stack.layers, Loss::categorical_cross_entropy, m);
  problem.use_weights(engine);
  return problem;
}

LayerRule frozen() {
  LayerRule rule;
  rule.frozen = true;
  return rule;
}

// Each layer's own part of a flat vector.
template <class Scalar, class Derived>
auto part_of(const Network<Scalar>& network, const Eigen::MatrixBase<Derived>& flat, Index l) {
  return flat.segment(network.parameter_offset(l),
                      network.parameter_offset(l + 1) - network.parameter_offset(l));
}

}  // namespace

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
        CHECK(network.goes_layerwise() == way.layerwise);
        CHECK((network.gradient_groups(way.m) > 1) == way.groups);
        Trainer<double> trainer(network, problem.loss);
        const Batch batch{nullptr, 0, way.m};
        Vector<double> gradients(problem.model.parameters.size()), ignored = gradients;
        const Vector<double> statistics = network.statistics();
        trainer.loss_and_gradients(problem.model.parameters.data(), problem.set(), batch, pass,
                                   gradients.data());
        CHECK(same_bits(network.statistics(), statistics));
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
          const Matrix<double> slope =
              central_difference(Matrix<double>::Zero(1, 1), cost, way.layerwise ? 1e-8 : 1e-5);
          CHECK(error(gradients.dot(direction), slope(0)) < 1e-5);
        }
      }
    }
  }
}

// The cost and its gradients, by the trainer and by the explicit steps.
template <class Scalar>
void check_by_hand(const Problem<Scalar>& problem) {
  const Network<Scalar>& network = problem.model.network;
  const Scalar* const parameters = problem.model.parameters.data();
  const Pass pass{true, 7, 2};
  const Index m = problem.m();
  Vector<Scalar> expected(problem.model.parameters.size()), gradients = expected;
  const BatchCost cost =
      Trainer<Scalar>(problem.model.network, problem.loss)
          .loss_and_gradients(parameters, problem.set(), {nullptr, 0, m}, pass, expected.data());
  Cache<Scalar> cache;
  network.forward(parameters, problem.set().X, pass, cache);
  const Matrix<Scalar> A = cache.A(network.depth());
  Matrix<Scalar> dA(A.rows(), m);
  const double sum = loss_backward<Scalar>(problem.loss, A, {problem.Y.data()}, dA);
  CHECK(error(sum / cost.weight, cost.sum / cost.weight) < accumulated_rounding<Scalar>);
  network.backward(parameters, dA.data(), Scalar(1) / static_cast<Scalar>(m), cache,
                   gradients.data(), nullptr);
  CHECK(error(gradients, expected) < accumulated_rounding<Scalar>);
}

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
    for (const Index l : std::vector<Index>(network.couplings())) network.set_rule(l, frozen());
    if (network.goes_layerwise()) continue;
    CHECK(network.gradient_groups(m) > 1);
    CHECK(network.gradient_groups(m) < network.training_slices(m).count);
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
        Training<Scalar> training(problem, Adam{});
        training.run(order, way.m);
        training.run(order, way.m);
        return training;
      };
      const Training<Scalar> one = train(1);
      CHECK(one.parameters().allFinite());
      CHECK(one.statistics().allFinite());
      CHECK(one.pass.number == 4);
      CHECK_FALSE(same_bits(one.parameters(), problem.model.parameters));
      for (const int n : {2, 3, 4}) {
        CAPTURE(n);
        check_same_bits(train(n), one);
      }
    }
  }
}

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
  auto problem = problem_of<Scalar>(
      engine, {"", 4, {just(BatchNorm{0.25, 1e-5}), {3, Activation::softmax}}}, 15);
  Vector<double> expected = exact(problem.model.network.statistics());
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

TEST_CASE_TEMPLATE("frozen layers keep every bit, and the others train", Scalar, float, double) {
  std::mt19937 engine(37);
  for (const Way& way : ways) {
    for (const Stack& stack : stacks(way.inputs)) {
      INFO(stack.name);
      CAPTURE(way.inputs);
      CAPTURE(way.m);
      const auto problem = problem_of<Scalar>(engine, stack, way.m);
      const Network<Scalar>& network = problem.model.network;
      const Vector<Scalar> statistics_before = problem.model.network.statistics();
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
          Trainer<Scalar>(training.network(), problem.loss)
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
            if (!std::holds_alternative<BatchNorm>(network.layer(l).kind)) continue;
            const auto moments = [&](const Vector<Scalar>& statistics) {
              return statistics.segment(network.statistics_offset(l), 2 * network.n(l)).eval();
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

TEST_CASE("a frozen batch norm normalises by its running moments in training") {
  std::mt19937 engine(38);
  const auto problem =
      problem_of<double>(engine, {"", 4, {just(BatchNorm{}), {3, Activation::softmax}}}, 12);
  Network<double> network = problem.model.network;
  network.set_rule(1, frozen());
  const auto output = [&](const Pass& pass) {
    Cache<double> cache;
    network.forward(problem.model.parameters.data(), problem.set().X, pass, cache);
    return Matrix<double>(cache.A(2));
  };
  CHECK(same_bits(output({true, 0, 0}), output({})));
  network.set_rule(1, {});
  CHECK_FALSE(same_bits(output({true, 0, 0}), output({})));
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
      return Trainer<Scalar>(network, problem.loss)
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
    const Matrix<double> W = exact(network.W(problem.model.parameters.data(), 3));
    const double penalty = 0.02 * W.cwiseAbs().sum() + 0.15 * W.squaredNorm();
    CHECK(error(with.sum / with.weight, without.sum / without.weight + penalty) < rounding<Scalar>);
    Vector<double> expected = exact(plain);
    for (Index i = 0; i < W.size(); ++i)
      expected(network.parameter_offset(3) + i) += 0.3 * W(i) + (W(i) > 0 ? 0.02 : -0.02);
    expected
        .segment(network.parameter_offset(7),
                 network.parameter_offset(8) - network.parameter_offset(7))
        .setZero();
    CHECK(error(penalized, expected) < rounding<Scalar>);

    // A run's costs have the penalty too, and its step follows that gradient.
    Training<Scalar> training(problem, Sgd{0.5});
    for (Index l = 1; l <= network.depth(); ++l) training.network().set_rule(l, network.rule(l));
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
  Trainer<double> trainer(network, problem.loss);
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
  Problem<Scalar> problem(engine, 2, {{1, Activation::identity}}, Loss::mean_squared_error, 4);
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
    const auto problem = problem_of<Scalar>(engine,
                                            {"",
                                             way.inputs,
                                             {{way.inputs + 7, Activation::tanh},
                                              {way.inputs, Activation::tanh},
                                              {3, Activation::softmax}}},
                                            way.m);
    const auto rows = [&](const auto& flat, Index l) {
      const Vector<Scalar> copy = flat;
      return Vector<double>(exact(problem.model.network.W(copy.data(), l)).rowwise().norm());
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
    CHECK(same_bits(network.b(made.data(), 2), network.b(expected.data(), 2)));
    const Vector<double> factor = after.cwiseQuotient(before);
    CHECK(error(network.W(made.data(), 2),
                (factor.asDiagonal() * exact(network.W(expected.data(), 2))).eval()) <
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

TEST_CASE_TEMPLATE("a network without parameters trains to what it is", Scalar, float, double) {
  std::mt19937 engine(46);
  for (const Index m : {5, 300}) {
    CAPTURE(m);
    const Problem<Scalar> problem(engine, 3, {just(Identity{}, Activation::tanh)},
                                  Loss::mean_squared_error, m);
    Training<Scalar> training(problem, Adam{});
    const RunResult result = training.run({nullptr, 0, m}, m);
    CHECK(result.steps == 1);
    const Matrix<double> apart = exact(problem.X).array().tanh().matrix() - exact(problem.Y);
    CHECK(error(training.costs()[0], apart.squaredNorm() / static_cast<double>(3 * m)) <
          rounding<Scalar>);
  }
}
