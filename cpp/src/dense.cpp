#include "deltarule/dense.hpp"

#include "product.hpp"

namespace deltarule {

template <class Scalar>
void dense_forward(const ConstMatrixRef<Scalar>& W, const ConstVectorRef<Scalar>& b,
                   const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z) {
  eigen_assert(W.cols() == A_prev.rows() && W.rows() == b.size());
  product_along_columns<Scalar>(Scalar(1), W, A_prev, b.data(), Z);
}

template <class Scalar>
void dense_forward_without_bias(const ConstMatrixRef<Scalar>& W,
                                const ConstMatrixRef<Scalar>& A_prev, MatrixRef<Scalar> Z,
                                bool adds) {
  eigen_assert(W.cols() == A_prev.rows());
  product_along_columns<Scalar>(Scalar(1), W, A_prev, nullptr, Z, adds);
}

template <class Scalar>
Index inputs_in_turn() {
  return terms_a_block<Scalar>;
}

template <class Scalar>
void dense_backward_input(const ConstMatrixRef<Scalar>& W, const ConstMatrixRef<Scalar>& dZ,
                          MatrixRef<Scalar> dA_prev, const Scalar* W_transposed, Index stride) {
  eigen_assert(W.rows() == dZ.rows() && W.cols() == dA_prev.rows());
  transposed_product<Scalar>(W, W_transposed, stride == 0 ? W.cols() : stride, dZ, dA_prev);
}

template <class Scalar>
void dense_backward_weights(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A_prev,
                            Scalar scale, MatrixRef<Scalar> dW, bool adds, Upcoming upcoming) {
  eigen_assert(dZ.cols() == A_prev.cols());
  product<Scalar>(scale, dZ, {A_prev.data(), A_prev.outerStride(), 1}, nullptr, dW, adds, upcoming);
}

template <class Scalar>
void dense_backward_bias(const ConstMatrixRef<Scalar>& dZ, Scalar scale, VectorRef<Scalar> db,
                         bool adds) {
  row_sums<Scalar>(scale, dZ, db, adds);
}

template <class Scalar>
bool product_in_place(Index n, Index n_prev) {
  return made_in_place<Scalar>(n, n_prev);
}

template <class Scalar>
bool wants_transposed_weights(Index n, Index n_prev) {
  return n > 1 && made_in_place<Scalar>(n, n_prev);
}

template <class Scalar>
void transpose_weights(const ConstMatrixRef<Scalar>& W, MatrixRef<Scalar> W_transposed) {
  transpose<Scalar>(W, W_transposed);
}

#define DELTARULE_INSTANTIATE(Scalar)                                                          \
  template void dense_forward<Scalar>(const ConstMatrixRef<Scalar>&,                           \
                                      const ConstVectorRef<Scalar>&,                           \
                                      const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);       \
  template void dense_forward_without_bias<Scalar>(                                            \
      const ConstMatrixRef<Scalar>&, const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>, bool);  \
  template Index inputs_in_turn<Scalar>();                                                     \
  template void dense_backward_input<Scalar>(const ConstMatrixRef<Scalar>&,                    \
                                             const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>, \
                                             const Scalar*, Index);                            \
  template void dense_backward_weights<Scalar>(const ConstMatrixRef<Scalar>&,                  \
                                               const ConstMatrixRef<Scalar>&, Scalar,          \
                                               MatrixRef<Scalar>, bool, Upcoming);             \
  template void dense_backward_bias<Scalar>(const ConstMatrixRef<Scalar>&, Scalar,             \
                                            VectorRef<Scalar>, bool);                          \
  template bool product_in_place<Scalar>(Index, Index);                                        \
  template bool wants_transposed_weights<Scalar>(Index, Index);                                \
  template void transpose_weights<Scalar>(const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
