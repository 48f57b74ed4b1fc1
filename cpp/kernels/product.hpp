// C = alpha A B + bias: the product that every layer's forward and backward step is made of.
#pragma once

#include "base/view.hpp"
#include "kernels/dense.hpp"

namespace deltarule {

// Terms that are summed up before their sum is added to C. Every way of making a product keeps to
// these blocks, so that it is a matter of speed alone which way is taken, and how C is cut for it.
template <class Scalar>
constexpr Index terms_a_block = 2048 / static_cast<Index>(sizeof(Scalar));

// A factor that may lie either way round: element (p, j) is data[p * row_stride + j * column_stride].
template <class Scalar>
struct Factor {
  const Scalar* data;
  Index row_stride, column_stride;
};

// A (n, k) with contiguous columns, B (k, m), bias (n) or null -> C (n, m) with contiguous columns;
// with `adds`, C += alpha A B.
//
// The bits of C depend on the numbers and the shapes alone: not on where the matrices lie in memory,
// and not on the sizes of this machine's caches. Of what is `upcoming`, a cache line a term comes nearer
// meanwhile, where the product is made in place.
template <class Scalar>
void product(Scalar alpha, const View<const Scalar>& A, const Factor<Scalar>& B, const Scalar* bias,
             const View<Scalar>& C, bool adds, Upcoming upcoming);

// The same for a B with contiguous columns, as in the forward step, along which the sums of few rows
// run. The bits depend on A's shape as well.
template <class Scalar>
void product_along_columns(Scalar alpha, const View<const Scalar>& A, const View<const Scalar>& B,
                           const Scalar* bias, const View<Scalar>& C, bool adds);

// C = A^T B;  A (k, n), B (k, m) with contiguous columns -> C (n, m). `A_transposed` (n, k), its columns
// `stride` apart, is the caller's copy of A^T; without one, A is transposed as it is copied.
template <class Scalar>
void transposed_product(const View<const Scalar>& A, const Scalar* A_transposed, Index stride,
                        const View<const Scalar>& B, const View<Scalar>& C);

// Is a product with a first factor of n by k numbers made in place, or on copies?
template <class Scalar>
bool made_in_place(Index n, Index k);

// c = alpha sum_columns A, or with `adds` c += that
template <class Scalar>
void row_sums(Scalar alpha, const View<const Scalar>& A, Scalar* c, bool adds);

// B := A^T
template <class Scalar>
void transpose(const View<const Scalar>& A, const View<Scalar>& B);

}  // namespace deltarule
