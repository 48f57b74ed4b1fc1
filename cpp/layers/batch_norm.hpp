// Each unit to mean 0 and variance 1 over the batch, then gamma times it plus beta; in inference, and
// where it is frozen, by the running mean and variance (Ioffe & Szegedy 2015).
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

namespace deltarule {

struct BatchNorm {
  double momentum = 0.1, epsilon = 1e-5;

  static constexpr const char* name = "batch_norm";
  static constexpr std::tuple fields{Field{"momentum", &BatchNorm::momentum},
                                     Field{"epsilon", &BatchNorm::epsilon}};
  static constexpr LayerTraits traits{.normalizes_units = true, .couples_examples = true};

  LayerSizes sizes(Index n_prev, const std::string&) const {
    return {.n = n_prev, .parameters = 2 * n_prev, .statistics = 2 * n_prev};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    const Scalar* const gamma = c.parameters;
    kernels<Scalar>().normalization.unit_forward(c.A_prev, c.moments, gamma, gamma + c.Z.rows, c.Z);
  }

  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    const Scalar* const gamma = c.parameters;
    const NormalizationKernels<Scalar>& normalization = kernels<Scalar>().normalization;
    if (c.d_gamma)
      normalization.batch_backward_input(c.dZ, c.A_prev, c.moments, gamma, c.d_gamma, c.d_beta, c.m,
                                         c.dA_prev);
    else
      normalization.unit_backward_input(c.dZ, c.moments, gamma, c.dA_prev);
  }

  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    const Index n = c.dZ.rows;
    Scalar *const d_gamma = c.gradients, *const d_beta = c.gradients + n;
    if (!c.d_gamma)
      return kernels<Scalar>().normalization.unit_backward_parameters(
          c.dZ, c.A_prev, c.moments, c.scale, d_gamma, d_beta, c.adds);
    // The batch's sums are there already; its first columns answer for all.
    const Scalar share = c.first_of_batch ? c.scale : Scalar(0);
    for (Index i = 0; i < n; ++i) {
      d_gamma[i] = (c.adds ? d_gamma[i] : Scalar(0)) + share * c.d_gamma[i];
      d_beta[i] = (c.adds ? d_beta[i] : Scalar(0)) + share * c.d_beta[i];
    }
  }
};

}  // namespace deltarule
