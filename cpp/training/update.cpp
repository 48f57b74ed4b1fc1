#include "training/update.hpp"

#include "kernels/dispatch.hpp"

#include <algorithm>
#include <cmath>

namespace deltarule {
namespace {

double total(const std::vector<double>& of_tiles) {
  double sum = 0.0;
  for (const double of_tile : of_tiles) sum += of_tile;
  return sum;
}

// The optimizer's step at a layer's own rate.
template <class Scalar>
StepRule<Scalar> rule_at(double rate, Optimizer optimizer, std::int64_t step) {
  if (rate != 1.0) optimizer.learning_rate = rate * optimizer.learning_rate;
  return kernels<Scalar>().optimizer.rule(optimizer, step);
}

}  // namespace

template <class Scalar>
void update_network(const Network<Scalar>& network, const Optimizer& optimizer, std::int64_t step,
                    const FlatVectors<Scalar>& vectors, const Scalar* gradients) {
  const Layout& layout = network.layout();
  for (Index l = 1; l <= layout.depth(); ++l) {
    const LayerRule& of_layer = network.rules()(l);
    if (of_layer.frozen) continue;
    const Index first = layout.first_parameter(l);
    kernels<Scalar>().optimizer.update(rule_at<Scalar>(of_layer.rate, optimizer, step), vectors,
                                       gradients + first, first, layout.parameters(l));
  }
  if (network.rules().limits_norms()) network.limit_norms(vectors.parameters, ThreadPool::size());
}

template <class Scalar>
Update<Scalar>::Update(const Network<Scalar>& network, TransposedWeights<Scalar>& transposed)
    : network_(network),
      transposed_(transposed),
      rules_(static_cast<std::size_t>(network.depth()) + 1),
      penalties_(network.plan().tiles().size()),
      squares_(network.plan().tiles().size()) {}

template <class Scalar>
void Update<Scalar>::begin(const FlatVectors<Scalar>& vectors, const Optimizer& optimizer,
                           std::int64_t step) {
  begin();
  vectors_ = vectors;
  std::fill(rules_.begin(), rules_.end(), rule_at<Scalar>(1.0, optimizer, step));
  for (Index l = 1; l <= network_.depth(); ++l)
    if (const double rate = network_.rules()(l).rate; rate != 1.0)
      rules_[static_cast<std::size_t>(l)] = rule_at<Scalar>(rate, optimizer, step);
}

template <class Scalar>
void Update<Scalar>::penalize(const Scalar* parameters, const Tile& tile, Scalar* gradients) {
  const LayerRule& rule = network_.rules()(tile.layer);
  if (!rule.penalizes() || rule.frozen || !network_.layout().dense(tile.layer)) return;
  const Index weights = tile.count - (tile.with_bias ? network_.n(tile.layer) : 0);
  penalties_[index(tile)] = kernels<Scalar>().vectors.penalize(weights, rule.l1, rule.l2,
                                                               parameters + tile.first, gradients);
}

template <class Scalar>
void Update<Scalar>::clip(const StepOptions& options, const Tile& tile, Scalar* gradients) {
  const VectorKernels<Scalar>& vectors = kernels<Scalar>().vectors;
  if (options.clip_value > 0.0)
    vectors.clip(tile.count, static_cast<Scalar>(options.clip_value), gradients);
  if (options.clip_norm > 0.0)
    squares_[index(tile)] = vectors.sum_of_squares(tile.count, gradients);
}

template <class Scalar>
void Update<Scalar>::apply(const Tile& tile, const Scalar* gradients) {
  kernels<Scalar>().optimizer.update(rules_[static_cast<std::size_t>(tile.layer)], vectors_,
                                     gradients, tile.first, tile.count);
  transposed_.copy(vectors_.parameters, tile);
}

// What the gradients of all tiles, whose squares have been added up, are to be multiplied by.
template <class Scalar>
Scalar Update<Scalar>::clip_factor(const StepOptions& options) const {
  constexpr double aside = 1e-6;  // PyTorch's, so that its steps and these are the same
  if (options.clip_norm == 0.0) return Scalar(1);
  const double factor = options.clip_norm / (std::sqrt(total(squares_)) + aside);
  return factor >= 1.0 ? Scalar(1) : static_cast<Scalar>(factor);  // NaN stays NaN
}

template <class Scalar>
void Update<Scalar>::apply_all(const StepOptions& options, Scalar* gradients, int threads) {
  const Scalar factor = clip_factor(options);
  for_each_tile(network_, threads, [&](const Tile& tile, int) {
    Scalar* const of_tile = gradients + tile.first;
    if (factor != Scalar(1)) kernels<Scalar>().vectors.scale(tile.count, factor, of_tile);
    if (!frozen(tile)) apply(tile, of_tile);
  });
}

template <class Scalar>
void Update<Scalar>::finish(const StepOptions& options, int threads) {
  Scalar* const parameters = vectors_.parameters;
  if (network_.rules().limits_norms()) {
    network_.limit_norms(parameters, threads);
    for_each_tile(network_, threads, [&](const Tile& tile, int) {
      if (network_.rules()(tile.layer).max_norm > 0.0) transposed_.copy(parameters, tile);
    });
  }
  if (auto* const average = static_cast<Scalar*>(options.average))
    for_each_tile(network_, threads, [&](const Tile& tile, int) {
      kernels<Scalar>().vectors.move_towards(
          tile.count, static_cast<Scalar>(1.0 - options.average_decay), Scalar(1),
          parameters + tile.first, average + tile.first);
    });
}

template <class Scalar>
double Update<Scalar>::penalty() const {
  return total(penalties_);
}

template void update_network<float>(const Network<float>&, const Optimizer&, std::int64_t,
                                    const FlatVectors<float>&, const float*);
template void update_network<double>(const Network<double>&, const Optimizer&, std::int64_t,
                                     const FlatVectors<double>&, const double*);
template class Update<float>;
template class Update<double>;

}  // namespace deltarule
