#include "deltarule/network.hpp"

#include "deltarule/dense.hpp"
#include "parallel.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>

namespace deltarule {
namespace {

// Bytes of activations that a slice may take: they stay in a core's own cache from layer to layer.
constexpr Index slice_bytes = 256 * 1024;
constexpr Index least_slice_width = 32;   // columns; below, a product reads W for too little work
constexpr Index most_slices = 4096;
constexpr Index tile_parameters = 32 * 1024;

constexpr Index alignment_bytes = 64;

template <class Scalar>
Index aligned(Index numbers) {
  constexpr Index step = alignment_bytes / static_cast<Index>(sizeof(Scalar));
  return (numbers + step - 1) / step * step;
}

}  // namespace

template <class Scalar>
Network<Scalar>::Network(Index inputs, const std::vector<DenseLayer>& layers) {
  if (inputs < 1)
    throw std::invalid_argument("Network: input_size is " + std::to_string(inputs) +
                                ": expected 1 or more");
  if (layers.empty()) throw std::invalid_argument("Network: no layers: expected 1 or more");
  units_.push_back(inputs);
  offsets_.push_back(0);
  for (const DenseLayer& layer : layers) {
    const Index l = depth() + 1;
    if (layer.units < 1)
      throw std::invalid_argument("Network: layer " + std::to_string(l) + " has " +
                                  std::to_string(layer.units) + " units: expected 1 or more");
    offsets_.push_back(parameter_count_);
    units_.push_back(layer.units);
    activations_.push_back(layer.activation);
    const Index n_prev = n(l - 1);
    // W[l] is column-major, so a range of its columns is a range of the flat vector.
    const Index width = std::max<Index>(1, tile_parameters / layer.units);
    for (Index first = 0; first < n_prev; first += width) {
      const Index last = std::min(first + width, n_prev);
      const bool with_bias = last == n_prev;
      tiles_.push_back({l, first, last, with_bias, parameter_count_ + first * layer.units,
                        parameter_count_ + (last + (with_bias ? 1 : 0)) * layer.units});
    }
    parameter_count_ += layer.units * (n_prev + 1);
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
Index Network<Scalar>::slice_width(Index m) const {
  Index numbers = 0;  // of one example, forward and backward
  for (Index l = 1; l <= depth(); ++l) numbers += 2 * n(l);
  const Index in_cache = slice_bytes / (numbers * static_cast<Index>(sizeof(Scalar)));
  const Index sixteenth = (m + 15) / 16;
  Index width = std::max(least_slice_width, std::min(in_cache, sixteenth));
  width = std::max(width, (m + most_slices - 1) / most_slices);
  return (width + 7) / 8 * 8;
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
double Network<Scalar>::loss_slice(Loss loss, Slice slice, const Target<Scalar>& target,
                                   Cache<Scalar>& cache) const {
  const Index L = depth();
  auto dZ = cache.dZ(L).middleCols(slice.first, slice.count);
  if (fused_with_output(loss, g(L)))
    return loss_backward_from_logits<Scalar>(
        loss, cache.Z(L).middleCols(slice.first, slice.count), target, dZ);
  output_slice(slice, cache);
  const double sum = loss_backward<Scalar>(
      loss, cache.A(L).middleCols(slice.first, slice.count), target, dZ);
  activation_backward<Scalar>(g(L), dZ, derivative_cache(cache, L, slice), dZ);
  return sum;
}

template <class Scalar>
void Network<Scalar>::backward_slice(const Scalar* parameters, Slice slice, Cache<Scalar>& cache,
                                     Scalar* dX) const {
  for (Index l = depth(); l >= 1; --l) {
    auto dZ = cache.dZ(l).middleCols(slice.first, slice.count);
    if (l == 1) {
      if (dX)
        dense_backward_input<Scalar>(
            W(parameters, l), dZ, MatrixMap<Scalar>(dX + slice.first * n(0), n(0), slice.count));
      return;
    }
    auto dZ_prev = cache.dZ(l - 1).middleCols(slice.first, slice.count);  // dA_prev, then dZ_prev
    dense_backward_input<Scalar>(W(parameters, l), dZ, dZ_prev, cache.W_transposed(l));
    activation_backward<Scalar>(g(l - 1), dZ_prev, derivative_cache(cache, l - 1, slice), dZ_prev);
  }
}

template <class Scalar>
void Network<Scalar>::transpose_tile(const Scalar* parameters, const Tile& tile,
                                     Cache<Scalar>& cache) const {
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  if (Scalar* const W_transposed = cache.W_transposed(l))
    deltarule::transpose_weights<Scalar>(
        W(parameters, l).middleCols(tile.first_input, inputs),
        MatrixMap<Scalar>(W_transposed, n(l - 1), n(l)).middleRows(tile.first_input, inputs));
}

template <class Scalar>
void Network<Scalar>::transpose_weights(const Scalar* parameters, Cache<Scalar>& cache) const {
  for (const Tile& tile : tiles_) transpose_tile(parameters, tile, cache);
}

template <class Scalar>
void Network<Scalar>::gradient_tile(const Cache<Scalar>& cache, const Tile& tile, Scalar scale,
                                    Scalar* gradients) const {
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  const auto dZ = cache.dZ(l);
  MatrixMap<Scalar> dW(gradients + tile.first, n(l), inputs);
  with_input(cache, l, [&](const auto& A_prev) {
    dense_backward_weights<Scalar>(dZ, A_prev.middleRows(tile.first_input, inputs), scale, dW);
  });
  if (tile.with_bias) dense_backward_bias<Scalar>(dZ, scale, b(gradients, l));
}

template <class Scalar>
void Network<Scalar>::forward(const Scalar* parameters, const Examples& X,
                              Cache<Scalar>& cache) const {
  cache.resize(*this, X.count, Cache<Scalar>::Keep::all);
  cache.bind(X, nullptr, 0);
  const Index m = X.count, width = slice_width(m);
  parallel_for(threads_for(2 * work() * static_cast<double>(m)), slice_count(m),
               [&](Index s, int) {
                 const Slice slice{s * width, std::min(width, m - s * width)};
                 forward_slice(parameters, slice, cache);
                 output_slice(slice, cache);
               });
}

template <class Scalar>
void Network<Scalar>::backward(const Scalar* parameters, const Scalar* dA, Scalar scale,
                               Cache<Scalar>& cache, Scalar* gradients, Scalar* dX) const {
  const Index m = cache.m(), width = slice_width(m), L = depth();
  const int threads = threads_for(2 * work() * static_cast<double>(m));
  transpose_weights(parameters, cache);
  parallel_for(threads, slice_count(m), [&](Index s, int) {
    const Slice slice{s * width, std::min(width, m - s * width)};
    activation_backward<Scalar>(
        g(L), ConstMatrixMap<Scalar>(dA + slice.first * n(L), n(L), slice.count),
        derivative_cache(cache, L, slice), cache.dZ(L).middleCols(slice.first, slice.count));
    backward_slice(parameters, slice, cache, dX);
  });
  parallel_for(threads, static_cast<Index>(tiles_.size()), [&](Index t, int) {
    gradient_tile(cache, tiles_[static_cast<std::size_t>(t)], scale, gradients);
  });
}

template <class Scalar>
double Network<Scalar>::infer(const Scalar* parameters, const Examples& X, Scalar* output,
                              const Loss* loss, const Target<Scalar>& target,
                              Interrupt& interrupt) const {
  const Index m = X.count, L = depth();
  if (m == 0) return 0.0;
  const Index width = std::min(slice_width(m), m), slices = slice_count(m);
  const int threads = threads_for(2 * work() * static_cast<double>(m));
  // Two rooms a thread, between which the layers pass a slice to and fro; the first also takes X
  // where it does not lie as columns already.
  const Index widest = *std::max_element(units_.begin(), units_.end());
  const Index room = aligned<Scalar>(widest * width);
  Vector<Scalar> rooms(2 * room * threads);
  std::vector<double> losses(loss ? static_cast<std::size_t>(slices) : 0);
  const bool lies_as_columns = in_place<Scalar>(X);

  parallel_for(threads, slices, [&](Index s, int thread) {
    if (interrupt.poll_on(thread)) return;
    const Index first = s * width, count = std::min(width, m - first);
    Scalar* here = rooms.data() + 2 * room * thread;
    Scalar* there = here + room;
    if (!lies_as_columns)
      gather<Scalar>(X, nullptr, first, MatrixMap<Scalar>(here, n(0), count));
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
  if (m <= capacity_ && keep == keep_) return;
  capacity_ = std::max(m, capacity_);
  keep_ = keep;
  const Index L = network.depth();
  units_.clear();
  for (Index l = 0; l <= L; ++l) units_.push_back(network.n(l));

  const auto kept_Z = [&](Index l) {
    return keep == Keep::all || derivative_from(network.g(l)) == DerivativeFrom::Z;
  };
  // The first layer's backward step stops at dW.
  const auto keeps_transposed = [&](Index l) {
    return l > 1 && wants_transposed_weights<Scalar>(n(l), n(l - 1));
  };
  Index total = aligned<Scalar>(n(0) * capacity_);
  for (Index l = 1; l <= L; ++l) {
    total += (kept_Z(l) ? 3 : 2) * aligned<Scalar>(n(l) * capacity_);
    if (keeps_transposed(l)) total += aligned<Scalar>(n(l) * n(l - 1));
  }
  // Eigen aligns to what its vector instructions need; the rest of a cache line is ours to find.
  memory_.resize(total + alignment_bytes / static_cast<Index>(sizeof(Scalar)));
  auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
  auto* next = reinterpret_cast<Scalar*>((address + alignment_bytes - 1) /
                                         alignment_bytes * alignment_bytes);
  const auto take = [&](Index rows, Index columns) {
    Scalar* const matrix = next;
    next += aligned<Scalar>(rows * columns);
    return matrix;
  };
  gathered_ = take(n(0), capacity_);
  for (auto* matrices : {&A_, &Z_, &dZ_, &W_transposed_}) matrices->assign(1, nullptr);
  for (Index l = 1; l <= L; ++l) {
    A_.push_back(take(n(l), capacity_));
    Z_.push_back(kept_Z(l) ? take(n(l), capacity_) : A_.back());
    dZ_.push_back(take(n(l), capacity_));
    W_transposed_.push_back(keeps_transposed(l) ? take(n(l - 1), n(l)) : nullptr);
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
void Cache<Scalar>::load(Slice slice) {
  if (X_ != gathered_) return;
  gather<Scalar>(source_, order_, first_ + slice.first,
                 MatrixMap<Scalar>(gathered_ + slice.first * n(0), n(0), slice.count));
}

template class Network<float>;
template class Network<double>;
template class Cache<float>;
template class Cache<double>;

}  // namespace deltarule
