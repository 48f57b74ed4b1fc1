#include "training/batch_pass.hpp"

#include "base/sizes.hpp"
#include "base/subnormals.hpp"
#include "threads/parallel.hpp"
#include "training/fetch_ahead.hpp"
#include "training/layerwise.hpp"

#include <algorithm>
#include <utility>

namespace deltarule {

template <class Scalar>
BatchPass<Scalar>::BatchPass(const Network<Scalar>& network, Loss loss)
    : network_(network),
      loss_(std::move(loss)),
      transposed_(network.plan()),
      target_(network.n(network.depth())) {}

template <class Scalar>
void BatchPass<Scalar>::make_room(const TrainingSet& set, Index m) {
  const Plan<Scalar>& plan = network_.plan();
  const auto threads = static_cast<std::size_t>(ThreadPool::size());
  if (caches_.size() < threads) caches_.resize(threads);
  slices_ = plan.training_slices(m);
  groups_ = plan.gradient_groups(m);
  if (as_one()) {
    cache().workspace.resize(plan, m, Keep::needed);
  } else {
    for (Cache<Scalar>& cache : caches_)
      cache.workspace.resize(plan, slices_.widest(), Keep::needed);
  }
  if (groups_ > 1) group_gradients_.make_room(room_for(groups_, network_.parameter_count()));
  target_.make_room(set, m);
  const auto costs = static_cast<std::size_t>(slices_.count);
  if (slice_costs_.size() < costs) slice_costs_.resize(costs);
}

// So many slices at a time; where groups of slices have gradients of their own, a thread has a whole group
// and takes them one by one.
template <class Scalar>
template <class Use>
void BatchPass<Scalar>::for_each_part(Interrupt& interrupt, Index together, Use use) {
  if (groups_ > 1) {
    parallel_for(threads_, groups_, [&](Index group, int thread) {
      const Index first = first_slice(group), last = first_slice(group + 1);
      for (Index s = first; s < last && !interrupt.poll_on(thread); ++s)
        use(Part{s, s + 1, s > first, gradients_of_group(group)}, thread);
    });
    return;
  }
  parallel_for(threads_, (slices_.count + together - 1) / together, [&](Index task, int thread) {
    const Index s = task * together;
    if (!interrupt.poll_on(thread))
      use(Part{s, std::min(s + together, slices_.count), false, nullptr}, thread);
  });
}

// `slice` in the cache is `of_batch` in the batch.
template <class Scalar>
void BatchPass<Scalar>::loss_of_slice(const Walk<Scalar>& walk, const TrainingSet& set,
                                      const Batch& batch, Slice of_batch, Slice slice,
                                      BatchCost& cost) {
  const Target<Scalar> target = target_.load(set, batch, of_batch);
  cost.sum = walk.loss(loss_, slice, target);
  cost.weight = target.weights ? 0.0 : static_cast<double>(slice.count);
  for (Index i = 0; target.weights && i < slice.count; ++i)
    cost.weight += static_cast<double>(target.weights[i]);
}

template <class Scalar>
void BatchPass<Scalar>::loss_of_part(const Walk<Scalar>& walk, const TrainingSet& set,
                                     const Batch& batch, const Part& part) {
  for (Index s = part.s; s < part.last; ++s)
    loss_of_slice(walk, set, batch, slices_[s], slices_[s], cost_of(s));
}

template <class Scalar>
void BatchPass<Scalar>::by_groups(const Scalar* parameters, const TrainingSet& set,
                                  const Batch& batch, const Pass& pass, Interrupt& interrupt) {
  const Index L = network_.depth(), lowest = network_.rules().lowest_trained();
  for (Cache<Scalar>& cache : caches_) network_.begin(pass, slices_, cache);
  for_each_part(interrupt, 1, [&](const Part& part, int thread) {
    Cache<Scalar>& cache = caches_[static_cast<std::size_t>(thread)];
    const Slice of_batch = slices_[part.s], slice{0, of_batch.count};
    cache.workspace.resize(network_.plan(), slice.count, Keep::needed);
    cache.bind(set.X, batch.order, batch.first + of_batch.first);
    cache.first_of_batch = of_batch.first;
    fetch_ahead(set, batch, of_batch.first + of_batch.count, of_batch.count);
    const Walk<Scalar> walk(network_, parameters, cache, &transposed_);
    walk.forward(slice, 1, L);
    loss_of_slice(walk, set, batch, of_batch, slice, cost_of(part.s));
    walk.backward(slice, L, lowest, nullptr);
    walk.gradient_of_slice(slice, part.adds, part.gradients);
  });
}

// Where a layer couples the slices, each waits for the others there, on its way forward and back.
template <class Scalar>
void BatchPass<Scalar>::by_slices(const Scalar* parameters, const TrainingSet& set,
                                  const Batch& batch, Interrupt& interrupt) {
  Coupling<Scalar>& coupling = cache().coupling;
  const std::vector<Index>& coupled = coupling.coupled();
  const Index L = network_.depth(), lowest = network_.rules().lowest_trained();
  const Walk<Scalar> walk(network_, parameters, cache(), &transposed_);
  const Index first = forward_to_last_stage(
      walk, network_.layout(), coupling, slices_,
      [&](auto use) { for_each_part(interrupt, 1, [&](const Part& part, int) { use(part.s); }); });
  // From dZ[from] to dZ[to], where the batch meets again, or to the end, with the share in the gradient.
  const auto back = [&](const Part& part, Index from, Index to) {
    const Slice slice = slice_of(part);
    walk.backward(slice, from, std::max(to, lowest), nullptr);
    if (to > 0 && to >= lowest)
      walk.measure_back(to, part.s, slice);
    else if (part.gradients)
      walk.gradient_of_slice(slice, part.adds, part.gradients);
  };
  Index to = coupled.empty() ? 0 : coupled.back();
  // One thread takes as many at a time as its cache holds: their sums are the same.
  const Index together =
      coupled.empty() && threads_ == 1 ? network_.plan().slices_in_cache(slices_) : 1;
  for_each_part(interrupt, together, [&](const Part& part, int) {
    const Slice slice = slice_of(part);
    fetch_ahead(set, batch, slice.first + slice.count, slice.count);
    walk.forward(slice, first, L);
    loss_of_part(walk, set, batch, part);
    back(part, L, to);
  });
  for (auto next = coupled.rbegin(); next != coupled.rend() && *next >= lowest;) {
    const Index from = *next++;
    coupling.put_together_back(from, slices_);
    to = next == coupled.rend() ? 0 : *next;
    for_each_part(interrupt, 1, [&](const Part& part, int) { back(part, from, to); });
  }
}

template <class Scalar>
void BatchPass<Scalar>::by_layers(const Scalar* parameters, const TrainingSet& set,
                                  const Batch& batch, bool first_product_is_made,
                                  Interrupt& interrupt) {
  const Layerwise<Scalar> layerwise(network_, parameters, transposed_, cache(), threads_,
                                    interrupt);
  const Walk<Scalar> walk(network_, parameters, cache(), &transposed_);
  layerwise.forward(first_product_is_made);
  for_each_part(interrupt, 1, [&](const Part& part, int) { loss_of_part(walk, set, batch, part); });
  layerwise.backward();
}

template <class Scalar>
BatchCost BatchPass<Scalar>::run(const Scalar* parameters, const TrainingSet& set,
                                 const Batch& batch, const Pass& pass, bool first_product_is_made,
                                 Interrupt& interrupt) {
  if (as_one()) {
    network_.begin(pass, slices_, cache());
    cache().bind(set.X, batch.order, batch.first);
  }
  if (!as_one())
    by_groups(parameters, set, batch, pass, interrupt);
  else if (network_.plan().goes_layerwise())
    by_layers(parameters, set, batch, first_product_is_made, interrupt);
  else
    by_slices(parameters, set, batch, interrupt);
  BatchCost total;
  for (Index s = 0; s < slices_.count; ++s) {
    total.sum += cost_of(s).sum;
    total.weight += cost_of(s).weight;
  }
  return total;
}

template <class Scalar>
void BatchPass<Scalar>::gradient(const Scalar* parameters, const Tile& tile, Scalar scale,
                                 Scalar* to) {
  if (groups_ == 1 || network_.rules()(tile.layer).frozen)
    return Walk<Scalar>(network_, parameters, cache()).gradient_of_tile(tile, scale, to);
  const FlushSubnormals flush;
  kernels<Scalar>().vectors.add_parts(tile.count, gradients_of_group(0) + tile.first,
                                      network_.parameter_count(), groups_, scale, to);
}

template class BatchPass<float>;
template class BatchPass<double>;

}  // namespace deltarule
