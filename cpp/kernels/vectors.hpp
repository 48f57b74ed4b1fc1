// Loops over vectors and matrices that no layer owns: sums, penalties, clipping, averages.
#pragma once

#include "base/view.hpp"

namespace deltarule {

template <class Scalar>
struct VectorKernels {
  // C := A, C := A + B, and C += A
  void (*copy)(View<const Scalar> A, View<Scalar> C);
  void (*add)(View<const Scalar> A, View<const Scalar> B, View<Scalar> C);
  void (*add_to)(View<const Scalar> A, View<Scalar> C);

  // x := factor x
  void (*scale)(Index count, Scalar factor, Scalar* x);
  // x += share (factor y - x): running moments and moving averages
  void (*move_towards)(Index count, Scalar share, Scalar factor, const Scalar* y, Scalar* x);
  // to := scale (part_0 + part_1 + ... ), 2 or more of them, `stride` numbers apart
  void (*add_parts)(Index count, const Scalar* parts, Index stride, Index part_count, Scalar scale,
                    Scalar* to);

  // g += l1 sign w + l2 w;  returns sum (l1 |w| + l2/2 w^2)
  double (*penalize)(Index count, double l1, double l2, const Scalar* w, Scalar* g);
  // g := min(max(g, -most), most); NaN stays NaN
  void (*clip)(Index count, Scalar most, Scalar* g);
  double (*sum_of_squares)(Index count, const Scalar* g);
  // Every row of W that is longer than `most` is shortened to it.
  void (*limit_row_norms)(View<Scalar> W, Scalar most);
};

template <class Scalar>
VectorKernels<Scalar> vector_kernels();

}  // namespace deltarule
