// The dense layer: Z = W A_prev + b forward; dW, db and dA_prev backward.
#pragma once

#include "base/view.hpp"

namespace deltarule {

// Memory that is about to be read.
struct Upcoming {
  const void* first = nullptr;
  Index bytes = 0;
};

template <class Scalar>
struct DenseKernels {
  // Z = W A_prev + b;  W (n, n_prev), b (n) or null, A_prev (n_prev, m) -> Z (n, m); with `adds`,
  // Z += W A_prev. Inputs that come in turn, inputs_in_turn at a time, give the bits of all at once,
  // unless there is one unit alone.
  void (*forward)(View<const Scalar> W, const Scalar* b, View<const Scalar> A_prev, View<Scalar> Z,
                  bool adds);
  Index inputs_in_turn;

  // dA_prev = W^T dZ;  W (n, n_prev), dZ (n, m) -> dA_prev (n_prev, m). A caller who keeps W^T
  // (n_prev, n), its columns `stride` apart, hands it over and saves the copy that is made otherwise.
  void (*backward_input)(View<const Scalar> W, View<const Scalar> dZ, View<Scalar> dA_prev,
                         const Scalar* W_transposed, Index stride);

  // dW = scale dZ A_prev^T, with scale = 1/m, or 1/sum(w);  dZ (n, m), A_prev (n_prev, m) -> dW; with
  // `adds`, added to what is in dW, and likewise below. What is `upcoming` is fetched meanwhile.
  void (*backward_weights)(View<const Scalar> dZ, View<const Scalar> A_prev, Scalar scale,
                           View<Scalar> dW, bool adds, Upcoming upcoming);

  // db = scale sum_columns dZ;  dZ (n, m) -> db (n)
  void (*backward_bias)(View<const Scalar> dZ, Scalar scale, Scalar* db, bool adds);

  // Is the forward product of such a layer done in place, or on copies of its factors?
  bool (*in_place)(Index n, Index n_prev);
  // Is W^T (n_prev, n) worth keeping? Then one copy serves every slice of a batch.
  bool (*wants_transposed)(Index n, Index n_prev);
  void (*transpose)(View<const Scalar> W, View<Scalar> W_transposed);
};

template <class Scalar>
DenseKernels<Scalar> dense_kernels();

}  // namespace deltarule
