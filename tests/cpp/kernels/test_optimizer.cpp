#include "kernels/optimizer.hpp"
#include "optimizers.hpp"
#include "reference/optimizer.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

int state_vector_count(const Optimizer& optimizer) {
  return optimizer.kind->state_vectors(optimizer);
}

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
    const auto& kernel = kernels<Scalar>().optimizer;
    const StepRule<Scalar> rule = kernel.rule(optimizer, step);
    for (std::size_t k = cuts.size() - 1; k > 0; --k)
      kernel.update(rule, {parameters.data(), state.data(), size}, gradients.data() + cuts[k - 1],
                    cuts[k - 1], cuts[k] - cuts[k - 1]);
  }
};

// Every branch of every rule, without weight decay; an epsilon of 1e-8 would make a step of
// learning_rate of a rounding error.
const std::vector<Optimizer>& without_decay() {
  static const std::vector<Optimizer> all{
      Sgd{0.1},
      Sgd{0.1, 0.9},
      Sgd{0.1, 0.9, true},
      Adam{},
      Adam{0.02, 0.8, 0.95, 1e-3},
      make("adam", {.learning_rate = 0.1, .beta_2 = 0.5, .amsgrad = 1.0}),
      make("adam", {.learning_rate = 0.1, .epsilon = 0.1, .epsilon_hat = 1.0}),
      make("nadam", {.learning_rate = 0.1, .epsilon = 1e-3, .momentum_decay = 4e-3}),
      make("nadam", {.beta_1 = 0.5, .epsilon = 1e-3, .momentum_decay = 3.0}),
      make("radam", {.learning_rate = 0.1, .epsilon = 1e-3}),
      make("radam", {.beta_2 = 0.5}),
      make("rmsprop", {.learning_rate = 0.1, .epsilon = 1e-3}),
      make("rmsprop", {.learning_rate = 0.01, .momentum = 0.9, .epsilon = 1e-3, .decay = 0.9}),
      make("rmsprop", {.learning_rate = 0.01, .epsilon = 1e-3, .centered = 1.0}),
      make("rmsprop", {.learning_rate = 0.01, .momentum = 0.5, .epsilon = 1e-3, .centered = 1.0}),
      make("adagrad", {.learning_rate = 0.1}),
      make("adagrad", {.learning_rate_decay = 0.1, .initial_accumulator = 0.5}),
      make("adadelta", {.learning_rate = 1.0, .epsilon = 1e-6}),
      make("lion", {.learning_rate = 0.01, .beta_2 = 0.99}),
  };
  return all;
}

std::vector<Optimizer> with_decay_too() {
  std::vector<Optimizer> all = without_decay();
  for (Optimizer optimizer : without_decay()) {
    optimizer.weight_decay = 0.3;
    all.push_back(optimizer);
  }
  all.push_back(make("adamw", {.learning_rate = 0.1, .weight_decay = 0.3}));
  all.push_back(make("adamw", {.weight_decay = 0.3, .beta_2 = 0.5, .amsgrad = 1.0}));
  return all;
}

const std::vector<Optimizer>& optimizers() {
  static const std::vector<Optimizer> all = with_decay_too();
  return all;
}

}  // namespace

TEST_CASE("an optimizer says how much state it keeps") {
  CHECK(state_vector_count(Sgd{}) == 1);
  CHECK(state_vector_count(Adam{}) == 2);
  CHECK(state_vector_count(make("adam", {.amsgrad = 1.0})) == 3);
  CHECK(state_vector_count(make("rmsprop")) == 1);
  CHECK(state_vector_count(make("rmsprop", {.momentum = 0.9})) == 2);
  CHECK(state_vector_count(make("rmsprop", {.momentum = 0.9, .centered = 1.0})) == 3);
}

TEST_CASE("every kind is tested") {
  for (const OptimizerKind& kind : kernel_table().optimizers) {
    CAPTURE(kind.name);
    CHECK(std::ranges::any_of(optimizers(), [&](const Optimizer& o) { return o.kind == &kind; }));
  }
}

TEST_CASE("every hyper-parameter's name is of another number") {
  Optimizer optimizer;
  double next = 0.0;
  for (const HyperParameter& row : hyper_parameters) optimizer.*row.value = next++;
  double expected = 0.0;
  for (const HyperParameter& row : hyper_parameters) {
    CAPTURE(row.name);
    CHECK(optimizer.*row.value == expected++);
  }
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
  SUBCASE("AMSGrad") {
    const Optimizer amsgrad =
        make("adam",
             {.learning_rate = 0.5, .beta_1 = 0.5, .beta_2 = 0.0, .epsilon = 0.5, .amsgrad = 1.0});
    const auto training = after_two_steps(amsgrad, 1.0, 2.0, 0.0);
    // v = g^2;  m = 1, p = 1 - 0.5 * 2 / 2.5 = 0.6;  m = 1/2 and v = 0, but the largest is 4:
    // p = 0.6 - 0.5 * (1/2 / (3/4)) / 2.5
    CHECK(close(training.parameters(0), 0.6 - 0.5 * (2.0 / 3.0) / 2.5));
    CHECK(close(training.state(1), 0.0));
    CHECK(close(training.state(2), 4.0));
  }
  SUBCASE("NAdam") {
    // mu = 0.5 (1 - 0.5) = 0.25 at each step, as psi = 0;  v = g^2 = 4 at both.
    // Step 1: m = 1;  n = 0.75 * 2 / 0.75 + 0.25 * 1 / (1 - 1/16) = 2 + 4/15;  p = 1 - 0.5 n / 2
    // Step 2: m = -1/2;  n = 0.75 * -2 / (15/16) - 0.125 / (1 - 1/64) = -1.6 - 8/63
    const Optimizer nadam =
        make("nadam", {.learning_rate = 0.5, .beta_1 = 0.5, .beta_2 = 0.0, .epsilon = 0.0});
    const auto training = after_two_steps(nadam, 1.0, 2.0, -2.0);
    CHECK(close(training.parameters(0), 1.0 - (2.0 + 4.0 / 15.0) / 4.0 + (1.6 + 8.0 / 63.0) / 4.0));
  }
  SUBCASE("RAdam") {
    // rho stays below 5: p = 1 - 0.5 * 2 = 0;  m = -1/2, m_hat = -2/3: p = 1/3
    const auto training = after_two_steps(
        make("radam", {.learning_rate = 0.5, .beta_1 = 0.5, .beta_2 = 0.999}), 1.0, 2.0, -2.0);
    CHECK(close(training.parameters(0), 1.0 / 3.0));
  }
  SUBCASE("RMSprop") {
    // s = 3, p = 1 - 0.5 * 2 / (sqrt(3) + 1);  s = 0.25 * 3 + 0.75 = 1.5
    const auto training = after_two_steps(
        make("rmsprop", {.learning_rate = 0.5, .epsilon = 1.0, .decay = 0.25}), 1.0, 2.0, -1.0);
    CHECK(close(training.parameters(0),
                1.0 - 1.0 / (std::sqrt(3.0) + 1.0) + 0.5 / (std::sqrt(1.5) + 1.0)));
  }
  SUBCASE("RMSprop, centered and with momentum") {
    // s = 2, a = 1, s - a^2 = 1: v = 2 / 2, p = 0.5;  s = 1.5, a = 0, v = 1/2 - 1 / (sqrt(1.5) + 1)
    const auto training = after_two_steps(
        make(
            "rmsprop",
            {.learning_rate = 0.5, .momentum = 0.5, .epsilon = 1.0, .decay = 0.5, .centered = 1.0}),
        1.0, 2.0, -1.0);
    CHECK(close(training.parameters(0), 0.5 - 0.5 * (0.5 - 1.0 / (std::sqrt(1.5) + 1.0))));
    CHECK(close(training.state(1), 1.5));
    CHECK(close(training.state(2), 0.0));
  }
  SUBCASE("Adagrad") {
    // s = 9 + 16 = 25: p = 1 - 0.5 * 4 / 6;  s = 25 + 144 = 169, alpha = 0.5 / 2:
    // p = 2/3 + 0.25 * 12 / 14
    const auto training = after_two_steps(make("adagrad", {.learning_rate = 0.5,
                                                           .epsilon = 1.0,
                                                           .learning_rate_decay = 1.0,
                                                           .initial_accumulator = 9.0}),
                                          1.0, 4.0, -12.0);
    CHECK(close(training.parameters(0), 2.0 / 3.0 + 3.0 / 14.0));
    CHECK(close(training.state(0), 160.0));
  }
  SUBCASE("Adadelta") {
    // s = 3, d = 1 / 2 * 2 = 1, u = 3/4, p = 0.5;  s = 0.25 * 3 + 6.75 = 7.5,
    // d = sqrt(1.75) / sqrt(8.5) * -3
    const auto training = after_two_steps(
        make("adadelta", {.learning_rate = 0.5, .epsilon = 1.0, .rho = 0.25}), 1.0, 2.0, -3.0);
    CHECK(close(training.parameters(0), 0.5 + 1.5 * std::sqrt(1.75 / 8.5)));
  }
  SUBCASE("Lion") {
    // sign(0.1) > 0: p = 0.9, m = 0.5;  sign(0.45 - 0.2 / 10) > 0: p = 0.8, m = 0.25 - 0.1
    const auto training = after_two_steps(
        make("lion", {.learning_rate = 0.1, .beta_1 = 0.9, .beta_2 = 0.5}), 1.0, 1.0, -0.2);
    CHECK(close(training.parameters(0), 0.8));
    CHECK(close(training.state(0), 0.15));
  }
  SUBCASE("weight decay in the gradient") {
    // 1 - 0.1 (0.5 + 2) = 0.75;  0.75 - 0.1 (-0.2 + 1.5)
    const auto training =
        after_two_steps(make("sgd", {.learning_rate = 0.1, .weight_decay = 2.0}), 1.0, 0.5, -0.2);
    CHECK(close(training.parameters(0), 0.62));
  }
  SUBCASE("decoupled weight decay") {
    // 1 - 0.2 - 0.1 = 0.7;  0.7 - 0.14 + 0.1
    const auto training = after_two_steps(
        make("lion", {.learning_rate = 0.1, .weight_decay = 2.0, .beta_1 = 0.0}), 1.0, 0.5, -0.2);
    CHECK(close(training.parameters(0), 0.66));
  }
}

TEST_CASE_TEMPLATE("ten steps agree with the naive reference", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
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
  std::vector<Index> one_by_one(size - 1);
  std::iota(one_by_one.begin(), one_by_one.end(), 1);
  std::vector<std::vector<Index>> ways{{1, 3, 10, 10, 27, 64, 67, 202}, one_by_one};
  for (int way = 0; way < 10; ++way) {
    std::vector<Index>& cuts = ways.emplace_back();
    std::ranges::sample(one_by_one, std::back_inserter(cuts), 1 + 3 * way, engine);
  }
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    Training<Scalar> whole(optimizer, random_vector<Scalar>(engine, size));
    std::vector<Training<Scalar>> in_parts(ways.size(), whole);
    for (int step = 1; step <= 7; ++step) {
      const Vector<Scalar> gradients = random_vector<Scalar>(engine, size);
      whole.update(gradients);
      for (std::size_t way = 0; way < ways.size(); ++way)
        in_parts[way].update(gradients, ways[way]);
    }
    for (const Training<Scalar>& parts : in_parts) {
      CHECK(same_bits(parts.parameters, whole.parameters));
      CHECK(same_bits(parts.state, whole.state));
    }
  }
}

TEST_CASE_TEMPLATE("an update leaves what is outside its range alone", Scalar, float, double) {
  std::mt19937 engine(3);
  const Index size = 40, first = 5, last = 22;
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    const Vector<Scalar> before = random_vector<Scalar>(engine, size);
    const Vector<Scalar> gradients = Vector<Scalar>::Ones(size);
    Training<Scalar> training(optimizer, before);
    const auto& kernel = kernels<Scalar>().optimizer;
    kernel.update(kernel.rule(optimizer, 1),
                  {training.parameters.data(), training.state.data(), size},
                  gradients.data() + first, first, last - first);
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
  for (const Optimizer& optimizer : without_decay()) {
    CAPTURE(optimizer.kind->name);
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

TEST_CASE_TEMPLATE("Adam may add its epsilon before it corrects the bias", Scalar, float, double) {
  // m = 0.2, v = 0.004; the rate is 0.1 sqrt(1 - 0.999) / (1 - 0.9).
  const Optimizer optimizer =
      make("adam", {.learning_rate = 0.1, .epsilon = 0.05, .epsilon_hat = 1});
  Training<Scalar> training(optimizer, Vector<Scalar>::Zero(1));
  training.update(Vector<Scalar>::Constant(1, Scalar(2)));
  CHECK(error(static_cast<double>(training.parameters(0)),
              -std::sqrt(0.001) * 0.2 / (std::sqrt(0.004) + 0.05)) < rounding<Scalar>);
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

TEST_CASE_TEMPLATE("a gradient that is NaN shows, in its own parameter alone", Scalar, float,
                   double) {
  std::mt19937 engine(5);
  const Index size = 37;
  for (const Optimizer& optimizer : optimizers()) {
    CAPTURE(optimizer.kind->name);
    for (const Scalar bad : {not_a_number<Scalar>, infinity<Scalar>}) {
      Training<Scalar> training(optimizer, random_vector<Scalar>(engine, size));
      training.update(random_vector<Scalar>(engine, size));
      Vector<Scalar> gradients = random_vector<Scalar>(engine, size);
      Training<Scalar> expected = training;
      expected.update(gradients);
      gradients[3] = gradients[size - 1] = bad;
      training.update(gradients);
      training.update(gradients);
      expected.update(gradients);
      for (Index i = 0; i < size; ++i) {
        if (i != 3 && i != size - 1)
          CHECK(same_bits(training.parameters[i], expected.parameters[i]));
        else if (std::isnan(bad))
          CHECK(std::isnan(training.parameters[i]));
      }
    }
  }
}

TEST_CASE_TEMPLATE("centered RMSprop takes gradients that do not vary", Scalar, float, double) {
  // Their variance is 0, and rounding puts it on either side.
  std::mt19937 engine(6);
  const Vector<Scalar> gradients = random_vector<Scalar>(engine, 100);
  const Optimizer optimizer =
      make("rmsprop", {.learning_rate = 1e-3, .decay = 0.9, .centered = 1.0});
  Training<Scalar> training(optimizer, Vector<Scalar>::Zero(100));
  for (int step = 0; step < 1000; ++step) training.update(gradients);
  CHECK(training.parameters.allFinite());
}

TEST_CASE("NAdam's product of momenta is that of the steps") {
  const auto after = [](const Optimizer& optimizer, std::int64_t step) {
    Training<double> training(optimizer, Vector<double>::Zero(1));
    training.step = step - 1;
    training.update(Vector<double>::Ones(1));
    return training.parameters(0);
  };
  for (const double beta_1 : {0.0, 0.5, 0.9, 0.9999}) {
    CAPTURE(beta_1);
    for (const double psi : {0.0, 4e-3, 0.1, 1.0, 30.0}) {
      CAPTURE(psi);
      const Optimizer nadam =
          make("nadam", {.learning_rate = 0.1, .beta_1 = beta_1, .momentum_decay = psi});
      for (const int step : {1, 2, 3, 40, 999, 5000}) {
        CAPTURE(step);
        double p = 0.0;
        std::vector<double> state{0.0, 0.0};
        reference::update(nadam, step, p, 1.0, state);
        CHECK(error(after(nadam, step), p) < rounding<double>);
      }
      CHECK(std::isfinite(after(nadam, 2'000'000'000'000)));
    }
  }
}

TEST_CASE_TEMPLATE("an update of no parameters does nothing", Scalar, float, double) {
  for (const Optimizer& optimizer : optimizers()) {
    const auto& kernel = kernels<Scalar>().optimizer;
    kernel.update(kernel.rule(optimizer, 1), {nullptr, nullptr, 0}, nullptr, 0, 0);
  }
}

TEST_CASE_TEMPLATE("a moment that decays below the normal numbers is zero", Scalar, float, double) {
  const Scalar smallest = std::numeric_limits<Scalar>::min();
  Training<Scalar> training(Sgd{0.1, 0.5}, Vector<Scalar>::Ones(40));
  training.state.setConstant(smallest);
  training.update(Vector<Scalar>::Zero(40));
  CHECK(training.state.isZero(0));
}
