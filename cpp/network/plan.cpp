#include "network/plan.hpp"

#include "kernels/dispatch.hpp"

#include <algorithm>
#include <utility>

namespace deltarule {
namespace {

// How a batch is cut into slices. A slice is worth handing out from about two million operations
// on, and passes through the layers within a core's own cache. Weights that are copied for a product are
// copied again for every slice, so a network with such a layer is cut into wide ones.
constexpr double slice_work = 2e6;
constexpr Index slice_bytes = 64 * 1024;
constexpr Index least_width = 16, least_width_on_copies = 256;
// Narrower slices read the weights, and their shares in the gradients, once too often: the second-level cache
// holds wider ones well enough.
constexpr Index fair_width = 32;
constexpr Index most_slices = 4096;

// A gradient of each group of slices is worth its place from so many examples on: then what the groups
// have to add up is little beside what they make.
constexpr Index examples_a_group = 96, numbers_of_groups = 1024 * 1024;

// How the parameters are cut into tiles: into some sixteen, neither so small that handing one out
// costs more than its gradient, nor so large that it leaves the cache before it is updated. Again,
// what is copied is cut wide. A layer beyond all memory is cut into no more than a list can hold.
constexpr Index least_tile = 1024, most_tile = 32 * 1024;
constexpr Index inputs_on_copies = 512;
constexpr Index most_tiles_of_layer = 16 * 1024;

// Parameters beyond this many bytes do not stay beside a slice in a core's own cache.
constexpr Index bytes_by_slices = 256 * 1024;
constexpr Index least_halved = 64, half_step = 16;

template <class Scalar>
bool product_in_place(Index n, Index n_prev) {
  return kernels<Scalar>().dense.in_place(n, n_prev);
}

}  // namespace

template <class Scalar>
Plan<Scalar>::Plan(Layout layout)
    : layout_(std::move(layout)),
      layerwise_(layout_.parameter_count() * static_cast<Index>(sizeof(Scalar)) > bytes_by_slices) {
  cut_into_tiles();
}

template <class Scalar>
Index Plan<Scalar>::half(Index l, Index h) const {
  const Index inputs = layout_.n(l - 1);
  const bool in_two = layerwise_ && layout_.dense(l) && inputs >= least_halved &&
                      product_in_place<Scalar>(layout_.n(l), inputs / 2);
  if (h == 0) return 0;
  return h == 1 && in_two ? inputs / 2 / half_step * half_step : inputs;
}

template <class Scalar>
bool Plan<Scalar>::takes_inputs_in_turn() const {
  const Index in_turn = kernels<Scalar>().dense.inputs_in_turn;
  return halved(1) && layout_.n(1) > 1 && layout_.n(1) * in_turn <= most_tile &&
         layout_.n(0) <= most_tiles_of_layer * in_turn;
}

template <class Scalar>
void Plan<Scalar>::cut_into_tiles() {
  const Index tile_size = std::clamp(layout_.parameter_count() / 16, least_tile, most_tile);
  // First the tiles of every layer's first half, then the others: a thread that has half of the tiles
  // has the half that it multiplied by.
  for (Index h = 0; h < 2; ++h)
    for (Index l = 1; l <= layout_.depth(); ++l) {
      const Index count = layout_.parameters(l);
      if (layout_.dense(l))
        cut_dense_layer(l, h, tile_size);
      else if (h == 0 && count > 0)
        tiles_.push_back({l, 0, 0, false, layout_.first_parameter(l), count});
    }
}

template <class Scalar>
void Plan<Scalar>::cut_dense_layer(Index l, Index h, Index tile_size) {
  const Index n = layout_.n(l), n_prev = layout_.n(l - 1);
  const Index first = half(l, h), end = half(l, h + 1);
  const auto add_tile = [&](Index from, Index to, bool with_bias) {
    tiles_.push_back({l, from, to, with_bias, layout_.first_parameter(l) + from * n,
                      (to - from + (with_bias ? 1 : 0)) * n});
  };
  if (l == 1 && takes_inputs_in_turn()) {
    const Index in_turn = kernels<Scalar>().dense.inputs_in_turn;
    for (Index from = first; from < end; from += in_turn)
      add_tile(from, std::min(from + in_turn, end), false);
    if (h == 1) add_tile(n_prev, n_prev, true);
    return;
  }
  const Index inputs = end - first;
  const Index wanted =
      product_in_place<Scalar>(n, inputs) ? std::max<Index>(1, tile_size / n) : inputs_on_copies;
  const Index width = std::max(wanted, inputs / most_tiles_of_layer);
  const Index count = (inputs + width - 1) / width;
  // To within the columns that the product takes at once, so that none of them is left over.
  const Index step = width < Slices::columns ? 1 : Slices::columns;
  const auto edge = [&](Index t) {
    return t == count ? end : first + inputs * t / count / step * step;
  };
  for (Index t = 0; t < count; ++t)
    if (edge(t) < edge(t + 1) || edge(t + 1) == n_prev)
      add_tile(edge(t), edge(t + 1), edge(t + 1) == n_prev);
}

template <class Scalar>
Index Plan<Scalar>::examples_in_cache() const {
  Index numbers = 0;  // of one example, forward and backward
  for (Index l = 1; l <= layout_.depth(); ++l) numbers += 2 * layout_.n(l);
  return slice_bytes / (numbers * static_cast<Index>(sizeof(Scalar)));
}

template <class Scalar>
Slices Plan<Scalar>::slices_of(Index m, Index widest) const {
  bool copied = false;
  for (Index l = 1; l <= layout_.depth(); ++l)
    copied =
        copied || (layout_.dense(l) && !product_in_place<Scalar>(layout_.n(l), layout_.n(l - 1)));
  const Index least = copied ? least_width_on_copies : least_width;
  const Index half_of_all = (m + 1) / 2;  // two threads are the least that there may be
  const Index in_cache = std::max(fair_width, examples_in_cache());
  const Index width = std::max(least, std::min({in_cache, widest, half_of_all}));
  // As many for one thread as for the other.
  const Index count = std::clamp<Index>((m + width - 1) / width, 1, most_slices);
  return {m, count == 1 ? 1 : (count + 1) / 2 * 2};
}

template <class Scalar>
Slices Plan<Scalar>::slices(Index m) const {
  return slices_of(m, static_cast<Index>(slice_work / (4 * layout_.work())));
}

template <class Scalar>
Slices Plan<Scalar>::training_slices(Index m) const {
  return gradient_groups(m) > 1 ? slices_of(m, m) : slices(m);
}

template <class Scalar>
Index Plan<Scalar>::slices_in_cache(const Slices& slices) const {
  return std::max<Index>(1, examples_in_cache() / std::max<Index>(1, slices.widest()));
}

template <class Scalar>
Index Plan<Scalar>::gradient_groups(Index m) const {
  const Index parameters = layout_.parameter_count();
  if (layerwise_ || parameters == 0 || m < 2 * examples_a_group) return 1;
  const Index most = std::min(m / examples_a_group, numbers_of_groups / parameters);
  return std::clamp<Index>(most / 2 * 2, 2, slices_of(m, m).count);
}

template class Plan<float>;
template class Plan<double>;

}  // namespace deltarule
