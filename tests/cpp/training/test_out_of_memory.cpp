// Each allocation of each piece of work fails once: it is a std::bad_alloc that reaches the caller, the
// numbers are as before, and the same objects do the same work when there is memory again.
#include "allocation_counter.hpp"
#include "model.hpp"
#include "optimizers.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/trainer.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <optional>
#include <random>
#include <string>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// Calls prepare() and then act() with its first allocation failing, then its second and so on, until it
// makes no more; judge(refused) after each. Returns how often act() ended in std::bad_alloc.
template <class Prepare, class Act, class Judge>
int refuse_each_allocation(Prepare prepare, Act act, Judge judge) {
  int times = 0;
  for (const bool and_those_after : {false, true}) {
    bool asked_for = true;
    for (std::int64_t n = 1; asked_for; ++n) {
      prepare();
      bool refused = false;
      {
        const RefusedAllocation refusal(n, and_those_after);
        try {
          act();
        } catch (const std::bad_alloc&) {
          refused = true;
        }
        asked_for = refusal.was_asked_for();
      }
      INFO("allocation " << n << (and_those_after ? " and those after" : ""));
      judge(refused);
      times += refused ? 1 : 0;
    }
  }
  return times;
}

// Everything that a step changes.
template <class Scalar>
struct Numbers {
  Vector<Scalar> parameters, state, statistics;
  std::int64_t step = 0;
  std::uint64_t pass = 0;
};

template <class Scalar>
bool same(const Numbers<Scalar>& a, const Numbers<Scalar>& b) {
  return same_bits(a.parameters, b.parameters) && same_bits(a.state, b.state) &&
         same_bits(a.statistics, b.statistics) && a.step == b.step && a.pass == b.pass;
}

template <class Scalar>
class Training {
 public:
  Training(const Stack& stack, bool classes)
      : classes_(classes),
        model_(engine_, stack.inputs, stack.layers),
        X_(inputs_of<float>(engine_, stack.inputs, stack.layers, examples)),
        Y_(random_matrix<float>(engine_, model_.outputs(), examples)),
        labels_(random_labels(engine_, examples, model_.outputs())),
        weights_(Vector<double>::Ones(examples)),
        gradients_(model_.parameters.size()),
        state_(Vector<Scalar>::Zero(2 * model_.parameters.size())),
        costs_(static_cast<std::size_t>(examples)),
        trainer_(model_.network, loss()) {}

  void run(Index batch_size) {
    const Run<Scalar> all{
        .vectors = {model_.parameters.data(), state_.data(), model_.parameters.size()},
        .gradients = gradients_.data(),
        .optimizer = Adam{},
        .set = set(),
        .examples = {nullptr, 0, batch_size},
        .batch_size = batch_size,
        .epochs = 1,
        .costs = costs_.data()};
    trainer_.run(all, step_, pass_, never_);
  }
  void infer(Matrix<Scalar>& output) {
    const Loss of_output = loss();
    Target<Scalar> target;
    target.labels = labels_.data();
    model_.network.infer(model_.parameters.data(), examples_of(X_), output.data(),
                         classes_ ? &of_output : nullptr, target, never_);
  }
  void forward_and_backward(Cache<Scalar>& cache) {
    const Examples X = examples_of(X_);
    model_.network.forward(model_.parameters.data(), X, pass_, cache);
    const Vector<Scalar> dA = Vector<Scalar>::Ones(model_.outputs() * examples);
    model_.network.backward(model_.parameters.data(), dA.data(), Scalar(1), cache,
                            gradients_.data(), nullptr);
  }

  Numbers<Scalar> numbers() const {
    return {model_.parameters, state_, vector_of(model_.network.statistics()), step_, pass_.number};
  }
  const Vector<Scalar>& gradients() const { return gradients_; }
  Index outputs() const { return model_.outputs(); }

  static constexpr Index examples = 200;

 private:
  Loss loss() const {
    return loss_named(classes_ ? "categorical_cross_entropy" : "mean_squared_error");
  }
  TrainingSet set() const {
    if (!classes_) return {examples_of(X_), examples_of(Y_)};
    return {examples_of(X_), {}, labels_.data(), weights_.data()};
  }

  bool classes_;
  std::mt19937 engine_{1};
  Model<Scalar> model_;
  Matrix<float> X_, Y_;
  std::vector<std::int64_t> labels_;
  Vector<double> weights_;
  Vector<Scalar> gradients_, state_;
  std::vector<BatchCost> costs_;
  std::int64_t step_ = 0;
  Pass pass_{true, 7, 0};
  Trainer<Scalar> trainer_;
  Interrupt never_;
};

// Every kind of layer; weights that are halved; and products on copies.
std::vector<Stack> many_stacks() {
  std::vector<Stack> all = stacks(30);
  all.push_back(stacks(270).back());
  all.push_back({"halved", 400, {dense(256, "relu"), dense(3, "softmax")}});
  all.push_back({"on copies", 600, {dense(400, "relu"), dense(3, "softmax")}});
  return all;
}

bool can_refuse() { return counted_allocations == "malloc and its family"; }

}  // namespace

TEST_CASE_TEMPLATE("a network is made or it is not", Scalar, float, double) {
  for (const Stack& stack : many_stacks()) {
    INFO(stack.name);
    const int times = refuse_each_allocation(
        [] {}, [&] { Network<Scalar>(stack.inputs, stack.layers); }, [](bool) {});
    CHECK(times > (can_refuse() ? 10 : -1));
  }
}

TEST_CASE_TEMPLATE("a step is made or it is not", Scalar, float, double) {
  for (const int n : {1, 2}) {
    const Threads threads(n);
    CAPTURE(n);
    for (const Stack& stack : many_stacks()) {
      INFO(stack.name);
      for (const bool classes : {true, false}) {
        const Training<Scalar> fresh(stack, classes);
        Training<Scalar> reference(stack, classes);
        reference.run(20);
        const Numbers<Scalar> before = reference.numbers();
        reference.run(Training<Scalar>::examples);
        const Numbers<Scalar> after = reference.numbers();
        REQUIRE(!same(before, after));
        std::optional<Training<Scalar>> training;
        const int times = refuse_each_allocation(
            [&] {
              training.emplace(stack, classes);
              training->run(20);  // there is some room already
            },
            [&] { training->run(Training<Scalar>::examples); },
            [&](bool refused) {
              REQUIRE(same(training->numbers(), refused ? before : after));
              if (refused) training->run(Training<Scalar>::examples);
              REQUIRE(same(training->numbers(), after));
            });
        CHECK(times > (can_refuse() ? 2 : -1));
      }
    }
  }
}

TEST_CASE_TEMPLATE("so are a prediction, and the explicit steps", Scalar, float, double) {
  const Threads threads(2);
  for (const Stack& stack : many_stacks()) {
    INFO(stack.name);
    Training<Scalar> training(stack, true);
    const Numbers<Scalar> before = training.numbers();
    Matrix<Scalar> expected(training.outputs(), Training<Scalar>::examples), output = expected;
    training.infer(expected);
    int times = refuse_each_allocation([&] { output.setZero(); }, [&] { training.infer(output); },
                                       [&](bool refused) {
                                         if (refused) training.infer(output);
                                         REQUIRE(same_bits(output, expected));
                                       });
    CHECK(times > (can_refuse() ? 2 : -1));

    Cache<Scalar> warm;
    training.forward_and_backward(warm);
    const Vector<Scalar> gradients = training.gradients();
    std::optional<Cache<Scalar>> cache;
    times = refuse_each_allocation([&] { cache.emplace(); },
                                   [&] { training.forward_and_backward(*cache); },
                                   [&](bool refused) {
                                     if (refused) training.forward_and_backward(*cache);
                                     REQUIRE(same_bits(training.gradients(), gradients));
                                   });
    CHECK(times > (can_refuse() ? 4 : -1));
    CHECK(same(training.numbers(), before));
  }
}

TEST_CASE("a loop is done by the threads that are there where the system has no room for more") {
  static int most = 20;  // that no test before has asked for
  int loops = 0;
  refuse_each_allocation(
      [] { ThreadPool::resize(++most); },
      [&] {
        std::vector<std::atomic<int>> runs(100);
        ThreadPool::instance().parallel_for(
            most, 100, [&](Index task, int) { ++runs[static_cast<std::size_t>(task)]; });
        loops +=
            std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; }) ? 1 : 0;
      },
      [&](bool) {});
  CHECK(loops > (can_refuse() ? 2 : 1));
}
