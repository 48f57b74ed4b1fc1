// Activations: A = g(Z) and dZ = dA * g'(Z).
#pragma once

#include "deltarule/types.hpp"

#include <span>
#include <string_view>

namespace deltarule {

enum class Activation {
  identity,
  sigmoid,
  tanh,
  relu,
  leaky_relu,  // slope 0.01 below zero
  elu,
  gelu,       // z Phi(z)
  gelu_tanh,  // its tanh approximation
  silu,
  softplus,
  exponential,
  softmax,  // over each column
};

struct ActivationName {
  std::string_view name;
  Activation activation;
};
std::span<const ActivationName> activation_names();

// What g' is computed from. Where A = g(Z) determines it exactly, training keeps A alone.
enum class DerivativeFrom { A, Z };
DerivativeFrom derivative_from(Activation activation);

// A = g(Z); Z and A (n, m) may be the same memory.
template <class Scalar>
void activation_forward(Activation activation, const ConstMatrixRef<Scalar>& Z,
                        MatrixRef<Scalar> A);

// dZ = dA * g'(Z); `cache` is A or Z, as derivative_from says. dA and dZ may be the same memory.
template <class Scalar>
void activation_backward(Activation activation, const ConstMatrixRef<Scalar>& dA,
                         const ConstMatrixRef<Scalar>& cache, MatrixRef<Scalar> dZ);

}  // namespace deltarule
