// Embedding: a column of codes becomes the vectors that a table has for them.
#pragma once

#include "base/view.hpp"

#include <span>

namespace deltarule {

// Column `column` holds codes 0 ... categories - 1; its table is E (dimension, categories).
struct EmbeddedColumn {
  Index column, categories, dimension;
};
using EmbeddedColumns = std::span<const EmbeddedColumn>;

template <class Scalar>
struct EmbeddingKernels {
  // The columns that are not embedded, in their order, and below them E[:, code] of each that is.
  // A_prev (n_prev, m) -> Z (n, m); `tables` one after another. A code that is none counts as the
  // nearest, so that no number reads beside a table.
  void (*forward)(EmbeddedColumns columns, const Scalar* tables, View<const Scalar> A_prev,
                  View<Scalar> Z);

  // dA_prev: what passes; 0 for codes, which have no derivative.
  void (*backward_input)(EmbeddedColumns columns, View<const Scalar> dZ, View<Scalar> dA_prev);

  // dE[:, code] = scale sum of the dZ of the examples that have the code; with `adds`, added.
  void (*backward_tables)(EmbeddedColumns columns, View<const Scalar> dZ, View<const Scalar> A_prev,
                          Scalar scale, Scalar* d_tables, bool adds);
};

template <class Scalar>
EmbeddingKernels<Scalar> embedding_kernels();

}  // namespace deltarule
