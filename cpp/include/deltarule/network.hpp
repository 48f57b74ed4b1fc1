// A network: dense layers in order over one flat parameter vector.
//
// A pass is cut into slices of examples, each of which runs through every layer on one thread, and
// the gradients into tiles of W; where the weights are many, layerwise.hpp cuts in another way. The
// cuts that a bit of the result depends on depend on shapes alone.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/examples.hpp"
#include "deltarule/interrupt.hpp"
#include "deltarule/loss.hpp"
#include "deltarule/types.hpp"

#include <algorithm>
#include <vector>

namespace deltarule {

struct DenseLayer {
  Index units;
  Activation activation;
};

struct Slice {
  Index first, count;
};

// m examples in `count` slices, which are as wide as one another to within the columns that the
// product takes at once.
struct Slices {
  static constexpr Index columns = 8;
  Index m, count;

  static Index most(Index m) { return (m + columns - 1) / columns; }
  Index first(Index s) const { return std::min(m, most(m) * s / count * columns); }
  Slice operator[](Index s) const { return {first(s), first(s + 1) - first(s)}; }
  Index widest() const { return std::min(m, (most(m) + count - 1) / count * columns); }
};

// Columns [first_input, last_input) of W[l], and with the last of them b[l].
struct Tile {
  Index layer;
  Index first_input, last_input;
  bool with_bias;
  Index first, count;  // the range of the flat vectors
};

template <class Scalar>
class Cache;
template <class Scalar>
class TransposedWeights;

template <class Scalar>
class Network {
 public:
  // std::invalid_argument for no layers, no inputs, or a layer without units.
  Network(Index inputs, const std::vector<DenseLayer>& layers);

  Index depth() const { return static_cast<Index>(activations_.size()); }  // L
  Index n(Index l) const { return units_[static_cast<std::size_t>(l)]; }   // n[0] = inputs
  Activation g(Index l) const { return activations_[static_cast<std::size_t>(l - 1)]; }
  Index parameter_count() const { return parameter_count_; }
  Index parameter_offset(Index l) const { return offsets_[static_cast<std::size_t>(l)]; }
  const std::vector<Tile>& tiles() const { return tiles_; }
  // Are the weights so many that each core had better keep to some of them?
  bool goes_layerwise() const { return layerwise_; }
  // Then the inputs of a layer are halved, where they are many: the first input of its half 0 or 1,
  // and for 2 the number of its inputs. Where they are few, half 0 has them all.
  Index half(Index l, Index h) const;
  bool halved(Index l) const { return half(l, 1) < n(l - 1); }
  // Multiply-adds of one example's forward pass.
  double work() const;

  // W[l] (n[l], n[l-1]) and b[l] (n[l]) in a flat vector; l = 1 ... L.
  template <class Pointer>
  auto W(Pointer flat, Index l) const {
    return Eigen::Map<MatrixOf<Pointer>>(flat + parameter_offset(l), n(l), n(l - 1));
  }
  template <class Pointer>
  auto b(Pointer flat, Index l) const {
    return Eigen::Map<VectorOf<Pointer>>(flat + parameter_offset(l) + n(l) * n(l - 1), n(l));
  }

  // Calls `use` with A[l-1]: X, which may be the caller's own memory, or a matrix of the cache.
  template <class Use>
  static void with_input(const Cache<Scalar>& cache, Index l, Use use) {
    if (l == 1)
      use(cache.X());
    else
      use(cache.A(l - 1));
  }
  // What g'[l] is computed from.
  auto derivative_cache(const Cache<Scalar>& cache, Index l, Slice slice) const {
    const bool from_A = derivative_from(g(l)) == DerivativeFrom::A;
    return (from_A ? cache.A(l) : cache.Z(l)).middleCols(slice.first, slice.count);
  }

  // How m examples are cut into slices.
  Slices slices(Index m) const;
  // For training they are wide enough to make a gradient of; a group of them makes it together.
  // One group: no gradients of slices but of the whole batch, tile by tile.
  Slices training_slices(Index m) const;
  Index gradient_groups(Index m) const;

  // A slice's way through the network: from X to the logits Z[L],
  void forward_slice(const Scalar* parameters, Slice slice, Cache<Scalar>& cache) const;
  // to A[L] = g(Z[L]),
  void output_slice(Slice slice, Cache<Scalar>& cache) const;
  // or, with a loss, to dZ[L] and the sum of the examples' weighted losses, fused where it can be,
  double loss_slice(const Loss& loss, Slice slice, const Target<Scalar>& target,
                    Cache<Scalar>& cache) const;
  // and back from dZ[L] to dZ[1], and to dX = dA[0] where it is asked for (may be null).
  void backward_slice(const Scalar* parameters, const TransposedWeights<Scalar>& transposed,
                      Slice slice, Cache<Scalar>& cache, Scalar* dX) const;
  // Then a tile's dW and db, from the whole batch: `tile.count` numbers.
  void gradient_tile(const Cache<Scalar>& cache, const Tile& tile, Scalar scale,
                     Scalar* gradients) const;
  // Or, slice by slice, what a slice adds to every dW and db, or begins it with.
  void gradient_slice(const Cache<Scalar>& cache, Slice slice, bool adds, Scalar* gradients) const;

  // The explicit steps. forward: X into the cache, A[l] and Z[l] of every layer.
  void forward(const Scalar* parameters, const Examples& X, Cache<Scalar>& cache) const;
  // backward: dA (n[L], m) of the per-example loss -> gradients (flat, times scale), dX (n[0], m) or null.
  void backward(const Scalar* parameters, const Scalar* dA, Scalar scale, Cache<Scalar>& cache,
                Scalar* gradients, Scalar* dX) const;

  // Inference keeps no cache: A[L] (n[L], m) into `output`. With a loss, returns the sum of the
  // examples' weighted losses, else 0. `interrupt` may end it early, with `output` unfinished.
  double infer(const Scalar* parameters, const Examples& X, Scalar* output, const Loss* loss,
               const Target<Scalar>& target, Interrupt& interrupt) const;

 private:
  template <class Pointer>
  using Constness = std::remove_pointer_t<Pointer>;
  template <class Pointer>
  using MatrixOf =
      std::conditional_t<std::is_const_v<Constness<Pointer>>, const Matrix<Scalar>, Matrix<Scalar>>;
  template <class Pointer>
  using VectorOf =
      std::conditional_t<std::is_const_v<Constness<Pointer>>, const Vector<Scalar>, Vector<Scalar>>;

  void cut_into_tiles();
  Slices slices_of(Index m, Index widest) const;

  std::vector<Index> units_;  // n[0] ... n[L]
  std::vector<Activation> activations_;
  std::vector<Index> offsets_;  // of W[l]; index 0 unused
  std::vector<Tile> tiles_;
  bool layerwise_ = false;
  Index parameter_count_ = 0;
};

// What the forward pass leaves for the backward pass: A[l-1] and Z[l] (W[l] and b[l] are the
// network's own), and room for dZ[l]; one cache serves one network. Grown once, then reused: the
// steady state allocates nothing.
template <class Scalar>
class Cache {
 public:
  // Where A[l] determines g'(Z[l]), training needs no Z[l]; `all` keeps it for a reader.
  enum class Keep { needed, all };

  void resize(const Network<Scalar>& network, Index m, Keep keep);
  // Takes examples order[first ...], or first ..., from X: in place where it can, else by gather.
  // `load` fills the columns of one slice, or some rows of them, on the thread that will use them.
  void bind(const Examples& X, const std::int64_t* order, Index first);
  void load(Slice slice) { load(slice, 0, n(0)); }
  void load(Slice slice, Index first_row, Index rows);

  Index m() const { return m_; }
  Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> X() const {
    return {X_, n(0), m_, Eigen::OuterStride<>(X_stride_)};
  }
  MatrixMap<Scalar> A(Index l) { return map(A_, l); }
  MatrixMap<Scalar> Z(Index l) { return map(Z_, l); }  // A[l] itself where Z[l] is not kept
  MatrixMap<Scalar> dZ(Index l) { return map(dZ_, l); }
  // Where the inputs are halved: the second half's share of Z[l].
  MatrixMap<Scalar> second_Z(Index l) { return map(second_Z_, l); }
  ConstMatrixMap<Scalar> A(Index l) const { return const_map(A_, l); }
  ConstMatrixMap<Scalar> Z(Index l) const { return const_map(Z_, l); }
  ConstMatrixMap<Scalar> dZ(Index l) const { return const_map(dZ_, l); }

 private:
  Index n(Index l) const { return units_[static_cast<std::size_t>(l)]; }
  MatrixMap<Scalar> map(const std::vector<Scalar*>& matrices, Index l) {
    return {matrices[static_cast<std::size_t>(l)], n(l), m_};
  }
  ConstMatrixMap<Scalar> const_map(const std::vector<Scalar*>& matrices, Index l) const {
    return {matrices[static_cast<std::size_t>(l)], n(l), m_};
  }

  Index m_ = 0, capacity_ = 0;
  Keep keep_ = Keep::needed;
  std::vector<Index> units_;
  Vector<Scalar> memory_;
  Scalar* gathered_ = nullptr;
  std::vector<Scalar*> A_, Z_, second_Z_, dZ_;
  Examples source_;
  const std::int64_t* order_ = nullptr;
  Index first_ = 0;
  const Scalar* X_ = nullptr;
  Index X_stride_ = 0;
};

// Every W[l]^T that a backward pass wants, kept so that one transposition serves all of its slices.
template <class Scalar>
class TransposedWeights {
 public:
  explicit TransposedWeights(const Network<Scalar>& network);
  // W[l]^T (n[l-1], n[l]), or null where it is not worth keeping.
  const Scalar* operator()(Index l) const { return at(l); }
  void copy(const Scalar* parameters);
  void copy(const Scalar* parameters, const Tile& tile);

 private:
  Scalar* at(Index l) const { return kept_[static_cast<std::size_t>(l)]; }

  const Network<Scalar>& network_;
  Vector<Scalar> memory_;
  std::vector<Scalar*> kept_;
};

}  // namespace deltarule
