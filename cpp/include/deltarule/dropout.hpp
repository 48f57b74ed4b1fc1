// Inverted dropout: Z = A_prev * mask, where the mask is 0 with probability `rate`, to within 2^-17, and
// otherwise one over the probability of that.
#pragma once

#include "deltarule/types.hpp"

#include <cstdint>

namespace deltarule {

// Where a mask comes from: a number of it depends on these, its unit and its example alone, so that
// the cut of a batch changes no bit.
struct DropoutKey {
  std::uint64_t seed = 0, pass = 0;  // `pass` counts the training passes of a network
  std::uint32_t layer = 0;
};

// mask (n, m) of examples first ... first + m of a batch.
template <class Scalar>
void dropout_mask(double rate, const DropoutKey& key, Index first, MatrixRef<Scalar> mask);

// Z = A_prev * mask, and backward dA_prev = dZ * mask
template <class Scalar>
void dropout_apply(const ConstMatrixRef<Scalar>& in, const ConstMatrixRef<Scalar>& mask,
                   MatrixRef<Scalar> out);

}  // namespace deltarule
