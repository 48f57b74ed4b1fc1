#include "training/trainer.hpp"

#include "base/sizes.hpp"
#include "kernels/dispatch.hpp"
#include "network/finiteness.hpp"
#include "threads/parallel.hpp"
#include "training/one_reading.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace deltarule {
namespace {

// Floating-point operations from which on a step is long enough for a person to interrupt.
constexpr double work_to_interrupt = 10e9;

// The 1/m or 1/sum(w) of dW and db. A batch whose weights are all zero has no say.
template <class Scalar>
Scalar gradient_scale(const BatchCost& cost) {
  return static_cast<Scalar>(cost.weight > 0.0 ? 1.0 / cost.weight : 0.0);
}

// The optimizer at the rate of a run's batch.
template <class Scalar>
Optimizer optimizer_of(const Run<Scalar>& run, Index batch) {
  Optimizer optimizer = run.optimizer;
  if (run.options.learning_rates) optimizer.learning_rate = run.options.learning_rates[batch];
  return optimizer;
}

}  // namespace

template <class Scalar>
Trainer<Scalar>::Trainer(Network<Scalar>& network, Loss loss)
    : network_(network), pass_(network, std::move(loss)), update_(network, pass_.transposed()) {}

template <class Scalar>
void Trainer<Scalar>::make_room(const TrainingSet& set, Index m) {
  pass_.make_room(set, m);
  tile_rooms_.make_room(tile_room_ * pass_.rooms());
}

// As many as there is room for: another thread may set more meanwhile.
template <class Scalar>
int Trainer<Scalar>::threads(double work) const {
  return std::min(threads_for(work), pass_.rooms());
}

template <class Scalar>
double Trainer<Scalar>::step_work(Index m) const {
  return 6 * network_.layout().work() * static_cast<double>(m);
}

template <class Scalar>
BatchCost Trainer<Scalar>::loss_and_gradients(const Scalar* parameters, const TrainingSet& set,
                                              const Batch& batch, const Pass& pass,
                                              Scalar* gradients) {
  Interrupt never;
  make_room(set, batch.count);
  threads_ = threads(step_work(batch.count));
  pass_.use_threads(threads_);
  pass_.transposed().copy(parameters);
  update_.begin();
  BatchCost cost = pass_.run(parameters, set, batch, pass, false, never);
  const auto scale = gradient_scale<Scalar>(cost);
  for_each_tile(network_, threads_, [&](const Tile& tile, int) {
    pass_.gradient(parameters, tile, scale, gradients + tile.first);
    update_.penalize(parameters, tile, gradients + tile.first);
  });
  cost.sum += update_.penalty() * cost.weight;
  return cost;
}

template <class Scalar>
BatchCost Trainer<Scalar>::pass_shard(const Scalar* parameters, const TrainingSet& set,
                                      const Batch& shard, const Pass& pass, bool copies_weights) {
  Interrupt never;
  make_room(set, shard.count);
  threads_ = threads(step_work(shard.count));
  pass_.use_threads(threads_);
  if (copies_weights) pass_.transposed().copy(parameters);
  BatchCost cost = pass_.run(parameters, set, shard, pass, false, never);
  if (!pass_.cache().coupling.finite()) cost.sum = std::numeric_limits<double>::quiet_NaN();
  network_.keep_moments(pass_.cache());
  return cost;
}

template <class Scalar>
void Trainer<Scalar>::shard_gradients(const Scalar* parameters, Index first, Index last,
                                      Scalar* gradients) {
  for_each_tile(network_, threads_, [&](const Tile& tile, int) {
    if (first <= tile.layer && tile.layer <= last)
      pass_.gradient(parameters, tile, Scalar(1), gradients + tile.first);
  });
}

template <class Scalar>
double Trainer<Scalar>::step_by_sums(const FlatVectors<Scalar>& vectors, Scalar* gradients,
                                     double weight, const Optimizer& optimizer,
                                     const StepOptions& options, std::int64_t step) {
  const Index P = network_.parameter_count();
  const auto scale = gradient_scale<Scalar>({0.0, weight});
  threads_ = threads(step_work(1));
  update_.begin(vectors, optimizer, step + 1);
  for_each_tile(network_, threads_, [&](const Tile& tile, int) {
    Scalar* const of_tile = gradients + tile.first;
    kernels<Scalar>().vectors.scale(tile.count, scale, of_tile);
    update_.penalize(vectors.parameters, tile, of_tile);
    update_.clip(options, tile, of_tile);
  });
  if (options.refuse_non_finite && !finite(gradients, P))
    return std::numeric_limits<double>::quiet_NaN();
  update_.apply_all(options, gradients, threads_);
  update_.finish(options, threads_);
  return update_.penalty();
}

template <class Scalar>
RunResult Trainer<Scalar>::run(const Run<Scalar>& run, std::int64_t& step, Pass& pass,
                               Interrupt& interrupt) {
  RunResult result;
  if (run.examples.count == 0) return result;
  const Scalar* const parameters = run.vectors.parameters;
  const Index batches = run.examples.batches(run.batch_size);
  const bool may_read_once = run.epochs > 1 && batches == 1 && !run.options.wants_all_first() &&
                             OneReading<Scalar>::suits(network_, run.examples.count);
  if (may_read_once) blocks_.make_room(room_for(network_.n(0), run.examples.count));
  readings_ = 0;
  bool first_product_is_made = false;
  pass_.transposed().copy(parameters);

  for (Index k = 0; k < run.epochs * batches; ++k) {
    const Batch batch = run.examples.part(k % batches, run.batch_size);
    const double work = step_work(batch.count);
    make_room(run.set, batch.count);
    threads_ = choice_.begin(threads(work), work);
    pass_.use_threads(threads_);

    const BatchCost cost =
        pass_.run(parameters, run.set, batch, pass, first_product_is_made, interrupt);
    if (interrupt.poll()) {
      result.interrupted = true;
      break;
    }
    run.costs[k] = cost;
    if (!std::isfinite(cost.sum) || !pass_.cache().coupling.finite()) {
      result.non_finite = true;
      break;
    }

    // The backward pass has done with W, so a tile is updated as soon as its gradient is there; unless
    // gradients are wanted together, or a step is long enough to be stopped half-way.
    const auto scale = gradient_scale<Scalar>(cost);
    update_.begin(run.vectors, optimizer_of(run, k), step + 1);
    const bool at_once = work < work_to_interrupt && !run.options.wants_all_first();
    // A half of the first layer's inputs is a thread's.
    first_product_is_made = at_once && may_read_once && threads_ <= 2 && k + 1 < run.epochs;
    if (at_once) {
      update_at_once(run, scale, first_product_is_made);
    } else {
      make_all_gradients(run, scale, interrupt);
      result.interrupted = interrupt.requested();
      result.non_finite = !result.interrupted && run.options.refuse_non_finite &&
                          !finite(run.gradients, network_.parameter_count());
      if (result.interrupted || result.non_finite) break;
      update_.apply_all(run.options, run.gradients, threads_);
    }
    update_.finish(run.options, threads_);
    if (network_.rules().penalizes()) run.costs[k].sum += update_.penalty() * cost.weight;
    network_.keep_moments(pass_.cache());
    ++pass.number;
    ++step;
    ++result.steps;
    choice_.end();
  }
  return result;
}

// A tile's gradient is used while it is near, and never leaves the thread's own cache.
template <class Scalar>
void Trainer<Scalar>::step_tile(const Run<Scalar>& run, const Tile& tile, int thread,
                                auto make_gradient) {
  Scalar* const gradients = tile.count <= tile_room_ ? tile_rooms_.data() + thread * tile_room_
                                                     : run.gradients + tile.first;
  make_gradient(gradients);
  update_.penalize(run.vectors.parameters, tile, gradients);
  update_.apply(tile, gradients);
}

// With `read_once`, the first layer's tiles come with the next step's first product.
template <class Scalar>
void Trainer<Scalar>::update_at_once(const Run<Scalar>& run, Scalar scale, bool read_once) {
  const Scalar* const parameters = run.vectors.parameters;
  for_each_tile(network_, threads_, [&](const Tile& tile, int thread) {
    if (update_.frozen(tile) || (read_once && OneReading<Scalar>::takes(tile))) return;
    step_tile(run, tile, thread, [&](Scalar* to) { pass_.gradient(parameters, tile, scale, to); });
  });
  if (!read_once) return;
  const bool first_reading = readings_++ == 0;
  const OneReading<Scalar> reading(network_, pass_.cache(), blocks_.data());
  parallel_for(threads_, 2, [&](Index h, int thread) {
    reading.run(h, first_reading, parameters, scale, [&](const Tile& tile, auto make_gradient) {
      step_tile(run, tile, thread, make_gradient);
    });
  });
}

// Every gradient, clipped but for the norm of all, before any update; not all where it is interrupted.
template <class Scalar>
void Trainer<Scalar>::make_all_gradients(const Run<Scalar>& run, Scalar scale,
                                         Interrupt& interrupt) {
  for_each_tile(network_, threads_, [&](const Tile& tile, int thread) {
    if (interrupt.poll_on(thread)) return;
    Scalar* const gradients = run.gradients + tile.first;
    pass_.gradient(run.vectors.parameters, tile, scale, gradients);
    update_.penalize(run.vectors.parameters, tile, gradients);
    update_.clip(run.options, tile, gradients);
  });
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace deltarule
