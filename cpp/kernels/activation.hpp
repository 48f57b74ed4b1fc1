// Activations: A = g(Z) and dZ = dA * g'(Z).
#pragma once

#include "base/view.hpp"

#include <cstdint>

namespace deltarule {

// An activation by its place in the table of activation.cpp, whose first is the identity.
struct Activation {
  std::uint8_t row = 0;
  friend bool operator==(Activation, Activation) = default;
};
constexpr Activation identity{};

// What g' is computed from. Where A = g(Z) determines it exactly, training keeps A alone.
enum class DerivativeFrom : std::uint8_t { A, Z };

struct ActivationRow {
  const char* name;
  DerivativeFrom derivative_from;
  bool couples_units;  // a_i depends on every z of its column, as in softmax
};

// One function an activation, in the table's order.
template <class Scalar>
struct ActivationKernels {
  // A = g(Z); Z and A (n, m) may be the same memory.
  void (*const* forward)(View<const Scalar> Z, View<Scalar> A);
  // dZ = dA * g'(Z); `cache` is A or Z, as derivative_from says. dA and dZ may be the same memory.
  void (*const* backward)(View<const Scalar> dA, View<const Scalar> cache, View<Scalar> dZ);
};

template <class Scalar>
ActivationKernels<Scalar> activation_kernels();

}  // namespace deltarule
