// Training: the loss and its gradients over a batch, one step, and a run of mini-batches.
#pragma once

#include "deltarule/examples.hpp"
#include "deltarule/interrupt.hpp"
#include "deltarule/loss.hpp"
#include "deltarule/network.hpp"
#include "deltarule/optimizer.hpp"
#include "deltarule/thread_choice.hpp"

#include <cstdint>
#include <vector>

namespace deltarule {

// The whole training set, as the caller holds it. Y is rows of n[L] numbers, or labels are given.
struct TrainingSet {
  Examples X;
  Examples Y;
  const std::int64_t* labels = nullptr;
  const double* weights = nullptr;  // null: every example weighs 1
};

// A batch: examples order[first ... first + count), or first ... where there is no order.
struct Batch {
  const std::int64_t* order = nullptr;
  Index first = 0, count = 0;
};

struct BatchCost {
  double sum = 0.0;     // of the examples' weighted losses
  double weight = 0.0;  // of the examples; the cost is sum / weight
};

struct RunResult {
  Index steps = 0;           // batches whose update was made
  bool non_finite = false;   // the next batch's cost is not finite: its update was not made
  bool interrupted = false;  // stopped when asked to; the next batch's update was not made
};

// What a run's steps have beside the optimizer's own hyper-parameters. Gradients are clipped number by
// number, then all together; then come the update, the greatest norms, and the average.
struct StepOptions {
  const double* learning_rates = nullptr;  // one a batch; null: the optimizer's own
  bool keep_gradients = false;             // leave the last step's gradients to the caller
  double clip_value = 0.0;                 // of a number of the gradients; 0: none
  double clip_norm = 0.0;                  // of the gradients as one vector; 0: none
  double average_decay = 0.0;              // of the exponential moving average of the parameters,
  void* average = nullptr;                 // a flat vector like them; null: none
};

// One update by gradients that are there already, and by what each layer has of its own.
template <class Scalar>
void update_network(const Network<Scalar>& network, const Optimizer& optimizer, std::int64_t step,
                    const FlatVectors<Scalar>& vectors, const Scalar* gradients);

// One network's training, over flat vectors that the caller owns. Not for two threads at once.
template <class Scalar>
class Trainer {
 public:
  Trainer(Network<Scalar>& network, Loss loss);

  // gradients := d objective / d parameters over the batch: the cost and the layers' penalties.
  BatchCost loss_and_gradients(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                               const Pass& pass, Scalar* gradients);

  // Steps `epochs` times through `order` (or the rows as they stand) in batches of batch_size, the last
  // one smaller where it must be. `step` counts the updates that the optimizer has made, pass.number the
  // training passes of the network; both grow by the steps of the run. costs receives one entry a batch.
  RunResult run(Scalar* parameters, Scalar* gradients, Scalar* state, const Optimizer& optimizer,
                std::int64_t& step, Pass& pass, const TrainingSet& set, const Batch& examples,
                Index batch_size, Index epochs, const StepOptions& options, BatchCost* costs,
                Interrupt& interrupt);

 private:
  void make_room(const TrainingSet& set, Index m);
  int threads(double work) const;
  Target<Scalar> load_target(const TrainingSet& set, const Batch& batch, Slice slice);
  // The loss of the cache's columns `slice`, which are the batch's from `first` on.
  void loss_of_slice(const TrainingSet& set, const Batch& batch, Index first, Slice slice,
                     Cache<Scalar>& cache, BatchCost& cost);
  void forward_backward_groups(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                               const Pass& pass, Interrupt& interrupt);
  template <class ForEachSlice>
  void forward_backward_slices(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                               const Slices& slices, ForEachSlice for_each_slice);
  BatchCost forward_backward(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                             const Pass& pass, bool first_product_is_made, Interrupt& interrupt);
  template <class Use>
  void for_each_tile(Use use);
  // The gradient of a tile of the batch that has passed, into `to`.
  void gradient(const Tile& tile, Scalar scale, Scalar* to) const;
  // Adds the tile's layer's penalties to its gradients, and returns what they cost.
  double penalize(const Scalar* parameters, const Tile& tile, Scalar* gradients) const;
  // Clips a tile's gradients number by number, and returns their squares' sum where all are to be clipped
  // together: by this factor.
  double clip_tile(const StepOptions& options, const Tile& tile, Scalar* gradients) const;
  Scalar clip_factor(const StepOptions& options) const;

  bool reads_once(Index m) const;
  void make_layer_steps(const Optimizer& optimizer, std::int64_t step);
  std::size_t tile_index(const Tile& tile) const {
    return static_cast<std::size_t>(&tile - network_.tiles().data());
  }
  double step_work(Index m) const;  // floating-point operations

  Network<Scalar>& network_;
  Loss loss_;
  std::vector<Cache<Scalar>> caches_;  // of the batch, or one for each thread
  TransposedWeights<Scalar> transposed_;
  // A slice on its way, and the gradients of its group (null: it has none), which it adds to or begins.
  struct GroupSlice {
    Index s;
    bool adds;
    Scalar* gradients;
  };
  // Does a batch pass as one, or each of its slices by itself?
  bool whole_batch() const { return groups_ == 1 || !network_.couplings().empty(); }
  Index first_slice(const Slices& slices, Index group) const {
    return slices.count * group / groups_;
  }
  Scalar* gradients_of_group(Index group) {
    return group_gradients_.data() + group * network_.parameter_count();
  }
  const Scalar* gradients_of_group(Index group) const {
    return group_gradients_.data() + group * network_.parameter_count();
  }

  Index groups_ = 1;                // of slices, each with a gradient of its own
  Vector<Scalar> group_gradients_;  // one after another
  Matrix<Scalar> Y_;
  std::vector<std::int64_t> labels_;
  Vector<Scalar> weights_;
  std::vector<BatchCost> slice_costs_;
  std::vector<double> tile_penalties_, tile_squares_;
  std::vector<OptimizerStep<Scalar>> layer_steps_;  // index 0 unused
  static constexpr Index tile_room_ = 32 * 1024;    // numbers
  Vector<Scalar> tile_rooms_;                       // one for each thread
  Vector<Scalar> blocks_;                           // of X, where one reading serves two steps
  int threads_ = 1;
  ThreadChoice choice_;
};

}  // namespace deltarule
