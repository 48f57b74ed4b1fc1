// Normalisation: numbers brought to mean 0 and variance 1, over a batch (each unit) or over the units
// (each example); and the standardising layer, whose mean and deviation are given.
#pragma once

#include "base/view.hpp"

namespace deltarule {

// How every unit is normalised: (a - mean) inverse, where inverse = 1 / sqrt(variance + epsilon).
template <class Scalar>
struct UnitMoments {
  const Scalar *mean = nullptr, *inverse = nullptr;
};

template <class Scalar>
struct NormalizationKernels {
  // mean_i, and squares_i = sum_j (a_ij - mean_i)^2, over the columns of A (n, m)
  void (*column_moments)(View<const Scalar> A, Scalar* mean, Scalar* squares);

  // The moments of `total` columns and of `count` further ones, together (Chan et al. 1979).
  void (*merge_moments)(Index n, Index total, Scalar* mean, Scalar* squares, Index count,
                        const Scalar* more_mean, const Scalar* more_squares);

  // inverse_i = 1 / sqrt(variance_i + epsilon)
  void (*inverse_deviation)(Index n, const Scalar* variance, Scalar epsilon, Scalar* inverse);

  // Z = gamma (A - mean) inverse + beta; without gamma and beta (null), (A - mean) inverse
  void (*unit_forward)(View<const Scalar> A, UnitMoments<Scalar> moments, const Scalar* gamma,
                       const Scalar* beta, View<Scalar> Z);

  // d_gamma = scale sum_j dz_j (a_j - mean) inverse, d_beta = scale sum_j dz_j; with `adds`, added
  void (*unit_backward_parameters)(View<const Scalar> dZ, View<const Scalar> A,
                                   UnitMoments<Scalar> moments, Scalar scale, Scalar* d_gamma,
                                   Scalar* d_beta, bool adds);

  // dA = gamma inverse dZ where the moments are given; gamma may be null, for 1. dZ and dA may be the
  // same memory.
  void (*unit_backward_input)(View<const Scalar> dZ, UnitMoments<Scalar> moments,
                              const Scalar* gamma, View<Scalar> dA);

  // Where they are those of the batch of m columns that A is some of, with the sums of all its columns:
  // dA = gamma inverse (dZ - d_beta / m - x_hat d_gamma / m)
  void (*batch_backward_input)(View<const Scalar> dZ, View<const Scalar> A,
                               UnitMoments<Scalar> moments, const Scalar* gamma,
                               const Scalar* d_gamma, const Scalar* d_beta, Index m,
                               View<Scalar> dA);

  // z_ij = gamma_i x_hat_ij + beta_i, x_hat_ij = (a_ij - mean_j) inverse_j; `moments` (2, m), if not
  // null, keeps mean_j and inverse_j for the way back
  void (*layer_forward)(View<const Scalar> A, const Scalar* gamma, const Scalar* beta,
                        double epsilon, Scalar* moments, View<Scalar> Z);

  // With g_ij = gamma_i dz_ij: da_ij = inverse_j (g_ij - mean_i g_ij - x_hat_ij mean_i g_ij x_hat_ij)
  void (*layer_backward_input)(View<const Scalar> dZ, View<const Scalar> A,
                               View<const Scalar> moments, const Scalar* gamma, View<Scalar> dA);

  void (*layer_backward_parameters)(View<const Scalar> dZ, View<const Scalar> A,
                                    View<const Scalar> moments, Scalar scale, Scalar* d_gamma,
                                    Scalar* d_beta, bool adds);
};

template <class Scalar>
NormalizationKernels<Scalar> normalization_kernels();

}  // namespace deltarule
