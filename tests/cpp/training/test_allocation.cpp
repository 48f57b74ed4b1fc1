#include "allocation_counter.hpp"
#include "model.hpp"
#include "optimizers.hpp"
#include "stacks.hpp"
#include "support.hpp"
#include "training/trainer.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// A trainer that has made its first batch, so that what it allocates once is there.
template <class Scalar>
class WarmTraining {
 public:
  WarmTraining(Index inputs, const std::vector<Layer>& layers, Index batch_size,
               const Optimizer& optimizer)
      : engine_(1),
        model_(engine_, inputs, layers),
        X_(inputs_of<float>(engine_, inputs, layers, examples)),
        labels_(random_labels(engine_, examples, model_.outputs())),
        weights_(Vector<double>::Ones(examples)),
        order_(static_cast<std::size_t>(examples)),
        gradients_(model_.parameters.size()),
        state_(Vector<Scalar>::Zero(2 * model_.parameters.size())),
        costs_(static_cast<std::size_t>(examples)),
        optimizer_(optimizer),
        batch_size_(batch_size),
        trainer_(model_.network, loss_named("categorical_cross_entropy")) {
    std::iota(order_.rbegin(), order_.rend(), 0);
    run(1);
  }

  void run(Index steps) { run_examples(steps * batch_size_); }
  void run_examples(Index count) {
    const TrainingSet set{examples_of(X_), {}, labels_.data(), weights_.data()};
    const Run<Scalar> all{
        .vectors = {model_.parameters.data(), state_.data(), model_.parameters.size()},
        .gradients = gradients_.data(),
        .optimizer = optimizer_,
        .set = set,
        .examples = {order_.data(), 0, count},
        .batch_size = batch_size_,
        .epochs = 1,
        .costs = costs_.data()};
    const RunResult result = trainer_.run(all, step_, pass_, never_);
    trained_ = trained_ && !result.non_finite && !result.interrupted;
  }

  bool trained() const { return trained_; }

 private:
  static constexpr Index examples = 2000;
  std::mt19937 engine_;
  Model<Scalar> model_;
  Matrix<float> X_;  // used in place by one Scalar, gathered for the other
  std::vector<std::int64_t> labels_;
  Vector<double> weights_;
  std::vector<std::int64_t> order_;
  Vector<Scalar> gradients_, state_;
  std::vector<BatchCost> costs_;
  Optimizer optimizer_;
  Index batch_size_;
  std::int64_t step_ = 0;
  Pass pass_{true, 7, 0};
  bool trained_ = true;
  Trainer<Scalar> trainer_;
  Interrupt never_;
};

}  // namespace

TEST_CASE("allocations are counted") {
  MESSAGE("counted: " << counted_allocations);
  const std::int64_t expected = counted_allocations == "nothing" ? 0 : 1;
  std::unique_ptr<std::vector<int>> kept;
  CHECK(allocations_in([&] { kept = std::make_unique<std::vector<int>>(); }) == expected);
  CHECK(allocations_in([] {}) == 0);
  if (counted_allocations != "malloc and its family") return;
  Vector<double> memory;
  CHECK(allocations_in([&] { memory.resize(1000); }) == 1);
  void* aligned = nullptr;
  CHECK(allocations_in([&] { aligned = std::aligned_alloc(64, 640); }) == 1);
  std::free(aligned);
}

TEST_CASE_TEMPLATE("after its first batch training a small network allocates nothing", Scalar,
                   float, double) {
  for (const int n : {1, 2}) {
    CAPTURE(n);
    const Threads threads(n);
    for (const Optimizer& optimizer :
         {Optimizer(Sgd{0.01, 0.9}), Optimizer(Adam{}), make("nadam")}) {
      WarmTraining<Scalar> tiny(3, {dense(5, "tanh"), dense(2, "softmax")}, 8, optimizer);
      CHECK(allocations_in([&] { tiny.run(50); }) == 0);
      CHECK(allocations_in([&] { tiny.run_examples(8 * 20 + 1); }) == 0);  // a last batch of 1
      // Large enough for the second thread.
      WarmTraining<Scalar> small(32, {dense(48, "relu"), dense(24, "gelu"), dense(10, "softmax")},
                                 100, optimizer);
      CHECK(allocations_in([&] { small.run(20); }) == 0);
      CHECK(tiny.trained());
      CHECK(small.trained());
    }
  }
}

TEST_CASE_TEMPLATE("nor does a large one", Scalar, float, double) {
  for (const int n : {1, 2}) {
    CAPTURE(n);
    const Threads threads(n);
    // Its weights are halved, or copied for the product.
    for (const Index units : {128, 700}) {
      for (const Index batch_size : {20, 100}) {
        WarmTraining<Scalar> training(
            800, {dense(units, "relu"), dense(units, "tanh"), dense(10, "softmax")}, batch_size,
            Adam{});
        // A thread makes room for its copies once, when it first has a part of a product to make.
        std::int64_t least = 1;
        for (int round = 0; round < 10 && least > 0; ++round)
          least = allocations_in([&] { training.run(5); });
        CHECK(least == 0);
        CHECK(training.trained());
      }
    }
  }
}

TEST_CASE_TEMPLATE("nor does one with layers of any kind", Scalar, float, double) {
  for (const int n : {1, 2}) {
    CAPTURE(n);
    const Threads threads(n);
    for (const Stack& stack : stacks(30)) {
      for (const Index batch_size : {20, 250}) {
        INFO(stack.name);
        CAPTURE(batch_size);
        WarmTraining<Scalar> training(stack.inputs, stack.layers, batch_size, Adam{});
        CHECK(allocations_in([&] { training.run(4); }) == 0);
        CHECK(allocations_in([&] { training.run_examples(3 * batch_size + 1); }) == 0);
        CHECK(training.trained());
      }
    }
    const Stack everything = stacks(270).back();
    WarmTraining<Scalar> large(everything.inputs, everything.layers, 50, Adam{});
    std::int64_t least = 1;
    for (int round = 0; round < 10 && least > 0; ++round)
      least = allocations_in([&] { large.run(3); });
    CHECK(least == 0);
    CHECK(large.trained());
  }
}
