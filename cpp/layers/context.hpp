// What a layer says of itself, and what it sees of a pass: some examples of a batch, on their way.
#pragma once

#include "base/sizes.hpp"
#include "base/view.hpp"
#include "kernels/dropout.hpp"
#include "kernels/normalization.hpp"

#include <string>

namespace deltarule {

// How many units a layer has, and how many parameters, statistics, and cached numbers of each example.
// Statistics are what it keeps that no gradient reaches.
struct LayerSizes {
  Index n, parameters = 0, statistics = 0, cached = 0;
};

// In what a kind of layer differs from the others for those who drive it.
struct LayerTraits {
  bool dense = false;             // has W and b, which are cut into tiles and multiplied in halves
  bool activation_alone = false;  // Z = A_prev
  bool passes_back = false;       // done with dZ number by number: dA_prev may take its place
  bool normalizes_units = false;  // has a mean and a variance of each unit as its statistics
  bool couples_examples = false;  // in training, measures the batch before one example can pass
  bool embeds = false;            // takes codes, which are to be checked
};

// A hyper-parameter of a kind, by the name that descriptions have for it.
template <class Kind, class Value>
struct Field {
  const char* name;
  Value Kind::* value;
};
template <class Kind, class Value>
Field(const char*, Value Kind::*) -> Field<Kind, Value>;

// Z = f(A_prev)
template <class Scalar>
struct ForwardContext {
  const Scalar* parameters;     // the layer's own
  UnitMoments<Scalar> moments;  // where it normalises units: the batch's, or the running ones
  View<const Scalar> A_prev;    // (n_prev, m)
  View<const Scalar> added;     // where it adds an earlier layer's output: that (n, m)
  View<Scalar> Z;               // (n, m)
  View<Scalar> own;             // the cached numbers (cached, m); without data in inference
  bool training = false;
  DropoutKey key{};
  Index first_example = 0;  // where the first column stands in its batch
};

// What the way back has of a layer.
template <class Scalar>
struct BackwardContext {
  const Scalar* parameters;
  UnitMoments<Scalar> moments;
  View<const Scalar> A_prev, own, dZ;
  bool training = false;
  // Where it couples the m examples of its batch, the sums over all of them; else null.
  const Scalar *d_gamma = nullptr, *d_beta = nullptr;
  Index m = 0;
};

// dA_prev from dZ
template <class Scalar>
struct InputContext : BackwardContext<Scalar> {
  View<Scalar> dA_prev;                  // may be the memory of dZ where the traits allow it
  const Scalar* W_transposed = nullptr;  // W^T (n_prev, n), where a dense layer's is kept
  Index transposed_stride = 0;
};

// The gradient of the layer's parameters, scale sum_columns ..., or with `adds` added to what is there.
template <class Scalar>
struct GradientContext : BackwardContext<Scalar> {
  Scalar scale;
  bool adds;
  Scalar* gradients;
  // Of a dense layer A_prev may be some of its inputs: then with W's columns for them, and b or not.
  bool with_bias = true;
  bool first_of_batch = true;  // are these the first columns of the batch?
};

}  // namespace deltarule
