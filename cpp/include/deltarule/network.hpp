// A network: layers in order over one flat parameter vector.
//
// A pass is cut into slices of examples, each of which runs through every layer on one thread, and
// the gradients into tiles of W; where the weights are many, layerwise.hpp cuts in another way. The
// cuts that a bit of the result depends on depend on shapes alone.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/dropout.hpp"
#include "deltarule/examples.hpp"
#include "deltarule/interrupt.hpp"
#include "deltarule/layer.hpp"
#include "deltarule/loss.hpp"
#include "deltarule/normalization.hpp"
#include "deltarule/types.hpp"

#include <algorithm>
#include <cstdint>
#include <variant>
#include <vector>

namespace deltarule {

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

// Columns [first_input, last_input) of W[l], and with the last of them b[l]; or all the parameters of
// a layer of another kind.
struct Tile {
  Index layer;
  Index first_input, last_input;
  bool with_bias;
  Index first, count;  // the range of the flat vectors
};

// What a layer's share of an update has of its own.
struct LayerRule {
  bool frozen = false;        // no update; a batch norm then keeps to its running moments
  double rate = 1.0;          // times the learning rate
  double l1 = 0.0, l2 = 0.0;  // the objective gains l1 sum |w| + l2/2 sum w^2 over W[l]
  double max_norm = 0.0;      // of a unit's weights, a row of W[l]; 0: none
};

// In what way a pass goes: in training, numbers are dropped and batches normalised by themselves.
struct Pass {
  bool training = false;
  std::uint64_t seed = 0, number = 0;
};

template <class Scalar>
class Cache;
template <class Scalar>
class TransposedWeights;

template <class Scalar>
class Network {
 public:
  // std::invalid_argument for no layers, no inputs, or a layer that cannot be.
  Network(Index inputs, const std::vector<Layer>& layers);

  Index depth() const { return static_cast<Index>(layers_.size()) - 1; }  // L
  Index n(Index l) const { return units_[static_cast<std::size_t>(l)]; }  // n[0] = inputs
  const Layer& layer(Index l) const { return layers_[static_cast<std::size_t>(l)]; }
  Activation g(Index l) const { return layer(l).activation; }
  bool embeds() const { return embeds_; }
  bool dense(Index l) const { return std::holds_alternative<Dense>(layer(l).kind); }
  Index parameter_count() const { return parameter_count_; }
  Index parameter_offset(Index l) const { return offsets_[static_cast<std::size_t>(l)]; }

  // What layers keep that no gradient reaches, in a flat vector of the network's own: the mean and the
  // variance of a batch norm and of a standardising layer.
  Vector<Scalar>& statistics() { return statistics_; }
  Index statistics_offset(Index l) const {
    return statistics_offsets_[static_cast<std::size_t>(l)];
  }
  bool normalizes_units(Index l) const;
  bool overwrites_input(Index l) const;  // an activation alone, of what nobody reads again
  Index cached_rows(Index l) const { return cached_rows_[static_cast<std::size_t>(l)]; }

  const LayerRule& rule(Index l) const { return rules_[static_cast<std::size_t>(l)]; }
  void set_rule(Index l, const LayerRule& rule);
  // The lowest layer that an update reaches; beyond L where none does.
  Index lowest_trained() const { return lowest_trained_; }
  // The layers that need a whole batch in training before one of its examples can pass.
  const std::vector<Index>& couplings() const { return couplings_; }
  bool penalized() const { return penalized_; }

  const std::vector<Tile>& tiles() const { return tiles_; }
  // Are the weights so many that each core had better keep to some of them?
  bool goes_layerwise() const { return layerwise_; }
  // Then the inputs of a layer are halved, where they are many: the first input of its half 0 or 1,
  // and for 2 the number of its inputs. Where they are few, half 0 has them all.
  Index half(Index l, Index h) const;
  bool halved(Index l) const { return half(l, 1) < n(l - 1); }
  // Has the first layer many inputs and few units? Then its tiles are the inputs in turn, so many at a
  // time as the forward product sums up, and a tile of their own for the biases.
  bool takes_inputs_in_turn() const;
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

  // A slice's way through layers first ... last: from X, where `first` is 1, to the logits Z[L],
  void forward_slice(const Scalar* parameters, Slice slice, Index first, Index last,
                     Cache<Scalar>& cache) const;
  // to A[L] = g(Z[L]),
  void output_slice(Slice slice, Cache<Scalar>& cache) const;
  // or, with a loss, to dZ[L] and the sum of the examples' weighted losses, fused where it can be,
  double loss_slice(const Loss& loss, Slice slice, const Target<Scalar>& target,
                    Cache<Scalar>& cache) const;
  // and back from dZ[first] to dZ[last], and for last = 0 to dX = dA[0] (may be null: then to dZ[1]).
  void backward_slice(const Scalar* parameters, const TransposedWeights<Scalar>& transposed,
                      Slice slice, Index first, Index last, Cache<Scalar>& cache, Scalar* dX) const;
  // One layer of it: Z[l] from A[l-1], and dA[l-1] from dZ[l]; and what skips layer l on its way back.
  void forward_layer(const Scalar* parameters, Slice slice, Index l, Cache<Scalar>& cache) const;
  void activate_slice(Slice slice, Index l, Cache<Scalar>& cache) const;
  void backward_layer(const Scalar* parameters, const TransposedWeights<Scalar>& transposed,
                      Slice slice, Index l, const Cache<Scalar>& cache,
                      MatrixRef<Scalar> dA_prev) const;
  void add_skipped(Index l, Slice slice, Index first_row, const Cache<Scalar>& cache,
                   MatrixRef<Scalar> dA) const;

  // Where layer l couples the examples of a batch: every slice is measured, then they are put together,
  // and the batch can pass; likewise on the way back.
  void measure_slice(Index l, Index s, Slice slice, Cache<Scalar>& cache) const;
  void measured(Index l, const Slices& slices, Cache<Scalar>& cache) const;
  void measure_slice_back(Index l, Index s, Slice slice, Cache<Scalar>& cache) const;
  void measured_back(Index l, const Slices& slices, Cache<Scalar>& cache) const;
  // Begins a pass of a bound cache: the moments that are given are made ready.
  void begin(const Pass& pass, const Slices& slices, Cache<Scalar>& cache) const;
  // Did no batch's moments overflow? Its cost may be finite even so.
  bool finite_moments(const Cache<Scalar>& cache) const;
  // After an update: the weights of a unit, a row of W[l], are shortened to their layer's greatest norm.
  bool limits_norms() const { return limits_norms_; }
  void limit_norms(Scalar* parameters, int threads) const;
  // After a training step: the running moments move towards the batch's.
  void keep_moments(const Cache<Scalar>& cache);

  // Then a tile's gradients, from the whole batch: `tile.count` numbers.
  void gradient_tile(const Cache<Scalar>& cache, const Tile& tile, Scalar scale,
                     Scalar* gradients) const;
  // Or, slice by slice, what a slice adds to every gradient, or begins it with.
  void gradient_slice(const Cache<Scalar>& cache, Slice slice, bool adds, Scalar* gradients) const;

  // The explicit steps. forward: X into the cache, A[l] and Z[l] of every layer.
  void forward(const Scalar* parameters, const Examples& X, const Pass& pass,
               Cache<Scalar>& cache) const;
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
  // What layer l, which is not dense, adds to the gradient of its parameters.
  void gradient_of(Index l, const Cache<Scalar>& cache, Slice slice, Scalar scale, bool adds,
                   Scalar* gradients) const;
  // A step of inference: from `in` to `out`, which may be the same memory where n is.
  void infer_layer(const Scalar* parameters, Index l, const ConstMatrixRef<Scalar>& in,
                   const ConstMatrixRef<Scalar>& skipped, const Scalar* inverse,
                   MatrixRef<Scalar> out) const;
  const Scalar* running_mean(Index l) const { return statistics_.data() + statistics_offset(l); }
  const Scalar* running_variance(Index l) const { return running_mean(l) + n(l); }
  void inverse_deviation(Index l, Scalar* inverse) const;  // 1 / sqrt(variance + epsilon)

  bool activates_input(Index l, const Cache<Scalar>& cache) const;

  std::vector<Layer> layers_;  // index 0 unused, here and below
  std::vector<Index> units_;   // n[0] ... n[L]
  std::vector<Index> offsets_, statistics_offsets_, cached_rows_;
  std::vector<LayerRule> rules_;
  std::vector<std::vector<Index>> skips_;  // the layers that add A[l]
  Index kept_for_later_ = 0;               // how many A[l] there are that others add
  bool embeds_ = false;
  std::vector<Index> couplings_;
  Index lowest_trained_ = 1;
  bool penalized_ = false, limits_norms_ = false;
  Vector<Scalar> statistics_;
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

  // The pass that the cache is for, with the layers that couple its examples (a layer that is frozen
  // before the way back changes no pass), and where its first column stands in the batch.
  void begin(const Pass& pass, const std::vector<Index>& couplings, Index first_of_batch) {
    pass_ = pass;
    couplings_ = couplings;
    first_of_batch_ = first_of_batch;
  }
  const Pass& pass() const { return pass_; }
  const std::vector<Index>& couplings() const { return couplings_; }
  bool couples(Index l) const {
    return std::find(couplings_.begin(), couplings_.end(), l) != couplings_.end();
  }
  void set_first_of_batch(Index first) { first_of_batch_ = first; }
  Index first_of_batch() const { return first_of_batch_; }

  Index m() const { return m_; }
  Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> X() const {
    return {X_, n(0), m_, Eigen::OuterStride<>(X_stride_)};
  }
  MatrixMap<Scalar> A(Index l) { return map(A_, l); }
  MatrixMap<Scalar> Z(Index l) { return map(Z_, l); }  // A[l] itself where Z[l] is not kept
  MatrixMap<Scalar> dZ(Index l) { return map(dZ_, l); }
  // Where the inputs are halved: the second half's share of Z[l].
  MatrixMap<Scalar> second_Z(Index l) { return map(second_Z_, l); }
  // A layer's own numbers of each example: a mask, or an example's moments.
  MatrixMap<Scalar> own(Index l) {
    return {own_[static_cast<std::size_t>(l)], own_rows_[static_cast<std::size_t>(l)], m_};
  }
  ConstMatrixMap<Scalar> own(Index l) const {
    return {own_[static_cast<std::size_t>(l)], own_rows_[static_cast<std::size_t>(l)], m_};
  }
  // A normalising layer's numbers of each unit: those of the batch, and a column a slice on the way.
  enum UnitColumn { mean, inverse, variance, d_gamma, d_beta, unit_columns };
  MatrixMap<Scalar> of_units(Index l) {
    return {units_room_[static_cast<std::size_t>(l)].data(), n(l), unit_columns};
  }
  ConstMatrixMap<Scalar> of_units(Index l) const {
    return {units_room_[static_cast<std::size_t>(l)].data(), n(l), unit_columns};
  }
  MatrixMap<Scalar> of_slices(Index l, Index slices) {
    Vector<Scalar>& room = slices_room_[static_cast<std::size_t>(l)];
    return {room.data(), 2 * n(l), slices};
  }
  void make_room_for_slices(Index l, Index slices) {
    make_room(slices_room_[static_cast<std::size_t>(l)], 2 * n(l) * slices);
  }
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

  Index m_ = 0, capacity_ = -1;  // columns that there is room for; -1: nothing is there
  Keep keep_ = Keep::needed;
  std::vector<Index> units_;
  Vector<Scalar> memory_;
  Scalar* gathered_ = nullptr;
  std::vector<Scalar*> A_, Z_, second_Z_, dZ_, own_;
  std::vector<Index> own_rows_;
  std::vector<Vector<Scalar>> units_room_, slices_room_;
  Pass pass_;
  std::vector<Index> couplings_;
  Index first_of_batch_ = 0;
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
