// Piecewise linear: a number becomes how far it has come through each of its bins, and a vector that is
// linear within each of them (Gorishniy et al. 2022).
#pragma once

#include "base/view.hpp"

#include <span>

namespace deltarule {

// Input `column` has T = `bins` bins, whose edges e_0 < e_1 < ... < e_T begin with number `first_edge`.
struct BinnedColumn {
  Index column, bins, first_edge;
};

// Of bin t, a number x has come through f_t = (x - e_t) / (e_t+1 - e_t), held to 0 from below and 1 from
// above but for the first bin, which goes on below, and the last one, which goes on above.
template <class Scalar>
struct PiecewiseShape {
  std::span<const BinnedColumn> columns;  // in ascending order
  const Scalar* edges;
  Index dimension;  // d, the numbers that a column becomes; 0: f itself, a number a bin
  bool linear;      // is there a linear term?
};

template <class Scalar>
struct PiecewiseLinearKernels {
  // The inputs that pass, in their order, and below them z = W f + v x + b of each column, or f.
  // A_prev (n_prev, m) -> Z (n, m); the parameters: W (d, bins) of each column, v (d, columns) where
  // there is a linear term, b (d, columns).
  void (*forward)(const PiecewiseShape<Scalar>& shape, const Scalar* parameters,
                  View<const Scalar> A_prev, View<Scalar> Z);

  void (*backward_input)(const PiecewiseShape<Scalar>& shape, const Scalar* parameters,
                         View<const Scalar> dZ, View<const Scalar> A_prev, View<Scalar> dA_prev);

  // scale sum_columns ...; with `adds`, added.
  void (*backward_parameters)(const PiecewiseShape<Scalar>& shape, View<const Scalar> dZ,
                              View<const Scalar> A_prev, Scalar scale, Scalar* gradients,
                              bool adds);
};

template <class Scalar>
PiecewiseLinearKernels<Scalar> piecewise_linear_kernels();

}  // namespace deltarule
