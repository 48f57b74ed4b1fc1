#include "deltarule/training.hpp"

#include "deltarule/layerwise.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <cmath>

namespace deltarule {
namespace {

// Floating-point operations from which on a step is long enough for a person to interrupt.
constexpr double work_to_interrupt = 10e9;

// The 1/m or 1/sum(w) of dW and db. A batch whose weights are all zero has no say.
template <class Scalar>
Scalar gradient_scale(double weight) {
  return static_cast<Scalar>(weight > 0.0 ? 1.0 / weight : 0.0);
}

}  // namespace

template <class Scalar>
Trainer<Scalar>::Trainer(const Network<Scalar>& network, Loss loss)
    : network_(network), loss_(loss) {}

// Room for a batch; what has grown stays, so that the next batch allocates nothing.
template <class Scalar>
void Trainer<Scalar>::make_room(const TrainingSet& set, Index m) {
  cache_.resize(network_, m, Cache<Scalar>::Keep::needed);
  if (set.labels && labels_.size() < static_cast<std::size_t>(m))
    labels_.resize(static_cast<std::size_t>(m));
  if (!set.labels && Y_.cols() < m) Y_.resize(network_.n(network_.depth()), m);
  if (set.weights && weights_.size() < m) weights_.resize(m);
  const auto slices = static_cast<std::size_t>(network_.slice_count(m));
  if (slice_costs_.size() < slices) slice_costs_.resize(slices);
  if (tile_rooms_.size() < tile_room_ * ThreadPool::size())
    tile_rooms_.resize(tile_room_ * ThreadPool::size());
}

template <class Scalar>
Target<Scalar> Trainer<Scalar>::load_target(const TrainingSet& set, const Batch& batch,
                                            Slice slice) {
  const Index n_L = network_.n(network_.depth());
  const Scalar* Y = set.labels ? nullptr : Y_.data() + slice.first * n_L;
  if (!set.labels) {
    const Index first = batch.first + slice.first;
    if (!batch.order && in_place<Scalar>(set.Y) &&
        set.Y.example_stride == n_L * static_cast<Index>(sizeof(Scalar)))
      Y = columns_in_place<Scalar>(set.Y, first, slice.count).data();
    else
      gather<Scalar>(set.Y, batch.order, first, Y_.middleCols(slice.first, slice.count));
  }
  if (!set.labels && !set.weights) return {Y};
  for (Index j = slice.first; j < slice.first + slice.count; ++j) {
    const Index row = batch.first + j;
    const Index example = batch.order ? static_cast<Index>(batch.order[row]) : row;
    if (set.labels) labels_[static_cast<std::size_t>(j)] = set.labels[example];
    if (set.weights) weights_[j] = static_cast<Scalar>(set.weights[example]);
  }
  return {Y, set.labels ? labels_.data() + slice.first : nullptr,
          set.weights ? weights_.data() + slice.first : nullptr};
}

template <class Scalar>
void Trainer<Scalar>::loss_of_slice(const TrainingSet& set, const Batch& batch, Slice slice,
                                    BatchCost& cost) {
  const Target<Scalar> target = load_target(set, batch, slice);
  cost.sum = network_.loss_slice(loss_, slice, target, cache_);
  cost.weight = target.weights ? 0.0 : static_cast<double>(slice.count);
  for (Index i = 0; target.weights && i < slice.count; ++i)
    cost.weight += static_cast<double>(target.weights[i]);
}

template <class Scalar>
BatchCost Trainer<Scalar>::forward_backward(const Scalar* parameters, const TrainingSet& set,
                                            const Batch& batch, Interrupt& interrupt) {
  const Index m = batch.count, width = network_.slice_width(m), slices = network_.slice_count(m);
  cache_.resize(network_, m, Cache<Scalar>::Keep::needed);
  cache_.bind(set.X, batch.order, batch.first);
  const auto for_each_slice = [&](auto use) {
    parallel_for(threads_, slices, [&](Index s, int thread) {
      if (!interrupt.poll_on(thread))
        use(Slice{s * width, std::min(width, m - s * width)},
            slice_costs_[static_cast<std::size_t>(s)]);
    });
  };
  if (network_.goes_layerwise()) {
    const Layerwise<Scalar> layerwise(network_, cache_, threads_, interrupt);
    layerwise.forward(parameters);
    for_each_slice([&](Slice slice, BatchCost& cost) { loss_of_slice(set, batch, slice, cost); });
    layerwise.backward(parameters);
  } else {
    for_each_slice([&](Slice slice, BatchCost& cost) {
      network_.forward_slice(parameters, slice, cache_);
      loss_of_slice(set, batch, slice, cost);
      network_.backward_slice(parameters, slice, cache_, nullptr);
    });
  }
  BatchCost total;
  for (Index s = 0; s < slices; ++s) {
    total.sum += slice_costs_[static_cast<std::size_t>(s)].sum;
    total.weight += slice_costs_[static_cast<std::size_t>(s)].weight;
  }
  return total;
}

template <class Scalar>
template <class Use>
void Trainer<Scalar>::for_each_tile(Use use) {
  const std::vector<Tile>& tiles = network_.tiles();
  parallel_for(threads_, static_cast<Index>(tiles.size()),
               [&](Index t, int thread) { use(tiles[static_cast<std::size_t>(t)], thread); });
}

template <class Scalar>
double Trainer<Scalar>::step_work(Index m) const {
  return 6 * network_.work() * static_cast<double>(m);
}

template <class Scalar>
BatchCost Trainer<Scalar>::loss_and_gradients(const Scalar* parameters, const TrainingSet& set,
                                              const Batch& batch, Scalar* gradients) {
  Interrupt never;
  make_room(set, batch.count);
  threads_ = threads_for(step_work(batch.count));
  network_.transpose_weights(parameters, cache_);
  const BatchCost cost = forward_backward(parameters, set, batch, never);
  const auto scale = gradient_scale<Scalar>(cost.weight);
  for_each_tile([&](const Tile& tile, int) {
    network_.gradient_tile(cache_, tile, scale, gradients + tile.first);
  });
  return cost;
}

template <class Scalar>
RunResult Trainer<Scalar>::run(Scalar* parameters, Scalar* gradients, Scalar* state,
                               const Optimizer& optimizer, std::int64_t& step,
                               const TrainingSet& set, const Batch& examples, Index batch_size,
                               BatchCost* costs, Interrupt& interrupt) {
  const FlatVectors<Scalar> vectors{parameters, state, network_.parameter_count()};
  RunResult result;
  if (examples.count == 0) return result;
  make_room(set, std::min(batch_size, examples.count));
  network_.transpose_weights(parameters, cache_);
  for (Index done = 0; done < examples.count; done += batch_size) {
    const Batch batch{examples.order, examples.first + done,
                      std::min(batch_size, examples.count - done)};
    const double work = step_work(batch.count);
    threads_ = choice_.begin(threads_for(work), work);
    const BatchCost cost = forward_backward(parameters, set, batch, interrupt);
    if (interrupt.poll()) {
      result.interrupted = true;
      break;
    }
    costs[result.steps] = cost;
    if (!std::isfinite(cost.sum)) {
      result.non_finite = true;
      break;
    }
    // The backward pass has done with W, so a tile is updated as soon as its gradient is there.
    const auto scale = gradient_scale<Scalar>(cost.weight);
    const OptimizerStep<Scalar> update(optimizer, step + 1);
    const auto update_tile = [&](const Tile& tile, const Scalar* of_tile) {
      update.update(vectors, of_tile, tile.first, tile.count);
      network_.transpose_tile(parameters, tile, cache_);
    };
    if (work < work_to_interrupt) {
      for_each_tile([&](const Tile& tile, int thread) {
        // A tile's gradient is used while it is near, and never leaves the thread's own cache.
        Scalar* const of_tile = tile.count <= tile_room_ ? tile_rooms_.data() + thread * tile_room_
                                                         : gradients + tile.first;
        network_.gradient_tile(cache_, tile, scale, of_tile);
        update_tile(tile, of_tile);
      });
    } else {
      // Long enough to be stopped half-way: so every gradient first, and then every update.
      for_each_tile([&](const Tile& tile, int thread) {
        if (!interrupt.poll_on(thread))
          network_.gradient_tile(cache_, tile, scale, gradients + tile.first);
      });
      if (interrupt.requested()) {
        result.interrupted = true;
        break;
      }
      for_each_tile([&](const Tile& tile, int) { update_tile(tile, gradients + tile.first); });
    }
    ++step;
    choice_.end();
    ++result.steps;
  }
  return result;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace deltarule
