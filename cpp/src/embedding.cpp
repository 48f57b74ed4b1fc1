#include "deltarule/embedding.hpp"

#include <algorithm>

namespace deltarule {
namespace {

template <class Scalar>
Index code(Scalar a, Index categories) {
  if (!(a > Scalar(0))) return 0;  // NaN as well
  return a < static_cast<Scalar>(categories) ? static_cast<Index>(a) : categories - 1;
}

// Calls pass(from, to) for each input that is not embedded, its row in A_prev and in Z, and
// embed(column, row, table) for each that is: the first row of its vector, and its table's offset.
template <class Pass, class Embed>
void for_each_input(std::span<const EmbeddedColumn> columns, Index n_prev, Pass pass, Embed embed) {
  Index row = 0;
  for (Index i = 0; i < n_prev; ++i)
    if (std::none_of(columns.begin(), columns.end(), [i](const auto& c) { return c.column == i; }))
      pass(i, row++);
  Index table = 0;
  for (const EmbeddedColumn& column : columns) {
    embed(column, row, table);
    row += column.dimension;
    table += column.dimension * column.categories;
  }
}

}  // namespace

template <class Scalar>
void embedding_forward(std::span<const EmbeddedColumn> columns, const Scalar* tables,
                       const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z) {
  for_each_input(
      columns, A_prev.rows(), [&](Index from, Index to) { Z.row(to) = A_prev.row(from); },
      [&](const EmbeddedColumn& c, Index row, Index table) {
        for (Index j = 0; j < Z.cols(); ++j)
          std::copy_n(tables + table + code(A_prev(c.column, j), c.categories) * c.dimension,
                      c.dimension, Z.col(j).data() + row);
      });
}

template <class Scalar>
void embedding_backward_input(std::span<const EmbeddedColumn> columns,
                              const ConstMatrixRef<Scalar>& dZ, MatrixRef<Scalar> dA_prev) {
  for_each_input(
      columns, dA_prev.rows(), [&](Index from, Index to) { dA_prev.row(from) = dZ.row(to); },
      [&](const EmbeddedColumn& c, Index, Index) { dA_prev.row(c.column).setZero(); });
}

template <class Scalar>
void embedding_backward_tables(std::span<const EmbeddedColumn> columns,
                               const ConstMatrixRef<Scalar>& dZ,
                               const ConstMatrixRef<Scalar>& A_prev, Scalar scale, Scalar* d_tables,
                               bool adds) {
  for_each_input(
      columns, A_prev.rows(), [](Index, Index) {},
      [&](const EmbeddedColumn& c, Index row, Index table) {
        MatrixMap<Scalar> dE(d_tables + table, c.dimension, c.categories);
        if (!adds) dE.setZero();
        for (Index j = 0; j < dZ.cols(); ++j)
          dE.col(code(A_prev(c.column, j), c.categories)) +=
              scale * dZ.col(j).segment(row, c.dimension);
      });
}

#define DELTARULE_INSTANTIATE(Scalar)                                                        \
  template void embedding_forward<Scalar>(std::span<const EmbeddedColumn>, const Scalar*,    \
                                          const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>); \
  template void embedding_backward_input<Scalar>(                                            \
      std::span<const EmbeddedColumn>, const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);    \
  template void embedding_backward_tables<Scalar>(                                           \
      std::span<const EmbeddedColumn>, const ConstMatrixRef<Scalar>&,                        \
      const ConstMatrixRef<Scalar>&, Scalar, Scalar*, bool);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
