// Inverted dropout: Z = A_prev * mask, where the mask is 0 with probability `rate`, to within 2^-17, and
// otherwise one over the probability of that.
#pragma once

#include "base/view.hpp"

#include <cstdint>

namespace deltarule {

// Where a mask comes from: a number of it depends on these, its unit and its example alone, so that
// the cut of a batch changes no bit.
struct DropoutKey {
  std::uint64_t seed = 0, pass = 0;  // `pass` counts the training passes of a network
  std::uint32_t layer = 0;
};

template <class Scalar>
struct DropoutKernels {
  // mask (n, m) of examples first ... first + m of a batch.
  void (*mask)(double rate, const DropoutKey& key, Index first, View<Scalar> mask);
  // Z = A_prev * mask, and backward dA_prev = dZ * mask
  void (*apply)(View<const Scalar> in, View<const Scalar> mask, View<Scalar> out);
};

template <class Scalar>
DropoutKernels<Scalar> dropout_kernels();

}  // namespace deltarule
