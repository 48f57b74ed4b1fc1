#include "network/network.hpp"

#include "kernels/dispatch.hpp"
#include "network/walk.hpp"
#include "threads/parallel.hpp"

#include <algorithm>
#include <variant>

namespace deltarule {

template <class Scalar>
Network<Scalar>::Network(Index inputs, const std::vector<Layer>& layers)
    : plan_(Layout(inputs, layers)),
      rules_(layout()),
      statistics_(layout().statistic_count()),
      input_means_(std::holds_alternative<Standardize>(layout().layer(1).kind) ? inputs : 0) {
  input_means_.fill(0.0);
  statistics_.fill(Scalar(0));
  for (Index l = 1; l <= depth(); ++l)  // a mean of 0 and a variance of 1
    if (layout().traits(l).normalizes_units)
      std::fill_n(statistics_.data() + layout().first_statistic(l) + n(l), n(l), Scalar(1));
}

template <class Scalar>
void Network<Scalar>::begin(const Pass& pass, const Slices& slices, Cache<Scalar>& cache) const {
  static const std::vector<Index> none;
  cache.pass = pass;
  cache.first_of_batch = 0;
  if (layout().standardizes()) {
    cache.means.make_room(n(0));
    effective_means(cache.means.data());
  }
  // One example alone has no variance: it goes by the running moments, and they stay as they are.
  const bool couples = pass.training && slices.m > 1;
  cache.coupling.begin(layout(), couples ? rules_.couplings() : none, statistics_.data(),
                       slices.count);
}

template <class Scalar>
void Network<Scalar>::effective_means(double* means) const {
  const Scalar* const rounded = statistics_.data() + layout().first_statistic(1);
  for (Index i = 0; i < n(0); ++i) {
    const double mean = input_means_.data()[i];
    means[i] = static_cast<Scalar>(mean) == rounded[i] ? mean : static_cast<double>(rounded[i]);
  }
}

template <class Scalar>
void Network<Scalar>::keep_moments(const Cache<Scalar>& cache) {
  cache.coupling.keep(layout(), cache.m(), statistics_.data());
}

template <class Scalar>
void Network<Scalar>::limit_norms(Scalar* parameters, int threads) const {
  constexpr Index rows_at_once = 64;
  for (Index l = 1; l <= depth(); ++l) {
    const LayerRule& rule = rules_(l);
    if (rule.max_norm == 0.0 || rule.frozen || !layout().dense(l)) continue;
    const auto most = static_cast<Scalar>(rule.max_norm);
    parallel_for(threads, (n(l) + rows_at_once - 1) / rows_at_once, [&](Index block, int) {
      const Index first = block * rows_at_once, rows = std::min(rows_at_once, n(l) - first);
      kernels<Scalar>().vectors.limit_row_norms(W(parameters, l).middle_rows(first, rows), most);
    });
  }
}

template <class Scalar>
void Network<Scalar>::forward(const Scalar* parameters, const Examples& X, const Pass& pass,
                              Cache<Scalar>& cache) const {
  cache.workspace.resize(plan_, X.count, Keep::all);
  const bool couples = pass.training && !rules_.couplings().empty();
  const Slices slices = couples ? plan_.training_slices(X.count) : plan_.slices(X.count);
  begin(pass, slices, cache);
  cache.bind(X, nullptr, 0);
  const int threads = threads_for(2 * layout().work() * static_cast<double>(X.count));
  const Walk<Scalar> walk(*this, parameters, cache);
  const auto for_each_slice = [&](auto use) {
    parallel_for(threads, slices.count, [&](Index s, int) { use(s); });
  };
  const Index first = forward_to_last_stage(walk, layout(), cache.coupling, slices, for_each_slice);
  for_each_slice([&](Index s) {
    walk.forward(slices[s], first, depth());
    walk.output(slices[s]);
  });
}

template <class Scalar>
void Network<Scalar>::backward(const Scalar* parameters, const Scalar* dA, Scalar scale,
                               Cache<Scalar>& cache, Scalar* gradients, Scalar* dX) const {
  const std::vector<Index>& coupled = cache.coupling.coupled();
  const Index m = cache.m();
  const Slices slices = coupled.empty() ? plan_.slices(m) : plan_.training_slices(m);
  const int threads = threads_for(2 * layout().work() * static_cast<double>(m));
  TransposedWeights<Scalar> transposed(plan_);
  transposed.copy(parameters);
  const Walk<Scalar> walk(*this, parameters, cache, &transposed);
  const auto for_each_slice = [&](auto use) {
    parallel_for(threads, slices.count, [&](Index s, int) { use(s, slices[s]); });
  };
  for_each_slice([&](Index, Slice slice) { walk.output_backward(slice, dA); });
  Index from = depth();
  for (auto l = coupled.rbegin(); l != coupled.rend(); from = *l++) {
    for_each_slice([&](Index s, Slice slice) {
      walk.backward(slice, from, *l, nullptr);
      walk.measure_back(*l, s, slice);
    });
    cache.coupling.put_together_back(*l, slices);
  }
  for_each_slice([&](Index, Slice slice) { walk.backward(slice, from, 0, dX); });
  const std::vector<Tile>& tiles = plan_.tiles();
  parallel_for(threads, static_cast<Index>(tiles.size()), [&](Index t, int) {
    const Tile& tile = tiles[static_cast<std::size_t>(t)];
    walk.gradient_of_tile(tile, scale, gradients + tile.first);
  });
}

template class Network<float>;
template class Network<double>;

}  // namespace deltarule
