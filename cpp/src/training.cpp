#include "deltarule/training.hpp"

#include "deltarule/layerwise.hpp"
#include "one_reading.hpp"
#include "parallel.hpp"
#include "subnormals.hpp"
#include "sums.hpp"

#include <algorithm>
#include <array>
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

double total(const std::vector<double>& of_tiles) {
  double sum = 0.0;
  for (const double of_tile : of_tiles) sum += of_tile;
  return sum;
}

// The optimizer's step at a layer's own rate.
template <class Scalar>
OptimizerStep<Scalar> step_of_layer(const Network<Scalar>& network, Index l,
                                    const Optimizer& optimizer, std::int64_t step) {
  const double rate = network.rule(l).rate;
  return {rate == 1.0 ? optimizer : with_learning_rate(optimizer, rate * optimizer.learning_rate),
          step};
}

}  // namespace

template <class Scalar>
Trainer<Scalar>::Trainer(Network<Scalar>& network, Loss loss)
    : network_(network),
      loss_(std::move(loss)),
      transposed_(network),
      tile_penalties_(network.tiles().size()),
      tile_squares_(network.tiles().size()) {}

// Room for the next batch, and how it is cut; what has grown stays, so that later ones allocate nothing.
template <class Scalar>
void Trainer<Scalar>::make_room(const TrainingSet& set, Index m) {
  const auto threads = static_cast<std::size_t>(ThreadPool::size());
  if (caches_.size() < threads) caches_.resize(threads);
  const Index rooms = tile_room_ * static_cast<Index>(caches_.size());
  deltarule::make_room(tile_rooms_, rooms);
  const Slices slices = network_.training_slices(m);
  groups_ = network_.gradient_groups(m);
  if (whole_batch()) {
    caches_[0].resize(network_, m, Cache<Scalar>::Keep::needed);
  } else {
    for (Cache<Scalar>& cache : caches_)
      cache.resize(network_, slices.widest(), Cache<Scalar>::Keep::needed);
  }
  if (groups_ > 1) deltarule::make_room(group_gradients_, groups_ * network_.parameter_count());
  if (set.labels && labels_.size() < static_cast<std::size_t>(m))
    labels_.resize(static_cast<std::size_t>(m));
  if (!set.labels && Y_.cols() < m) {
    Y_.resize(0, 0);  // as make_room does
    Y_.resize(network_.n(network_.depth()), m);
  }
  if (set.weights) deltarule::make_room(weights_, m);
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
                                              const Batch& batch, const Pass& pass,
                                              Interrupt& interrupt) {
  const Slices slices = network_.training_slices(batch.count);
  for (Cache<Scalar>& cache : caches_) network_.begin(pass, slices, cache);
  parallel_for(threads_, groups_, [&](Index group, int thread) {
    Cache<Scalar>& cache = caches_[static_cast<std::size_t>(thread)];
    Scalar* const gradients = gradients_of_group(group);
    const Index first = first_slice(slices, group), last = first_slice(slices, group + 1);
    for (Index s = first; s < last; ++s) {
      if (interrupt.poll_on(thread)) return;
      const Slice of_batch = slices[s], slice{0, of_batch.count};
      cache.resize(network_, slice.count, Cache<Scalar>::Keep::needed);
      cache.bind(set.X, batch.order, batch.first + of_batch.first);
      cache.set_first_of_batch(of_batch.first);
      network_.forward_slice(parameters, slice, 1, network_.depth(), cache);
      loss_of_slice(set, batch, of_batch.first, slice, cache,
                    slice_costs_[static_cast<std::size_t>(s)]);
      network_.backward_slice(parameters, transposed_, slice, network_.depth(),
                              network_.lowest_trained(), cache, nullptr);
      network_.gradient_slice(cache, slice, s > first, gradients);
    }
  });
}

// Every slice goes all the way and back; where a layer couples them, it waits for the others there.
// Where groups of slices have gradients of their own, a slice ends with its share.
template <class Scalar>
template <class ForEachSlice>
void Trainer<Scalar>::forward_backward_slices(const Scalar* parameters, const TrainingSet& set,
                                              const Batch& batch, const Slices& slices,
                                              ForEachSlice for_each_slice) {
  Cache<Scalar>& cache = caches_[0];
  const std::vector<Index>& couplings = cache.couplings();
  const Index lowest = network_.lowest_trained();
  Index first = 1;
  for (const Index coupling : couplings) {
    for_each_slice([&](const GroupSlice& part) {
      network_.forward_slice(parameters, slices[part.s], first, coupling - 1, cache);
      network_.measure_slice(coupling, part.s, slices[part.s], cache);
    });
    network_.measured(coupling, slices, cache);
    first = coupling;
  }
  const auto back = [&](const GroupSlice& part, Index from, Index to) {
    const Slice slice = slices[part.s];
    network_.backward_slice(parameters, transposed_, slice, from, std::max(to, lowest), cache,
                            nullptr);
    if (to > 0 && to >= lowest)
      network_.measure_slice_back(to, part.s, slice, cache);
    else if (part.gradients)
      network_.gradient_slice(cache, slice, part.adds, part.gradients);
  };
  Index to = couplings.empty() ? 0 : couplings.back();
  for_each_slice([&](const GroupSlice& part) {
    const Slice slice = slices[part.s];
    network_.forward_slice(parameters, slice, first, network_.depth(), cache);
    loss_of_slice(set, batch, slice.first, slice, cache,
                  slice_costs_[static_cast<std::size_t>(part.s)]);
    back(part, network_.depth(), to);
  });
  for (auto next = couplings.rbegin(); next != couplings.rend() && *next >= lowest;) {
    const Index from = *next++;
    network_.measured_back(from, slices, cache);
    to = next == couplings.rend() ? 0 : *next;
    for_each_slice([&](const GroupSlice& part) { back(part, from, to); });
  }
}

template <class Scalar>
BatchCost Trainer<Scalar>::forward_backward(const Scalar* parameters, const TrainingSet& set,
                                            const Batch& batch, const Pass& pass,
                                            bool first_product_is_made, Interrupt& interrupt) {
  const Slices slices = network_.training_slices(batch.count);
  Cache<Scalar>& cache = caches_[0];
  const auto for_each_slice = [&](auto use) {
    parallel_for(threads_, groups_ > 1 ? groups_ : slices.count, [&](Index task, int thread) {
      const bool alone = groups_ == 1;
      const Index first_of_task = alone ? task : first_slice(slices, task);
      const Index last = alone ? task + 1 : first_slice(slices, task + 1);
      for (Index s = first_of_task; s < last && !interrupt.poll_on(thread); ++s)
        use(GroupSlice{s, s > first_of_task, alone ? nullptr : gradients_of_group(task)});
    });
  };
  if (whole_batch()) {
    cache.bind(set.X, batch.order, batch.first);
    network_.begin(pass, slices, cache);
  }
  if (!whole_batch()) {
    forward_backward_groups(parameters, set, batch, pass, interrupt);
  } else if (network_.goes_layerwise()) {
    const Layerwise<Scalar> layerwise(network_, cache, threads_, interrupt);
    layerwise.forward(parameters, first_product_is_made);
    for_each_slice([&](const GroupSlice& part) {
      const Slice slice = slices[part.s];
      loss_of_slice(set, batch, slice.first, slice, cache,
                    slice_costs_[static_cast<std::size_t>(part.s)]);
    });
    layerwise.backward(parameters, transposed_);
  } else {
    forward_backward_slices(parameters, set, batch, slices, for_each_slice);
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
  if (groups_ == 1 || network_.rule(tile.layer).frozen)
    return network_.gradient_tile(caches_[0], tile, scale, to);
  const FlushSubnormals flush;
  const auto part = [&](Index group) { return gradients_of_group(group) + tile.first; };
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
double Trainer<Scalar>::penalize(const Scalar* parameters, const Tile& tile,
                                 Scalar* gradients) const {
  const LayerRule& rule = network_.rule(tile.layer);
  if ((rule.l1 == 0.0 && rule.l2 == 0.0) || rule.frozen || !network_.dense(tile.layer)) return 0.0;
  const Index weights = tile.count - (tile.with_bias ? network_.n(tile.layer) : 0);
  const Scalar* const w = parameters + tile.first;
  const auto l1 = static_cast<Scalar>(rule.l1), l2 = static_cast<Scalar>(rule.l2);
#pragma omp simd
  for (Index i = 0; i < weights; ++i)
    gradients[i] += l2 * w[i] + (w[i] > Scalar(0) ? l1 : w[i] < Scalar(0) ? -l1 : Scalar(0));
  return sum_of<double>(weights, [=](Index i) {
    const auto x = static_cast<double>(w[i]);
    return rule.l1 * std::abs(x) + 0.5 * rule.l2 * x * x;
  });
}

template <class Scalar>
double Trainer<Scalar>::clip_tile(const StepOptions& options, const Tile& tile,
                                  Scalar* gradients) const {
  if (options.clip_value > 0.0) {
    const auto most = static_cast<Scalar>(options.clip_value);
#pragma omp simd
    for (Index i = 0; i < tile.count; ++i)
      gradients[i] = gradients[i] > most ? most : gradients[i] < -most ? -most : gradients[i];
  }
  if (options.clip_norm == 0.0) return 0.0;
  return sum_of<double>(tile.count, [=](Index i) {
    const auto x = static_cast<double>(gradients[i]);
    return x * x;
  });
}

// What the gradients of all tiles, whose squares have been added up, are to be multiplied by.
template <class Scalar>
Scalar Trainer<Scalar>::clip_factor(const StepOptions& options) const {
  constexpr double aside = 1e-6;  // PyTorch's, so that its steps and these are the same
  if (options.clip_norm == 0.0) return Scalar(1);
  const double factor = options.clip_norm / (std::sqrt(total(tile_squares_)) + aside);
  return factor >= 1.0 ? Scalar(1) : static_cast<Scalar>(factor);  // NaN stays NaN
}

template <class Scalar>
BatchCost Trainer<Scalar>::loss_and_gradients(const Scalar* parameters, const TrainingSet& set,
                                              const Batch& batch, const Pass& pass,
                                              Scalar* gradients) {
  Interrupt never;
  make_room(set, batch.count);
  threads_ = threads(step_work(batch.count));
  transposed_.copy(parameters);
  BatchCost cost = forward_backward(parameters, set, batch, pass, false, never);
  const auto scale = gradient_scale<Scalar>(cost.weight);
  for_each_tile([&](const Tile& tile, int) {
    gradient(tile, scale, gradients + tile.first);
    tile_penalties_[tile_index(tile)] = penalize(parameters, tile, gradients + tile.first);
  });
  cost.sum += total(tile_penalties_) * cost.weight;
  return cost;
}

template <class Scalar>
RunResult Trainer<Scalar>::run(Scalar* parameters, Scalar* gradients, Scalar* state,
                               const Optimizer& optimizer, std::int64_t& step, Pass& pass,
                               const TrainingSet& set, const Batch& examples, Index batch_size,
                               Index epochs, const StepOptions& options, BatchCost* costs,
                               Interrupt& interrupt) {
  const FlatVectors<Scalar> vectors{parameters, state, network_.parameter_count()};
  RunResult result;
  if (examples.count == 0) return result;
  transposed_.copy(parameters);
  std::fill(tile_penalties_.begin(), tile_penalties_.end(), 0.0);
  const bool all_first = options.keep_gradients || options.clip_value > 0 || options.clip_norm > 0;
  const Index batches = (examples.count + batch_size - 1) / batch_size;
  const bool may_read_once = epochs > 1 && batches == 1 && !all_first && reads_once(examples.count);
  if (may_read_once) deltarule::make_room(blocks_, network_.n(0) * examples.count);
  bool first_product_is_made = false;
  Index readings = 0;
  while (result.steps < epochs * batches) {
    const Index done = result.steps % batches * batch_size;
    const Batch batch{examples.order, examples.first + done,
                      std::min(batch_size, examples.count - done)};
    const double work = step_work(batch.count);
    make_room(set, batch.count);
    threads_ = choice_.begin(threads(work), work);
    const BatchCost cost =
        forward_backward(parameters, set, batch, pass, first_product_is_made, interrupt);
    if (interrupt.poll()) {
      result.interrupted = true;
      break;
    }
    costs[result.steps] = cost;
    if (!std::isfinite(cost.sum) || !network_.finite_moments(caches_[0])) {
      result.non_finite = true;
      break;
    }
    // The backward pass has done with W, so a tile is updated as soon as its gradient is there.
    const auto scale = gradient_scale<Scalar>(cost.weight);
    make_layer_steps(options.learning_rates
                         ? with_learning_rate(optimizer, options.learning_rates[result.steps])
                         : optimizer,
                     step + 1);
    const auto penalize_tile = [&](const Tile& tile, Scalar* to) {
      if (network_.penalized()) tile_penalties_[tile_index(tile)] = penalize(parameters, tile, to);
    };
    const auto update_tile = [&](const Tile& tile, const Scalar* of_tile) {
      layer_steps_[static_cast<std::size_t>(tile.layer)].update(vectors, of_tile, tile.first,
                                                                tile.count);
      transposed_.copy(parameters, tile);
    };
    const auto frozen = [&](const Tile& tile) { return network_.rule(tile.layer).frozen; };
    // A tile's gradient is used while it is near, and never leaves the thread's own cache.
    const auto step_tile = [&](const Tile& tile, int thread, auto make_gradient) {
      Scalar* const of_tile = tile.count <= tile_room_ ? tile_rooms_.data() + thread * tile_room_
                                                       : gradients + tile.first;
      make_gradient(of_tile);
      penalize_tile(tile, of_tile);
      update_tile(tile, of_tile);
    };
    const bool at_once = work < work_to_interrupt && !all_first;
    // A half of the first layer's inputs is a thread's.
    first_product_is_made = at_once && may_read_once && threads_ <= 2 && result.steps + 1 < epochs;
    if (at_once) {
      for_each_tile([&](const Tile& tile, int thread) {
        if (frozen(tile) || (first_product_is_made && OneReading<Scalar>::takes(tile))) return;
        step_tile(tile, thread, [&](Scalar* to) { gradient(tile, scale, to); });
      });
      if (first_product_is_made) {
        ++readings;
        const OneReading<Scalar> reading(network_, caches_[0], blocks_.data());
        parallel_for(threads_, 2, [&](Index h, int thread) {
          reading.run(h, readings == 1, parameters, scale,
                      [&](const Tile& tile, auto make_gradient) {
                        step_tile(tile, thread, make_gradient);
                      });
        });
      }
    } else {
      // Gradients that are wanted together, or a step long enough to be stopped half-way: so every
      // gradient first, and then every update.
      for_each_tile([&](const Tile& tile, int thread) {
        if (interrupt.poll_on(thread)) return;
        gradient(tile, scale, gradients + tile.first);
        penalize_tile(tile, gradients + tile.first);
        tile_squares_[tile_index(tile)] = clip_tile(options, tile, gradients + tile.first);
      });
      if (interrupt.requested()) {
        result.interrupted = true;
        break;
      }
    }
    if (network_.penalized()) costs[result.steps].sum += total(tile_penalties_) * cost.weight;
    if (work >= work_to_interrupt || all_first) {
      const Scalar factor = clip_factor(options);
      for_each_tile([&](const Tile& tile, int) {
        Scalar* const g = gradients + tile.first;
        if (factor != Scalar(1))
#pragma omp simd
          for (Index i = 0; i < tile.count; ++i) g[i] *= factor;
        if (!frozen(tile)) update_tile(tile, g);
      });
    }
    if (network_.limits_norms()) {
      network_.limit_norms(parameters, threads_);
      for_each_tile([&](const Tile& tile, int) {
        if (network_.rule(tile.layer).max_norm > 0.0) transposed_.copy(parameters, tile);
      });
    }
    if (auto* const average = static_cast<Scalar*>(options.average))
      for_each_tile([&](const Tile& tile, int) {
        const auto share = static_cast<Scalar>(1.0 - options.average_decay);
        Scalar* const mean = average + tile.first;
        const Scalar* const p = parameters + tile.first;
#pragma omp simd
        for (Index i = 0; i < tile.count; ++i) mean[i] += share * (p[i] - mean[i]);
      });
    network_.keep_moments(caches_[0]);
    ++pass.number;
    ++step;
    choice_.end();
    ++result.steps;
  }
  return result;
}

// Can a batch, of which another step is made next, be read once for both?
template <class Scalar>
bool Trainer<Scalar>::reads_once(Index m) const {
  const LayerRule& rule = network_.rule(1);
  return !rule.frozen && rule.max_norm == 0.0 && OneReading<Scalar>::suits(network_, m);
}

// One for each layer, as each may have a rate of its own.
template <class Scalar>
void Trainer<Scalar>::make_layer_steps(const Optimizer& optimizer, std::int64_t step) {
  layer_steps_.assign(static_cast<std::size_t>(network_.depth()) + 1, {optimizer, step});
  for (Index l = 1; l <= network_.depth(); ++l)
    if (network_.rule(l).rate != 1.0)
      layer_steps_[static_cast<std::size_t>(l)] = step_of_layer(network_, l, optimizer, step);
}

template <class Scalar>
void update_network(const Network<Scalar>& network, const Optimizer& optimizer, std::int64_t step,
                    const FlatVectors<Scalar>& vectors, const Scalar* gradients) {
  for (Index l = 1; l <= network.depth(); ++l) {
    if (network.rule(l).frozen) continue;
    const Index first = network.parameter_offset(l);
    step_of_layer(network, l, optimizer, step)
        .update(vectors, gradients + first, first, network.parameter_offset(l + 1) - first);
  }
  if (network.limits_norms()) network.limit_norms(vectors.parameters, ThreadPool::size());
}

template void update_network<float>(const Network<float>&, const Optimizer&, std::int64_t,
                                    const FlatVectors<float>&, const float*);
template void update_network<double>(const Network<double>&, const Optimizer&, std::int64_t,
                                     const FlatVectors<double>&, const double*);
template class Trainer<float>;
template class Trainer<double>;

}  // namespace deltarule
