// A training pass layer by layer, for networks whose weights are many.
//
// Every W[l] is cut down the middle of its inputs, and Z[l] = b + W' A' + W" A" is the sum of what the
// two halves say. A thread that has a half of W[l] multiplies by it, makes the same half of the rows of
// A[l-1] and dZ[l-1], and updates it, so that of the weights and their moments nothing passes from one
// core's cache to the other's. With more threads than two, each half's examples are shared out. Layers
// of another kind are shared out by examples.
#pragma once

#include "base/interrupt.hpp"
#include "network/walk.hpp"

namespace deltarule {

template <class Scalar>
class Layerwise {
 public:
  Layerwise(const Network<Scalar>& network, const Scalar* parameters,
            const TransposedWeights<Scalar>& transposed, Cache<Scalar>& cache, int threads,
            Interrupt& interrupt)
      : network_(network),
        layout_(network.layout()),
        plan_(network.plan()),
        parameters_(parameters),
        transposed_(transposed),
        cache_(cache),
        walk_(network, parameters, cache, &transposed),
        threads_(threads),
        interrupt_(interrupt) {}

  // From the examples, or from a Z[1] that is there already, to the logits Z[L],
  void forward(bool first_product_is_made) const;
  // and from dZ[L] to dZ[1].
  void backward() const;

 private:
  // Calls use(half, slice) for each part of what layer l has to do: `halves` (2, or 1) by examples.
  template <class Use>
  void for_each_part(Index l, Index halves, Use use) const;
  // The same for a layer that is not dense: `use(slice)`.
  template <class Use>
  void for_each_columns(Use use) const;
  // Calls use(s, slice) for slices that do not depend on the number of threads.
  template <class Use>
  void for_each_slice(Use use) const;
  void load() const;
  void dense_backward(Index l) const;
  void multiply(Index l) const;
  void multiply_half(Index l, Index h, Slice slice) const;
  void activate_parts(Index l) const;

  const Network<Scalar>& network_;
  const Layout& layout_;
  const Plan<Scalar>& plan_;
  const Scalar* parameters_;
  const TransposedWeights<Scalar>& transposed_;
  Cache<Scalar>& cache_;
  Walk<Scalar> walk_;
  int threads_;
  Interrupt& interrupt_;
};

}  // namespace deltarule
