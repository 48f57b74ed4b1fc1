// What the forward pass leaves for the backward pass: A[l-1] and Z[l] (W[l] and b[l] are the network's
// own), and room for dZ[l]. One cache serves one network.
#pragma once

#include "network/batch_input.hpp"
#include "network/coupling.hpp"
#include "network/workspace.hpp"

#include <cstdint>

namespace deltarule {

// In what way a pass goes: in training, numbers are dropped and batches normalised by themselves.
struct Pass {
  bool training = false;
  std::uint64_t seed = 0, number = 0;
};

template <class Scalar>
struct Cache {
  Pass pass;
  Index first_of_batch = 0;  // where the first column stands in the batch
  BatchInput<Scalar> input;
  Workspace<Scalar> workspace;
  Coupling<Scalar> coupling;
  Buffer<double> means;  // of the inputs, where the first layer standardises

  Cache() = default;
  Cache(Cache&&) =
      default;  // it points into memory of its own: a copy would point into the other's
  Cache& operator=(Cache&&) = default;

  Index m() const { return workspace.m(); }
  // Once the pass has begun.
  void bind(const Examples& X, const std::int64_t* order, Index first) {
    input.bind(X, order, first, m(), workspace.gathered(),
               means.size() > 0 ? means.data() : nullptr);
  }

  View<const Scalar> X() const { return input.X(); }
  View<const Scalar> A(Index l) const { return l == 0 ? X() : View<const Scalar>(workspace.A(l)); }
  View<const Scalar> Z(Index l) const { return workspace.Z(l); }
  View<const Scalar> dZ(Index l) const { return workspace.dZ(l); }
};

}  // namespace deltarule
