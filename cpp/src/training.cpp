#include "deltarule/training.hpp"

#include "deltarule/layerwise.hpp"
#include "parallel.hpp"
#include "subnormals.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

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
    : network_(network), loss_(std::move(loss)), transposed_(network) {}

// Room for the next batch, and how it is cut; what has grown stays, so that later ones allocate nothing.
template <class Scalar>
void Trainer<Scalar>::make_room(const TrainingSet& set, Index m) {
  const auto threads = static_cast<std::size_t>(ThreadPool::size());
  if (caches_.size() < threads) caches_.resize(threads);
  const Index rooms = tile_room_ * static_cast<Index>(caches_.size());
  if (tile_rooms_.size() < rooms) tile_rooms_.resize(rooms);
  const Slices slices = network_.training_slices(m);
  groups_ = network_.gradient_groups(m);
  if (groups_ == 1) {
    caches_[0].resize(network_, m, Cache<Scalar>::Keep::needed);
  } else {
    for (Cache<Scalar>& cache : caches_)
      cache.resize(network_, slices.widest(), Cache<Scalar>::Keep::needed);
    if (group_gradients_.size() < groups_ * network_.parameter_count())
      group_gradients_.resize(groups_ * network_.parameter_count());
  }
  if (set.labels && labels_.size() < static_cast<std::size_t>(m))
    labels_.resize(static_cast<std::size_t>(m));
  if (!set.labels && Y_.cols() < m) Y_.resize(network_.n(network_.depth()), m);
  if (set.weights && weights_.size() < m) weights_.resize(m);
  const auto costs = static_cast<std::size_t>(slices.count);
  if (slice_costs_.size() < costs) slice_costs_.resize(costs);
}

// As many as there is room for: another thread may set more meanwhile.
template <class Scalar>
int Trainer<Scalar>::threads(double work) const {
  return std::min(threads_for(work), static_cast<int>(caches_.size()));
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
void Trainer<Scalar>::loss_of_slice(const TrainingSet& set, const Batch& batch, Index first,
                                    Slice slice, Cache<Scalar>& cache, BatchCost& cost) {
  const Target<Scalar> target = load_target(set, batch, {first, slice.count});
  cost.sum = network_.loss_slice(loss_, slice, target, cache);
  cost.weight = target.weights ? 0.0 : static_cast<double>(slice.count);
  for (Index i = 0; target.weights && i < slice.count; ++i)
    cost.weight += static_cast<double>(target.weights[i]);
}

// Each slice goes all the way to its gradient while its activations are in the thread's own cache, and
// leaves nothing behind but that.
template <class Scalar>
void Trainer<Scalar>::forward_backward_groups(const Scalar* parameters, const TrainingSet& set,
                                              const Batch& batch, Interrupt& interrupt) {
  const Slices slices = network_.training_slices(batch.count);
  parallel_for(threads_, groups_, [&](Index group, int thread) {
    Cache<Scalar>& cache = caches_[static_cast<std::size_t>(thread)];
    Scalar* const gradients = group_gradients_.data() + group * network_.parameter_count();
    const Index first = slices.count * group / groups_, last = slices.count * (group + 1) / groups_;
    for (Index s = first; s < last; ++s) {
      if (interrupt.poll_on(thread)) return;
      const Slice of_batch = slices[s], slice{0, of_batch.count};
      cache.resize(network_, slice.count, Cache<Scalar>::Keep::needed);
      cache.bind(set.X, batch.order, batch.first + of_batch.first);
      network_.forward_slice(parameters, slice, cache);
      loss_of_slice(set, batch, of_batch.first, slice, cache,
                    slice_costs_[static_cast<std::size_t>(s)]);
      network_.backward_slice(parameters, transposed_, slice, cache, nullptr);
      network_.gradient_slice(cache, slice, s > first, gradients);
    }
  });
}

template <class Scalar>
BatchCost Trainer<Scalar>::forward_backward(const Scalar* parameters, const TrainingSet& set,
                                            const Batch& batch, Interrupt& interrupt) {
  const Slices slices = network_.training_slices(batch.count);
  Cache<Scalar>& cache = caches_[0];
  const auto for_each_slice = [&](auto use) {
    parallel_for(threads_, slices.count, [&](Index s, int thread) {
      if (!interrupt.poll_on(thread)) use(slices[s], slice_costs_[static_cast<std::size_t>(s)]);
    });
  };
  if (groups_ == 1) cache.bind(set.X, batch.order, batch.first);
  if (groups_ > 1) {
    forward_backward_groups(parameters, set, batch, interrupt);
  } else if (network_.goes_layerwise()) {
    const Layerwise<Scalar> layerwise(network_, cache, threads_, interrupt);
    layerwise.forward(parameters);
    for_each_slice([&](Slice slice, BatchCost& cost) {
      loss_of_slice(set, batch, slice.first, slice, cache, cost);
    });
    layerwise.backward(parameters, transposed_);
  } else {
    for_each_slice([&](Slice slice, BatchCost& cost) {
      network_.forward_slice(parameters, slice, cache);
      loss_of_slice(set, batch, slice.first, slice, cache, cost);
      network_.backward_slice(parameters, transposed_, slice, cache, nullptr);
    });
  }
  BatchCost total;
  for (Index s = 0; s < slices.count; ++s) {
    total.sum += slice_costs_[static_cast<std::size_t>(s)].sum;
    total.weight += slice_costs_[static_cast<std::size_t>(s)].weight;
  }
  return total;
}

template <class Scalar>
void Trainer<Scalar>::gradient(const Tile& tile, Scalar scale, Scalar* to) const {
  if (groups_ == 1) return network_.gradient_tile(caches_[0], tile, scale, to);
  const FlushSubnormals flush;
  const Index P = network_.parameter_count();
  const Scalar* const first = group_gradients_.data() + tile.first;
  const auto part = [&](Index group) { return first + group * P; };
#pragma omp simd
  for (Index i = 0; i < tile.count; ++i) to[i] = part(0)[i] + part(1)[i];
  for (Index group = 2; group < groups_; ++group)
#pragma omp simd
    for (Index i = 0; i < tile.count; ++i) to[i] += part(group)[i];
#pragma omp simd
  for (Index i = 0; i < tile.count; ++i) to[i] *= scale;
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
  threads_ = threads(step_work(batch.count));
  transposed_.copy(parameters);
  const BatchCost cost = forward_backward(parameters, set, batch, never);
  const auto scale = gradient_scale<Scalar>(cost.weight);
  for_each_tile([&](const Tile& tile, int) { gradient(tile, scale, gradients + tile.first); });
  return cost;
}

template <class Scalar>
RunResult Trainer<Scalar>::run(Scalar* parameters, Scalar* gradients, Scalar* state,
                               const Optimizer& optimizer, std::int64_t& step,
                               const TrainingSet& set, const Batch& examples, Index batch_size,
                               const StepOptions& options, BatchCost* costs, Interrupt& interrupt) {
  const FlatVectors<Scalar> vectors{parameters, state, network_.parameter_count()};
  RunResult result;
  if (examples.count == 0) return result;
  transposed_.copy(parameters);
  for (Index done = 0; done < examples.count; done += batch_size) {
    const Batch batch{examples.order, examples.first + done,
                      std::min(batch_size, examples.count - done)};
    const double work = step_work(batch.count);
    make_room(set, batch.count);
    threads_ = choice_.begin(threads(work), work);
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
    const OptimizerStep<Scalar> update(
        options.learning_rates ? with_learning_rate(optimizer, options.learning_rates[result.steps])
                               : optimizer,
        step + 1);
    const auto update_tile = [&](const Tile& tile, const Scalar* of_tile) {
      update.update(vectors, of_tile, tile.first, tile.count);
      transposed_.copy(parameters, tile);
    };
    if (work < work_to_interrupt && !options.keep_gradients) {
      for_each_tile([&](const Tile& tile, int thread) {
        // A tile's gradient is used while it is near, and never leaves the thread's own cache.
        Scalar* const of_tile = tile.count <= tile_room_ ? tile_rooms_.data() + thread * tile_room_
                                                         : gradients + tile.first;
        gradient(tile, scale, of_tile);
        update_tile(tile, of_tile);
      });
    } else {
      // Gradients that are asked for, or a step long enough to be stopped half-way: so every gradient first, and then every update.
      for_each_tile([&](const Tile& tile, int thread) {
        if (!interrupt.poll_on(thread)) gradient(tile, scale, gradients + tile.first);
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
