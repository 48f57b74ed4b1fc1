// A batch's way forward to its cost and back to the gradients of its parameters, in one of three ways,
// which shapes alone decide:
//
// - by groups of slices: each slice goes all the way to its gradient while its activations are in the
//   thread's own cache, and adds it to that of its group;
// - by slices: every slice goes to dZ[1] by itself, or as far as the next layer that couples the batch, and
//   the gradients are made tile by tile from the whole batch;
// - layer by layer (layerwise.hpp), where the weights are many.
#pragma once

#include "base/interrupt.hpp"
#include "base/memory.hpp"
#include "network/walk.hpp"
#include "training/batch_target.hpp"
#include "training/training_set.hpp"

#include <vector>

namespace deltarule {

template <class Scalar>
class BatchPass {
 public:
  BatchPass(const Network<Scalar>& network, Loss loss);

  // Room for the next batch, and how it is cut; what has grown stays, so that later ones allocate nothing.
  void make_room(const TrainingSet& set, Index m);
  int rooms() const { return static_cast<int>(caches_.size()); }  // for so many threads
  void use_threads(int threads) { threads_ = threads; }

  // Forward and back: the cost of the batch, and dZ[l] of every layer, or the groups' gradients.
  // `first_product_is_made` says that Z[1] is there (one_reading.hpp).
  BatchCost run(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                const Pass& pass, bool first_product_is_made, Interrupt& interrupt);
  // The gradient of a tile of the batch that has passed, into `to`.
  void gradient(const Scalar* parameters, const Tile& tile, Scalar scale, Scalar* to);

  // Of a batch that passes as one.
  Cache<Scalar>& cache() { return caches_[0]; }
  TransposedWeights<Scalar>& transposed() { return transposed_; }

 private:
  // Slices on their way together, s ... last - 1, and the gradients of their group (null: they have none),
  // which they add to or begin.
  struct Part {
    Index s, last;
    bool adds;
    Scalar* gradients;
  };
  Slice slice_of(const Part& part) const {
    const Index first = slices_.first(part.s);
    return {first, slices_.first(part.last) - first};
  }
  // Does a batch pass as one, or each of its slices by itself?
  bool as_one() const { return groups_ == 1 || !network_.rules().couplings().empty(); }
  Index first_slice(Index group) const { return slices_.count * group / groups_; }
  Scalar* gradients_of_group(Index group) {
    return group_gradients_.data() + group * network_.parameter_count();
  }
  BatchCost& cost_of(Index s) { return slice_costs_[static_cast<std::size_t>(s)]; }

  template <class Use>
  void for_each_part(Interrupt& interrupt, Index together, Use use);
  void loss_of_slice(const Walk<Scalar>& walk, const TrainingSet& set, const Batch& batch,
                     Slice of_batch, Slice slice, BatchCost& cost);
  void loss_of_part(const Walk<Scalar>& walk, const TrainingSet& set, const Batch& batch,
                    const Part& part);
  void by_groups(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                 const Pass& pass, Interrupt& interrupt);
  void by_slices(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                 Interrupt& interrupt);
  void by_layers(const Scalar* parameters, const TrainingSet& set, const Batch& batch,
                 bool first_product_is_made, Interrupt& interrupt);

  const Network<Scalar>& network_;
  Loss loss_;
  TransposedWeights<Scalar> transposed_;
  std::vector<Cache<Scalar>> caches_;  // of the batch, or one for each thread
  BatchTarget<Scalar> target_;
  Slices slices_{0, 1};
  Index groups_ = 1;                // of slices, each with a gradient of its own
  Buffer<Scalar> group_gradients_;  // one after another
  std::vector<BatchCost> slice_costs_;
  int threads_ = 1;
};

}  // namespace deltarule
