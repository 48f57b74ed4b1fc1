// Training: the loss and its gradients over a batch, and a run of steps.
#pragma once

#include "base/interrupt.hpp"
#include "base/memory.hpp"
#include "threads/thread_choice.hpp"
#include "training/batch_pass.hpp"
#include "training/training_set.hpp"
#include "training/update.hpp"

#include <cstdint>

namespace deltarule {

// Steps `epochs` times through `examples` in batches of batch_size, the last one smaller where it must be.
template <class Scalar>
struct Run {
  FlatVectors<Scalar> vectors;
  Scalar* gradients;  // room like the parameters'
  Optimizer optimizer;
  TrainingSet set;
  Batch examples;
  Index batch_size, epochs;
  StepOptions options{};
  BatchCost* costs;  // receives one entry a batch
};

// One network's training, over flat vectors that the caller owns. Not for two threads at once.
template <class Scalar>
class Trainer {
 public:
  Trainer(Network<Scalar>& network, Loss loss);
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  const Network<Scalar>& network() const { return network_; }

  // gradients := d objective / d parameters over the batch: the cost and the layers' penalties.
  BatchCost loss_and_gradients(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                               const Pass& pass, Scalar* gradients);

  // A step whose examples come in shards, some of them on other machines. Each shard passes, and its
  // running moments move; `copies_weights` where they may have changed other than by these steps.
  BatchCost pass_shard(const Scalar* parameters, const TrainingSet& set, const Batch& shard,
                       const Pass& pass, bool copies_weights);
  // Then gradients := the sums over the shard's examples, of layers first ... last, without penalties.
  void shard_gradients(const Scalar* parameters, Index first, Index last, Scalar* gradients);
  // When those of all shards are added up, the step by them, where they are all finite: it returns what
  // the penalties add to the cost, or NaN where no step is made.
  double step_by_sums(const FlatVectors<Scalar>& vectors, Scalar* gradients, double weight,
                      const Optimizer& optimizer, const StepOptions& options, std::int64_t step);

  // `step` counts the updates that the optimizer has made, pass.number the training passes of the
  // network; both grow by the steps of the run.
  RunResult run(const Run<Scalar>& run, std::int64_t& step, Pass& pass, Interrupt& interrupt);

 private:
  void make_room(const TrainingSet& set, Index m);
  int threads(double work) const;
  double step_work(Index m) const;  // floating-point operations
  void step_tile(const Run<Scalar>& run, const Tile& tile, int thread, auto make_gradient);
  void update_at_once(const Run<Scalar>& run, Scalar scale, bool read_once);
  void make_all_gradients(const Run<Scalar>& run, Scalar scale, Interrupt& interrupt);

  static constexpr Index tile_room_ = 32 * 1024;  // numbers

  Network<Scalar>& network_;
  BatchPass<Scalar> pass_;
  Update<Scalar> update_;
  Buffer<Scalar> tile_rooms_;  // one for each thread
  Buffer<Scalar> blocks_;      // of X, where one reading serves two steps
  Index readings_ = 0;         // of those in a run
  int threads_ = 1;
  ThreadChoice choice_;
};

}  // namespace deltarule
