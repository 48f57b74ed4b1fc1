#include "deltarule/network.hpp"

#include "deltarule/dense.hpp"
#include "parallel.hpp"
#include "subnormals.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

namespace deltarule {
namespace {

// How a batch is cut into slices. A slice is worth handing out from about a million operations on,
// and passes through the layers within a core's own cache. Weights that are copied for a product are
// copied again for every slice, so a network with such a layer is cut into wide ones.
constexpr double slice_work = 1e6;
constexpr Index slice_bytes = 256 * 1024;
constexpr Index least_width = 16, least_width_on_copies = 256;
constexpr Index most_slices = 4096;

// A gradient of each group of slices is worth its place from so many examples on: then what the groups
// have to add up is little beside what they make.
constexpr Index examples_a_group = 96, numbers_of_groups = 1024 * 1024;

// How the parameters are cut into tiles: into some sixteen, neither so small that handing one out
// costs more than its gradient, nor so large that it leaves the cache before it is updated. Again,
// what is copied is cut wide.
constexpr Index least_tile = 1024, most_tile = 32 * 1024;
constexpr Index inputs_on_copies = 512;

// Parameters beyond this many bytes do not stay beside a slice in a core's own cache.
constexpr Index bytes_by_slices = 256 * 1024;
constexpr Index least_halved = 64, half_step = 16;

constexpr Index alignment_bytes = 64;

template <class Scalar>
Index aligned(Index numbers) {
  constexpr Index step = alignment_bytes / static_cast<Index>(sizeof(Scalar));
  return (numbers + step - 1) / step * step;
}

}  // namespace

template <class Scalar>
Network<Scalar>::Network(Index inputs, const std::vector<DenseLayer>& layers) {
  if (inputs < 1 || inputs > std::numeric_limits<Index>::max() / 64)
    throw std::invalid_argument("Network: input_size is " + std::to_string(inputs) +
                                ": expected 1 or more, and a number that a computer can hold");
  if (layers.empty()) throw std::invalid_argument("Network: no layers: expected 1 or more");
  units_.push_back(inputs);
  offsets_.push_back(0);
  for (const DenseLayer& layer : layers) {
    if (layer.units < 1)
      throw std::invalid_argument("Network: layer " + std::to_string(depth() + 1) + " has " +
                                  std::to_string(layer.units) + " units: expected 1 or more");
    const Index room = std::numeric_limits<Index>::max() / 64 - parameter_count_;
    if (layer.units > room / (units_.back() + 1))
      throw std::invalid_argument("Network: layer " + std::to_string(depth() + 1) + " has " +
                                  std::to_string(layer.units) + " units and " +
                                  std::to_string(units_.back()) +
                                  " inputs: expected a number of weights that a computer can hold");
    offsets_.push_back(parameter_count_);
    parameter_count_ += layer.units * (units_.back() + 1);
    units_.push_back(layer.units);
    activations_.push_back(layer.activation);
  }
  layerwise_ = parameter_count_ * static_cast<Index>(sizeof(Scalar)) > bytes_by_slices;
  cut_into_tiles();
}

template <class Scalar>
Index Network<Scalar>::half(Index l, Index h) const {
  const Index inputs = n(l - 1);
  const bool in_two =
      layerwise_ && inputs >= least_halved && product_in_place<Scalar>(n(l), inputs / 2);
  if (h == 0) return 0;
  return h == 1 && in_two ? inputs / 2 / half_step * half_step : inputs;
}

template <class Scalar>
void Network<Scalar>::cut_into_tiles() {
  const Index tile_size = std::clamp(parameter_count_ / 16, least_tile, most_tile);
  // First the tiles of every layer's first half, then the others: a thread that has half of the tiles
  // has the half that it multiplied by.
  for (Index h = 0; h < 2; ++h) {
    for (Index l = 1; l <= depth(); ++l) {
      const Index first = half(l, h), inputs = half(l, h + 1) - first;
      const Index width = product_in_place<Scalar>(n(l), inputs)
                              ? std::max<Index>(1, tile_size / n(l))
                              : inputs_on_copies;
      const Index count = (inputs + width - 1) / width;
      for (Index t = 0; t < count; ++t) {
        const Index from = first + inputs * t / count, to = first + inputs * (t + 1) / count;
        const bool with_bias = to == n(l - 1);
        tiles_.push_back({l, from, to, with_bias, parameter_offset(l) + from * n(l),
                          (to - from + (with_bias ? 1 : 0)) * n(l)});
      }
    }
  }
}

template <class Scalar>
double Network<Scalar>::work() const {
  double sum = 0.0;
  for (Index l = 1; l <= depth(); ++l)
    sum += static_cast<double>(n(l)) * static_cast<double>(n(l - 1));
  return sum;
}

template <class Scalar>
Slices Network<Scalar>::slices_of(Index m, Index widest) const {
  Index numbers = 0;  // of one example, forward and backward
  bool copied = false;
  for (Index l = 1; l <= depth(); ++l) {
    numbers += 2 * n(l);
    copied = copied || !product_in_place<Scalar>(n(l), n(l - 1));
  }
  const Index least = copied ? least_width_on_copies : least_width;
  const Index in_cache = slice_bytes / (numbers * static_cast<Index>(sizeof(Scalar)));
  const Index half = (m + 1) / 2;  // two threads are the least that there may be
  const Index width = std::max(least, std::min({in_cache, widest, half}));
  // As many for one thread as for the other.
  const Index count = std::clamp<Index>((m + width - 1) / width, 1, most_slices);
  return {m, count == 1 ? 1 : (count + 1) / 2 * 2};
}

template <class Scalar>
Slices Network<Scalar>::slices(Index m) const {
  return slices_of(m, static_cast<Index>(slice_work / (4 * work())));
}

template <class Scalar>
Slices Network<Scalar>::training_slices(Index m) const {
  return gradient_groups(m) > 1 ? slices_of(m, m) : slices(m);
}

template <class Scalar>
Index Network<Scalar>::gradient_groups(Index m) const {
  if (layerwise_ || m < 2 * examples_a_group) return 1;
  const Index most = std::min(m / examples_a_group, numbers_of_groups / parameter_count_);
  return std::clamp<Index>(most / 2 * 2, 2, slices_of(m, m).count);
}

template <class Scalar>
void Network<Scalar>::forward_slice(const Scalar* parameters, Slice slice,
                                    Cache<Scalar>& cache) const {
  cache.load(slice);
  for (Index l = 1; l <= depth(); ++l) {
    auto Z = cache.Z(l).middleCols(slice.first, slice.count);
    with_input(cache, l, [&](const auto& A_prev) {
      dense_forward<Scalar>(W(parameters, l), b(parameters, l),
                            A_prev.middleCols(slice.first, slice.count), Z);
    });
    if (l < depth())
      activation_forward<Scalar>(g(l), Z, cache.A(l).middleCols(slice.first, slice.count));
  }
}

template <class Scalar>
void Network<Scalar>::output_slice(Slice slice, Cache<Scalar>& cache) const {
  const Index L = depth();
  activation_forward<Scalar>(g(L), cache.Z(L).middleCols(slice.first, slice.count),
                             cache.A(L).middleCols(slice.first, slice.count));
}

template <class Scalar>
double Network<Scalar>::loss_slice(const Loss& loss, Slice slice, const Target<Scalar>& target,
                                   Cache<Scalar>& cache) const {
  const FlushSubnormals flush;
  const Index L = depth();
  auto dZ = cache.dZ(L).middleCols(slice.first, slice.count);
  if (fused_with_output(loss, g(L)))
    return loss_backward_from_logits<Scalar>(loss, cache.Z(L).middleCols(slice.first, slice.count),
                                             target, dZ);
  output_slice(slice, cache);
  const double sum =
      loss_backward<Scalar>(loss, cache.A(L).middleCols(slice.first, slice.count), target, dZ);
  activation_backward<Scalar>(g(L), dZ, derivative_cache(cache, L, slice), dZ);
  return sum;
}

template <class Scalar>
void Network<Scalar>::backward_slice(const Scalar* parameters,
                                     const TransposedWeights<Scalar>& transposed, Slice slice,
                                     Cache<Scalar>& cache, Scalar* dX) const {
  const FlushSubnormals flush;
  for (Index l = depth(); l >= 1; --l) {
    auto dZ = cache.dZ(l).middleCols(slice.first, slice.count);
    if (l == 1) {
      if (dX)
        dense_backward_input<Scalar>(W(parameters, l), dZ,
                                     MatrixMap<Scalar>(dX + slice.first * n(0), n(0), slice.count));
      return;
    }
    auto dZ_prev = cache.dZ(l - 1).middleCols(slice.first, slice.count);  // dA_prev, then dZ_prev
    dense_backward_input<Scalar>(W(parameters, l), dZ, dZ_prev, transposed(l));
    activation_backward<Scalar>(g(l - 1), dZ_prev, derivative_cache(cache, l - 1, slice), dZ_prev);
  }
}

template <class Scalar>
void Network<Scalar>::gradient_tile(const Cache<Scalar>& cache, const Tile& tile, Scalar scale,
                                    Scalar* gradients) const {
  const FlushSubnormals flush;
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  const auto dZ = cache.dZ(l);
  MatrixMap<Scalar> dW(gradients, n(l), inputs);
  with_input(cache, l, [&](const auto& A_prev) {
    dense_backward_weights<Scalar>(dZ, A_prev.middleRows(tile.first_input, inputs), scale, dW);
  });
  if (tile.with_bias)
    dense_backward_bias<Scalar>(dZ, scale, VectorMap<Scalar>(gradients + inputs * n(l), n(l)));
}

template <class Scalar>
void Network<Scalar>::gradient_slice(const Cache<Scalar>& cache, Slice slice, bool adds,
                                     Scalar* gradients) const {
  const FlushSubnormals flush;
  for (Index l = 1; l <= depth(); ++l) {
    const auto dZ = cache.dZ(l).middleCols(slice.first, slice.count);
    with_input(cache, l, [&](const auto& A_prev) {
      dense_backward_weights<Scalar>(dZ, A_prev.middleCols(slice.first, slice.count), Scalar(1),
                                     W(gradients, l), adds);
    });
    dense_backward_bias<Scalar>(dZ, Scalar(1), b(gradients, l), adds);
  }
}

template <class Scalar>
void Network<Scalar>::forward(const Scalar* parameters, const Examples& X,
                              Cache<Scalar>& cache) const {
  cache.resize(*this, X.count, Cache<Scalar>::Keep::all);
  cache.bind(X, nullptr, 0);
  const Slices all = slices(X.count);
  const int threads = threads_for(2 * work() * static_cast<double>(X.count));
  parallel_for(threads, all.count, [&](Index s, int) {
    const Slice slice = all[s];
    forward_slice(parameters, slice, cache);
    output_slice(slice, cache);
  });
}

template <class Scalar>
void Network<Scalar>::backward(const Scalar* parameters, const Scalar* dA, Scalar scale,
                               Cache<Scalar>& cache, Scalar* gradients, Scalar* dX) const {
  const Slices all = slices(cache.m());
  const Index L = depth();
  const int threads = threads_for(2 * work() * static_cast<double>(cache.m()));
  TransposedWeights<Scalar> transposed(*this);
  transposed.copy(parameters);
  parallel_for(threads, all.count, [&](Index s, int) {
    const Slice slice = all[s];
    activation_backward<Scalar>(
        g(L), ConstMatrixMap<Scalar>(dA + slice.first * n(L), n(L), slice.count),
        derivative_cache(cache, L, slice), cache.dZ(L).middleCols(slice.first, slice.count));
    backward_slice(parameters, transposed, slice, cache, dX);
  });
  parallel_for(threads, static_cast<Index>(tiles_.size()), [&](Index t, int) {
    const Tile& tile = tiles_[static_cast<std::size_t>(t)];
    gradient_tile(cache, tile, scale, gradients + tile.first);
  });
}

template <class Scalar>
double Network<Scalar>::infer(const Scalar* parameters, const Examples& X, Scalar* output,
                              const Loss* loss, const Target<Scalar>& target,
                              Interrupt& interrupt) const {
  const Index m = X.count, L = depth();
  if (m == 0) return 0.0;
  const Slices all = slices(m);
  const int threads = threads_for(2 * work() * static_cast<double>(m));
  // Two rooms a thread, between which the layers pass a slice to and fro; the first also takes X
  // where it does not lie as columns already.
  const Index widest = *std::max_element(units_.begin(), units_.end());
  const Index room = aligned<Scalar>(widest * all.widest());
  Vector<Scalar> rooms(2 * room * threads);
  std::vector<double> losses(loss ? static_cast<std::size_t>(all.count) : 0);
  const bool lies_as_columns = in_place<Scalar>(X);

  parallel_for(threads, all.count, [&](Index s, int thread) {
    if (interrupt.poll_on(thread)) return;
    const auto [first, count] = all[s];
    Scalar* here = rooms.data() + 2 * room * thread;
    Scalar* there = here + room;
    if (!lies_as_columns) gather<Scalar>(X, nullptr, first, MatrixMap<Scalar>(here, n(0), count));
    for (Index l = 1; l <= L; ++l) {
      MatrixMap<Scalar> A(l == L ? output + first * n(L) : there, n(l), count);
      if (l == 1 && lies_as_columns)
        dense_forward<Scalar>(W(parameters, l), b(parameters, l),
                              columns_in_place<Scalar>(X, first, count), A);
      else
        dense_forward<Scalar>(W(parameters, l), b(parameters, l),
                              ConstMatrixMap<Scalar>(here, n(l - 1), count), A);
      if (l < L) {
        activation_forward<Scalar>(g(l), A, A);
        std::swap(here, there);
      }
    }
    MatrixMap<Scalar> A(output + first * n(L), n(L), count);  // Z[L] so far
    MatrixMap<Scalar> gradient(there, n(L), count);           // not wanted
    const auto slice_target = target.from(first, n(L));
    double sum = 0.0;
    if (loss && fused_with_output(*loss, g(L)))
      sum = loss_backward_from_logits<Scalar>(*loss, A, slice_target, gradient);
    activation_forward<Scalar>(g(L), A, A);
    if (loss && !fused_with_output(*loss, g(L)))
      sum = loss_backward<Scalar>(*loss, A, slice_target, gradient);
    if (loss) losses[static_cast<std::size_t>(s)] = sum;
  });
  double total = 0.0;
  for (const double slice_loss : losses) total += slice_loss;
  return total;
}

template <class Scalar>
void Cache<Scalar>::resize(const Network<Scalar>& network, Index m, Keep keep) {
  m_ = m;
  if (!units_.empty() && m <= capacity_ && keep == keep_) return;
  capacity_ = std::max(m, capacity_);
  keep_ = keep;
  const Index L = network.depth();
  units_.clear();
  for (Index l = 0; l <= L; ++l) units_.push_back(network.n(l));

  const auto kept_Z = [&](Index l) {
    return keep == Keep::all || derivative_from(network.g(l)) == DerivativeFrom::Z;
  };
  Index total = aligned<Scalar>(n(0) * capacity_);
  for (Index l = 1; l <= L; ++l) {
    total += (kept_Z(l) ? 3 : 2) * aligned<Scalar>(n(l) * capacity_);
    if (network.halved(l)) total += aligned<Scalar>(n(l) * capacity_);
  }
  // Eigen aligns to what its vector instructions need; the rest of a cache line is ours to find.
  memory_.resize(total + alignment_bytes / static_cast<Index>(sizeof(Scalar)));
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
  const std::uintptr_t past_line = address % static_cast<std::uintptr_t>(alignment_bytes);
  const auto to_line = past_line == 0 ? 0 : alignment_bytes - static_cast<Index>(past_line);
  Scalar* next = memory_.data() + to_line / static_cast<Index>(sizeof(Scalar));
  const auto take = [&](Index rows, Index columns) {
    Scalar* const matrix = next;
    next += aligned<Scalar>(rows * columns);
    return matrix;
  };
  gathered_ = take(n(0), capacity_);
  for (auto* matrices : {&A_, &Z_, &second_Z_, &dZ_}) matrices->assign(1, nullptr);
  for (Index l = 1; l <= L; ++l) {
    A_.push_back(take(n(l), capacity_));
    Z_.push_back(kept_Z(l) ? take(n(l), capacity_) : A_.back());
    second_Z_.push_back(network.halved(l) ? take(n(l), capacity_) : nullptr);
    dZ_.push_back(take(n(l), capacity_));
  }
}

template <class Scalar>
void Cache<Scalar>::bind(const Examples& X, const std::int64_t* order, Index first) {
  source_ = X;
  order_ = order;
  first_ = first;
  if (!order && in_place<Scalar>(X)) {
    const auto columns = columns_in_place<Scalar>(X, first, m_);
    X_ = columns.data();
    X_stride_ = columns.outerStride();
  } else {
    X_ = gathered_;
    X_stride_ = n(0);
  }
}

template <class Scalar>
void Cache<Scalar>::load(Slice slice, Index first_row, Index rows) {
  if (X_ != gathered_) return;
  Examples part = source_;
  part.data = static_cast<const std::byte*>(source_.data) + first_row * source_.feature_stride;
  part.features = rows;
  gather<Scalar>(
      part, order_, first_ + slice.first,
      MatrixMap<Scalar>(gathered_, n(0), m_).block(first_row, slice.first, rows, slice.count));
}

template <class Scalar>
TransposedWeights<Scalar>::TransposedWeights(const Network<Scalar>& network) : network_(network) {
  // The first layer's backward step stops at dW.
  const auto keeps = [&](Index l) {
    return l > 1 && wants_transposed_weights<Scalar>(network.n(l), network.n(l - 1));
  };
  Index total = 0;
  for (Index l = 1; l <= network.depth(); ++l)
    if (keeps(l)) total += aligned<Scalar>(network.n(l) * network.n(l - 1));
  memory_.resize(total);
  Scalar* next = memory_.data();
  kept_.push_back(nullptr);
  for (Index l = 1; l <= network.depth(); ++l) {
    kept_.push_back(keeps(l) ? next : nullptr);
    if (keeps(l)) next += aligned<Scalar>(network.n(l) * network.n(l - 1));
  }
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters) {
  for (const Tile& tile : network_.tiles()) copy(parameters, tile);
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters, const Tile& tile) {
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  if (Scalar* const kept = at(l))
    transpose_weights<Scalar>(network_.W(parameters, l).middleCols(tile.first_input, inputs),
                              MatrixMap<Scalar>(kept, network_.n(l - 1), network_.n(l))
                                  .middleRows(tile.first_input, inputs));
}

template class Network<float>;
template class Network<double>;
template class Cache<float>;
template class Cache<double>;
template class TransposedWeights<float>;
template class TransposedWeights<double>;

}  // namespace deltarule
