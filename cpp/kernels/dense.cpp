#include "kernels/dense.hpp"

#include "kernels/product.hpp"

#include <cassert>

namespace deltarule {
namespace {

template <class Scalar>
void dense_forward(View<const Scalar> W, const Scalar* b, View<const Scalar> A_prev, View<Scalar> Z,
                   bool adds) {
  assert(W.columns == A_prev.rows && W.rows == Z.rows);
  product_along_columns<Scalar>(Scalar(1), W, A_prev, b, Z, adds);
}

template <class Scalar>
void dense_backward_input(View<const Scalar> W, View<const Scalar> dZ, View<Scalar> dA_prev,
                          const Scalar* W_transposed, Index stride) {
  assert(W.rows == dZ.rows && W.columns == dA_prev.rows);
  transposed_product<Scalar>(W, W_transposed, stride, dZ, dA_prev);
}

template <class Scalar>
void dense_backward_weights(View<const Scalar> dZ, View<const Scalar> A_prev, Scalar scale,
                            View<Scalar> dW, bool adds, Upcoming upcoming) {
  assert(dZ.columns == A_prev.columns && dZ.rows == dW.rows && A_prev.rows == dW.columns);
  product<Scalar>(scale, dZ, {A_prev.data, A_prev.stride, 1}, nullptr, dW, adds, upcoming);
}

template <class Scalar>
void dense_backward_bias(View<const Scalar> dZ, Scalar scale, Scalar* db, bool adds) {
  row_sums<Scalar>(scale, dZ, db, adds);
}

template <class Scalar>
bool wants_transposed(Index n, Index n_prev) {
  return n > 1 && made_in_place<Scalar>(n, n_prev);
}

template <class Scalar>
void transposed(View<const Scalar> W, View<Scalar> W_transposed) {
  transpose<Scalar>(W, W_transposed);
}

}  // namespace

template <class Scalar>
DenseKernels<Scalar> dense_kernels() {
  return {.forward = dense_forward<Scalar>,
          .inputs_in_turn = terms_a_block<Scalar>,
          .backward_input = dense_backward_input<Scalar>,
          .backward_weights = dense_backward_weights<Scalar>,
          .backward_bias = dense_backward_bias<Scalar>,
          .in_place = made_in_place<Scalar>,
          .wants_transposed = wants_transposed<Scalar>,
          .transpose = transposed<Scalar>};
}
template DenseKernels<float> dense_kernels();
template DenseKernels<double> dense_kernels();

}  // namespace deltarule
