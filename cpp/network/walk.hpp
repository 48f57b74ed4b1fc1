// A slice of examples on its way through the layers of a network, and back.
#pragma once

#include "network/network.hpp"
#include "network/transposed_weights.hpp"

namespace deltarule {

// Columns of a matrix.
template <class Number>
View<Number> columns(View<Number> matrix, Slice slice) {
  return matrix.middle_columns(slice.first, slice.count);
}

template <class Scalar>
class Walk {
 public:
  // Without transposed weights there is no way back.
  Walk(const Network<Scalar>& network, const Scalar* parameters, Cache<Scalar>& cache,
       const TransposedWeights<Scalar>* transposed = nullptr)
      : network_(network),
        layout_(network.layout()),
        parameters_(parameters),
        transposed_(transposed),
        cache_(cache) {}

  // Through layers first ... last: from X, where `first` is 1, to the logits Z[L],
  void forward(Slice slice, Index first, Index last) const;
  // to A[L] = g(Z[L]),
  void output(Slice slice) const;
  // or, with a loss, to dZ[L] and the sum of the examples' weighted losses, fused where it can be,
  double loss(const Loss& loss, Slice slice, const Target<Scalar>& target) const;
  // or from dA[L], which lies dense, to dZ[L],
  void output_backward(Slice slice, const Scalar* dA) const;
  // and back from dZ[first] to dZ[last], and for last = 0 to dX = dA[0] (may be null: then to dZ[1]).
  void backward(Slice slice, Index first, Index last, Scalar* dX) const;

  // One layer of it: Z[l] from A[l-1], A[l] from Z[l],
  void forward_layer(Slice slice, Index l) const;
  void activate_layer(Slice slice, Index l) const;
  // and what of A[l] skips the next layers on its way back: rows from `first_row` on of dA[l].
  void add_skipped(Index l, Slice slice, Index first_row, View<Scalar> dA) const;
  // What g'[l] is computed from.
  View<const Scalar> derivative_cache(Index l, Slice slice) const {
    const bool from_A = row_of(layout_.g(l)).derivative_from == DerivativeFrom::A;
    return columns(from_A ? cache_.A(l) : cache_.Z(l), slice);
  }

  // Where layer l couples the batch: slice s is measured, on its way and on its way back.
  void measure(Index l, Index s, Slice slice) const {
    cache_.coupling.measure(l, s, columns(cache_.A(l - 1), slice));
  }
  void measure_back(Index l, Index s, Slice slice) const {
    cache_.coupling.measure_back(l, s, columns(cache_.A(l - 1), slice),
                                 columns(cache_.dZ(l), slice));
  }

  // A tile's gradients, from the whole batch: `tile.count` numbers,
  void gradient_of_tile(const Tile& tile, Scalar scale, Scalar* gradients) const;
  // or, slice by slice, what a slice adds to every gradient, or begins it with.
  void gradient_of_slice(Slice slice, bool adds, Scalar* gradients) const;

 private:
  bool activates_input(Index l) const;
  void backward_layer(Slice slice, Index l, View<Scalar> dA_prev) const;
  void fill(BackwardContext<Scalar>& context, Index l, Slice slice) const;
  void gradient_of(Index l, GradientContext<Scalar> context) const;

  const Network<Scalar>& network_;
  const Layout& layout_;
  const Scalar* parameters_;
  const TransposedWeights<Scalar>* transposed_;
  Cache<Scalar>& cache_;
};

// Slices in stages, at each of whose ends a layer couples the batch: every slice has to come so far before
// one of them can go on. `for_each_slice(use)` calls use(s) for each, and returns when all are done.
// Returns the layer that the last stage, which is the caller's, begins with.
template <class Scalar, class ForEachSlice>
Index forward_to_last_stage(const Walk<Scalar>& walk, const Layout& layout,
                            Coupling<Scalar>& coupling, const Slices& slices,
                            ForEachSlice for_each_slice) {
  Index first = 1;
  for (const Index l : coupling.coupled()) {
    for_each_slice([&](Index s) {
      walk.forward(slices[s], first, l - 1);
      walk.measure(l, s, slices[s]);
    });
    coupling.put_together(layout.layer(l), l, slices);
    first = l;
  }
  return first;
}

}  // namespace deltarule
