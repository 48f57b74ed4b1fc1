#include "kernels/embedding.hpp"

#include "kernels/passing_columns.hpp"

#include <algorithm>

namespace deltarule {
namespace {

template <class Scalar>
Index code(Scalar a, Index categories) {
  if (!(a > Scalar(0))) return 0;  // NaN as well
  return a < static_cast<Scalar>(categories) ? static_cast<Index>(a) : categories - 1;
}

// Calls embed(column, row, table) for each column that is embedded, from `row` on: the first row of its
// vector in Z, and its table's offset.
template <class Embed>
void for_each_table(EmbeddedColumns columns, Index row, Embed embed) {
  Index table = 0;
  for (const EmbeddedColumn& column : columns) {
    embed(column, row, table);
    row += column.dimension;
    table += column.dimension * column.categories;
  }
}

template <class Scalar>
void embedding_forward(EmbeddedColumns columns, const Scalar* tables, View<const Scalar> A_prev,
                       View<Scalar> Z) {
  const Index passed = pass_forward(columns, A_prev, Z);
  for_each_table(columns, passed, [&](const EmbeddedColumn& c, Index row, Index table) {
    for (Index j = 0; j < Z.columns; ++j)
      std::copy_n(tables + table + code(A_prev(c.column, j), c.categories) * c.dimension,
                  c.dimension, Z.column(j) + row);
  });
}

template <class Scalar>
void embedding_backward_input(EmbeddedColumns columns, View<const Scalar> dZ,
                              View<Scalar> dA_prev) {
  pass_backward(columns, dZ, dA_prev);
  for (const EmbeddedColumn& c : columns)
    for (Index j = 0; j < dA_prev.columns; ++j) dA_prev(c.column, j) = Scalar(0);
}

template <class Scalar>
void embedding_backward_tables(EmbeddedColumns columns, View<const Scalar> dZ,
                               View<const Scalar> A_prev, Scalar scale, Scalar* d_tables,
                               bool adds) {
  const Index passed = passing(columns, A_prev.rows);
  for_each_table(columns, passed, [&](const EmbeddedColumn& c, Index row, Index table) {
    const View<Scalar> dE(d_tables + table, c.dimension, c.categories);
    if (!adds) std::fill_n(dE.data, dE.size(), Scalar(0));
    for (Index j = 0; j < dZ.columns; ++j) {
      const Scalar* const dz = dZ.column(j) + row;
      Scalar* const de = dE.column(code(A_prev(c.column, j), c.categories));
#pragma omp simd
      for (Index i = 0; i < c.dimension; ++i) de[i] += scale * dz[i];
    }
  });
}

}  // namespace

template <class Scalar>
EmbeddingKernels<Scalar> embedding_kernels() {
  return {.forward = embedding_forward<Scalar>,
          .backward_input = embedding_backward_input<Scalar>,
          .backward_tables = embedding_backward_tables<Scalar>};
}
template EmbeddingKernels<float> embedding_kernels();
template EmbeddingKernels<double> embedding_kernels();

}  // namespace deltarule
