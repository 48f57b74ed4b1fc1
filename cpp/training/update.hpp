// What becomes of a gradient: penalties, clipping, the optimizer's step, the greatest norms, the average.
#pragma once

#include "base/memory.hpp"
#include "network/network.hpp"
#include "network/transposed_weights.hpp"
#include "threads/parallel.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace deltarule {

// What a run's steps have beside the optimizer's own hyper-parameters. Gradients are clipped number by
// number, then all together; then come the update, the greatest norms, and the average.
struct StepOptions {
  const double* learning_rates = nullptr;  // one a batch; null: the optimizer's own
  bool keep_gradients = false;             // leave the last step's gradients to the caller
  double clip_value = 0.0;                 // of a number of the gradients; 0: none
  double clip_norm = 0.0;                  // of the gradients as one vector; 0: none
  double average_decay = 0.0;              // of the exponential moving average of the parameters,
  void* average = nullptr;                 // a flat vector like them; null: none
  bool refuse_non_finite = false;          // make no step whose gradients are not all finite

  // Are the gradients wanted together, before the first of them is used?
  bool wants_all_first() const {
    return keep_gradients || clip_value > 0.0 || clip_norm > 0.0 || refuse_non_finite;
  }
};

// Calls use(tile, thread) for each tile of a network.
template <class Scalar, class Use>
void for_each_tile(const Network<Scalar>& network, int threads, Use use) {
  const std::vector<Tile>& tiles = network.plan().tiles();
  parallel_for(threads, static_cast<Index>(tiles.size()),
               [&](Index t, int thread) { use(tiles[static_cast<std::size_t>(t)], thread); });
}

// One update by gradients that are there already, and by what each layer has of its own.
template <class Scalar>
void update_network(const Network<Scalar>& network, const Optimizer& optimizer, std::int64_t step,
                    const FlatVectors<Scalar>& vectors, const Scalar* gradients);

// A training step's, tile by tile, on any thread and in any order.
template <class Scalar>
class Update {
 public:
  Update(const Network<Scalar>& network, TransposedWeights<Scalar>& transposed);

  // Before a step, which counts from 1.
  void begin(const FlatVectors<Scalar>& vectors, const Optimizer& optimizer, std::int64_t step);
  // Before gradients that are not for a step.
  void begin() { std::fill(penalties_.begin(), penalties_.end(), 0.0); }

  bool frozen(const Tile& tile) const { return network_.rules()(tile.layer).frozen; }
  // Adds the penalties of the tile's layer to its gradients,
  void penalize(const Scalar* parameters, const Tile& tile, Scalar* gradients);
  // clips them number by number, and notes what they have of the norm of all,
  void clip(const StepOptions& options, const Tile& tile, Scalar* gradients);
  // and makes the step.
  void apply(const Tile& tile, const Scalar* gradients);
  // All gradients, once all are clipped: they are scaled to the greatest norm, and the step is made.
  void apply_all(const StepOptions& options, Scalar* gradients, int threads);
  // After the step.
  void finish(const StepOptions& options, int threads);

  // What the penalties of all tiles add to the mean of the losses.
  double penalty() const;

 private:
  std::size_t index(const Tile& tile) const {
    return static_cast<std::size_t>(&tile - network_.plan().tiles().data());
  }
  Scalar clip_factor(const StepOptions& options) const;

  const Network<Scalar>& network_;
  TransposedWeights<Scalar>& transposed_;
  FlatVectors<Scalar> vectors_{};
  std::vector<StepRule<Scalar>> rules_;      // one a layer; that of index 0 is the optimizer's own
  std::vector<double> penalties_, squares_;  // of each tile
};

}  // namespace deltarule
