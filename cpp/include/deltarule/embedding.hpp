// Embedding: a column of codes becomes the vectors that a table has for them.
#pragma once

#include "deltarule/types.hpp"

#include <span>

namespace deltarule {

// Column `column` holds codes 0 ... categories - 1; its table is E (dimension, categories).
struct EmbeddedColumn {
  Index column, categories, dimension;
};

// The columns that are not embedded, in their order, and below them E[:, code] of each that is.
// A_prev (n_prev, m) -> Z (n, m); `tables` one after another. A code that is none counts as the
// nearest, so that no number reads beside a table.
template <class Scalar>
void embedding_forward(std::span<const EmbeddedColumn> columns, const Scalar* tables,
                       const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z);

// dA_prev: what passes; 0 for codes, which have no derivative.
template <class Scalar>
void embedding_backward_input(std::span<const EmbeddedColumn> columns,
                              const ConstMatrixRef<Scalar>& dZ, MatrixRef<Scalar> dA_prev);

// dE[:, code] = scale sum of the dZ of the examples that have the code; with `adds`, added.
template <class Scalar>
void embedding_backward_tables(std::span<const EmbeddedColumn> columns,
                               const ConstMatrixRef<Scalar>& dZ,
                               const ConstMatrixRef<Scalar>& A_prev, Scalar scale, Scalar* d_tables,
                               bool adds = false);

}  // namespace deltarule
