// Normalisation: numbers brought to mean 0 and variance 1, over a batch (each unit) or over the units
// (each example); and the standardising layer, whose mean and deviation are given.
#pragma once

#include "deltarule/types.hpp"

namespace deltarule {

// mean_i, and squares_i = sum_j (a_ij - mean_i)^2, over the columns of A (n, m)
template <class Scalar>
void column_moments(const ConstMatrixRef<Scalar>& A, VectorRef<Scalar> mean,
                    VectorRef<Scalar> squares);

// The moments of `total` columns and of `count` further ones, together (Chan et al. 1979).
template <class Scalar>
void merge_moments(Index total, VectorRef<Scalar> mean, VectorRef<Scalar> squares, Index count,
                   const ConstVectorRef<Scalar>& more_mean,
                   const ConstVectorRef<Scalar>& more_squares);

// How every unit is normalised: (a - mean) inverse, where inverse = 1 / sqrt(variance + epsilon).
template <class Scalar>
struct UnitMoments {
  ConstVectorMap<Scalar> mean, inverse;
};

// Z = gamma (A - mean) inverse + beta; without gamma and beta (null), (A - mean) inverse
template <class Scalar>
void unit_norm_forward(const ConstMatrixRef<Scalar>& A, const UnitMoments<Scalar>& moments,
                       const Scalar* gamma, const Scalar* beta, MatrixRef<Scalar> Z);

// d_gamma = scale sum_j dz_j (a_j - mean) inverse, d_beta = scale sum_j dz_j; with `adds`, added
template <class Scalar>
void unit_norm_backward_parameters(const ConstMatrixRef<Scalar>& dZ,
                                   const ConstMatrixRef<Scalar>& A,
                                   const UnitMoments<Scalar>& moments, Scalar scale,
                                   VectorRef<Scalar> d_gamma, VectorRef<Scalar> d_beta,
                                   bool adds = false);

// dA = gamma inverse dZ where the moments are given; gamma may be null, for 1. dZ and dA may be the
// same memory.
template <class Scalar>
void unit_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const UnitMoments<Scalar>& moments,
                              const Scalar* gamma, MatrixRef<Scalar> dA);

// Where they are those of the batch of m columns that A is some of, with the sums of all its columns:
// dA = gamma inverse (dZ - d_beta / m - x_hat d_gamma / m)
template <class Scalar>
void batch_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                               const UnitMoments<Scalar>& moments, const Scalar* gamma,
                               const Scalar* d_gamma, const Scalar* d_beta, Index m,
                               MatrixRef<Scalar> dA);

// z_ij = gamma_i x_hat_ij + beta_i, x_hat_ij = (a_ij - mean_j) inverse_j; `moments` (2, m), if not
// null, keeps mean_j and inverse_j for the way back
template <class Scalar>
void layer_norm_forward(const ConstMatrixRef<Scalar>& A, const Scalar* gamma, const Scalar* beta,
                        double epsilon, Scalar* moments, MatrixRef<Scalar> Z);

// With g_ij = gamma_i dz_ij: da_ij = inverse_j (g_ij - mean_i g_ij - x_hat_ij mean_i g_ij x_hat_ij)
template <class Scalar>
void layer_norm_backward_input(const ConstMatrixRef<Scalar>& dZ, const ConstMatrixRef<Scalar>& A,
                               const ConstMatrixRef<Scalar>& moments, const Scalar* gamma,
                               MatrixRef<Scalar> dA);

template <class Scalar>
void layer_norm_backward_parameters(const ConstMatrixRef<Scalar>& dZ,
                                    const ConstMatrixRef<Scalar>& A,
                                    const ConstMatrixRef<Scalar>& moments, Scalar scale,
                                    VectorRef<Scalar> d_gamma, VectorRef<Scalar> d_beta,
                                    bool adds = false);

}  // namespace deltarule
