// The dense layer: Z = W A_prev + b forward; dW, db and dA_prev backward.
#pragma once

#include "deltarule/types.hpp"

namespace deltarule {

// Z = W A_prev + b;  W (n, n_prev), b (n), A_prev (n_prev, m) -> Z (n, m)
template <class Scalar>
void dense_forward(const ConstMatrixRef<Scalar>& W, const ConstVectorRef<Scalar>& b,
                   const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z);

// Z = W A_prev, the share of some of a layer's inputs; with `adds`, Z += that. Inputs that come in turn,
// so many at a time, give the bits of all at once, unless there is one unit alone.
template <class Scalar>
void dense_forward_without_bias(const ConstMatrixRef<Scalar>& W,
                                const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z,
                                bool adds = false);
template <class Scalar>
Index inputs_in_turn();

// dA_prev = W^T dZ;  W (n, n_prev), dZ (n, m) -> dA_prev (n_prev, m). A caller who keeps W^T
// (n_prev, n), its columns `stride` apart or dense, hands it over and saves the copy that is made
// otherwise.
template <class Scalar>
void dense_backward_input(const ConstMatrixRef<Scalar>& W, const ConstMatrixRef<Scalar>& dZ,
                          MatrixRef<Scalar> dA_prev, const Scalar* W_transposed = nullptr,
                          Index stride = 0);

// Is the forward product of such a layer done in place, or on copies of its factors?
template <class Scalar>
bool product_in_place(Index n, Index n_prev);

// Is W^T (n_prev, n) worth keeping? Then one copy serves every slice of a batch.
template <class Scalar>
bool wants_transposed_weights(Index n, Index n_prev);
template <class Scalar>
void transpose_weights(const ConstMatrixRef<Scalar>& W, MatrixRef<Scalar> W_transposed);

// dW = scale dZ A_prev^T, with scale = 1/m, or 1/sum(w);  dZ (n, m), A_prev (n_prev, m) -> dW; with
// `adds`, added to what is in dW, and likewise below. What is `upcoming` is fetched meanwhile.
template <class Scalar>
void dense_backward_weights(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A_prev,
                            Scalar scale, MatrixRef<Scalar> dW, bool adds = false,
                            Upcoming upcoming = {});

// db = scale sum_columns dZ;  dZ (n, m) -> db (n)
template <class Scalar>
void dense_backward_bias(const ConstMatrixRef<Scalar>& dZ, Scalar scale, VectorRef<Scalar> db,
                         bool adds = false);

}  // namespace deltarule
