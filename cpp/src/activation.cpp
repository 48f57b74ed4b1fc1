#include "deltarule/activation.hpp"

#include "deltarule/elementary.hpp"
#include "elementwise.hpp"
#include "side_by_side.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace deltarule {
namespace {

constexpr double leaky_slope = 0.01;

constexpr std::array names{
    ActivationName{"identity", Activation::identity},
    ActivationName{"sigmoid", Activation::sigmoid},
    ActivationName{"tanh", Activation::tanh},
    ActivationName{"relu", Activation::relu},
    ActivationName{"leaky_relu", Activation::leaky_relu},
    ActivationName{"elu", Activation::elu},
    ActivationName{"gelu", Activation::gelu},
    ActivationName{"gelu_tanh", Activation::gelu_tanh},
    ActivationName{"silu", Activation::silu},
    ActivationName{"softplus", Activation::softplus},
    ActivationName{"exponential", Activation::exponential},
    ActivationName{"softmax", Activation::softmax},
};

// GELU's tanh form: z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3)
template <class Scalar>
struct GeluTanh {
  static constexpr Scalar scale = Scalar(0.7978845608028654), cubic = Scalar(0.044715);
  static Scalar inner(Scalar z) { return scale * (z + cubic * z * z * z); }
};

// Phi(z), the standard normal distribution
template <class Scalar>
Scalar normal_cdf(Scalar z) {
  return std::erfc(-z / std::numbers::sqrt2_v<Scalar>) / Scalar(2);
}

// `value`, unless x is NaN
template <class Scalar>
Scalar keep_nan(Scalar x, Scalar value) {
  return x == x ? value : x;
}

// z where it matters: past this, z times a sigmoid or Phi of it is 0, and -Inf times 0 is not
template <class Scalar>
Scalar above_underflow(Scalar z) {
  return z < Scalar(-1000) ? Scalar(-1000) : z;
}

// One row an activation: g, and g' as a function of A or Z (see derivative_from).
template <class Scalar, Activation>
struct Formula;

#define DELTARULE_FORMULA(name) \
  template <class Scalar>       \
  struct Formula<Scalar, Activation::name>

DELTARULE_FORMULA(identity) {
  static Scalar g(Scalar z) { return z; }
  static Scalar derivative(Scalar) { return Scalar(1); }
};

DELTARULE_FORMULA(sigmoid) {
  static Scalar g(Scalar z) { return elementary::sigmoid(z); }
  static Scalar derivative(Scalar a) { return a * (Scalar(1) - a); }
};

DELTARULE_FORMULA(tanh) {
  static Scalar g(Scalar z) { return elementary::tanh(z); }
  static Scalar derivative(Scalar a) { return Scalar(1) - a * a; }
};

DELTARULE_FORMULA(relu) {
  // Written so that NaN passes: max(0, z) would drop it.
  static Scalar g(Scalar z) { return z < Scalar(0) ? Scalar(0) : z; }
  static Scalar derivative(Scalar a) { return a > Scalar(0) ? Scalar(1) : a * Scalar(0); }
};

DELTARULE_FORMULA(leaky_relu) {
  static Scalar g(Scalar z) { return z < Scalar(0) ? Scalar(leaky_slope) * z : z; }
  static Scalar derivative(Scalar a) {
    return keep_nan(a, a > Scalar(0) ? Scalar(1) : Scalar(leaky_slope));
  }
};

// e^z - 1 below zero; A + 1 = e^z is g'
DELTARULE_FORMULA(elu) {
  static Scalar g(Scalar z) { return z < Scalar(0) ? elementary::expm1_of_negative(z) : z; }
  static Scalar derivative(Scalar a) {
    return keep_nan(a, a < Scalar(0) ? a + Scalar(1) : Scalar(1));
  }
};

DELTARULE_FORMULA(gelu) {
  static Scalar g(Scalar z) { return above_underflow(z) * normal_cdf(z); }
  static Scalar derivative(Scalar z) {
    constexpr Scalar density_at_0 =
        std::numbers::inv_sqrtpi_v<Scalar> / std::numbers::sqrt2_v<Scalar>;
    const Scalar density = density_at_0 * elementary::exp(-z * z / Scalar(2));
    return normal_cdf(z) + (density == Scalar(0) ? Scalar(0) : z * density);
  }
};

DELTARULE_FORMULA(gelu_tanh) {
  static Scalar g(Scalar z) {
    return above_underflow(z) / Scalar(2) *
           (Scalar(1) + elementary::tanh(GeluTanh<Scalar>::inner(z)));
  }
  static Scalar derivative(Scalar unbounded) {
    using G = GeluTanh<Scalar>;
    // At 20 the tanh is 1 to the last bit; far beyond, z^3 would overflow and meet a zero.
    Scalar z = unbounded < Scalar(-20) ? Scalar(-20) : unbounded;
    z = z > Scalar(20) ? Scalar(20) : z;
    const Scalar t = elementary::tanh(G::inner(z));
    const Scalar inner_derivative = G::scale * (Scalar(1) + Scalar(3) * G::cubic * z * z);
    return (Scalar(1) + t) / Scalar(2) + z / Scalar(2) * (Scalar(1) - t * t) * inner_derivative;
  }
};

DELTARULE_FORMULA(silu) {
  static Scalar g(Scalar z) { return above_underflow(z) * elementary::sigmoid(z); }
  static Scalar derivative(Scalar z) {
    const Scalar s = elementary::sigmoid(z);
    const Scalar below = above_underflow(z);
    return s * (Scalar(1) + (below > Scalar(1000) ? Scalar(1000) : below) * (Scalar(1) - s));
  }
};

DELTARULE_FORMULA(softplus) {
  static Scalar g(Scalar z) { return elementary::softplus(z); }
  static Scalar derivative(Scalar z) { return elementary::sigmoid(z); }
};

DELTARULE_FORMULA(exponential) {
  static Scalar g(Scalar z) { return elementary::exp(z); }
  static Scalar derivative(Scalar a) { return a; }
};

#undef DELTARULE_FORMULA

// Calls `visit` with the element-wise formula of `activation`.
template <class Scalar, class Visit>
void with_formula(Activation activation, Visit visit) {
  switch (activation) {
    case Activation::identity: return visit(Formula<Scalar, Activation::identity>{});
    case Activation::sigmoid: return visit(Formula<Scalar, Activation::sigmoid>{});
    case Activation::tanh: return visit(Formula<Scalar, Activation::tanh>{});
    case Activation::relu: return visit(Formula<Scalar, Activation::relu>{});
    case Activation::leaky_relu: return visit(Formula<Scalar, Activation::leaky_relu>{});
    case Activation::elu: return visit(Formula<Scalar, Activation::elu>{});
    case Activation::gelu: return visit(Formula<Scalar, Activation::gelu>{});
    case Activation::gelu_tanh: return visit(Formula<Scalar, Activation::gelu_tanh>{});
    case Activation::silu: return visit(Formula<Scalar, Activation::silu>{});
    case Activation::softplus: return visit(Formula<Scalar, Activation::softplus>{});
    case Activation::exponential: return visit(Formula<Scalar, Activation::exponential>{});
    case Activation::softmax: break;  // couples the units of a column: below
  }
}

// a_i = e^(z_i - max z) / sum_k e^(z_k - max z), over each column
template <class Scalar>
void softmax_forward(const ConstMatrixRef<Scalar>& Z, MatrixRef<Scalar>& A) {
  constexpr Index together = SideBySide<Scalar, 1>::together;
  const Index n = Z.rows(), m = Z.cols();
  if (m < together / 4) {  // too few to work on side by side; the bits are the same
    for (Index j = 0; j < m; ++j) {
      const Scalar largest = largest_of(Z.col(j).data(), n);
      transform(n, Z.col(j).data(), A.col(j).data(),
                [largest](Scalar z) { return elementary::exp(z - largest); });
      Scalar sum = 0;
      for (Index i = 0; i < n; ++i) sum += A(i, j);
      A.col(j) /= sum;
    }
    return;
  }
  SideBySide<Scalar, 1> examples(n);
  auto E = examples[0];
  for (Index first = 0; first < m; first += together) {
    const Index count = std::min(together, m - first);
    examples.load(0, Z, first, count);
    const auto sum = examples.exponentials(0, examples.largest(0));
    for (Index i = 0; i < n; ++i) {
      Scalar* const e = E.col(i).data();
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) e[j] /= sum[j];
    }
    examples.store(0, A, first, count);
  }
}

// dz_i = a_i (da_i - sum_k a_k da_k), over each column
template <class Scalar>
void softmax_backward(const ConstMatrixRef<Scalar>& dA, const ConstMatrixRef<Scalar>& A,
                      MatrixRef<Scalar>& dZ) {
  for (Index j = 0; j < A.cols(); ++j) {
    Scalar mean = 0;
    for (Index i = 0; i < A.rows(); ++i) mean += A(i, j) * dA(i, j);
    dZ.col(j) = A.col(j).array() * (dA.col(j).array() - mean);
  }
}

}  // namespace

std::span<const ActivationName> activation_names() { return names; }

DerivativeFrom derivative_from(Activation activation) {
  switch (activation) {
    case Activation::gelu:
    case Activation::gelu_tanh:
    case Activation::silu:
    case Activation::softplus: return DerivativeFrom::Z;
    default: return DerivativeFrom::A;
  }
}

template <class Scalar>
void activation_forward(Activation activation, const ConstMatrixRef<Scalar>& Z,
                        MatrixRef<Scalar> A) {
  if (activation == Activation::softmax) return softmax_forward(Z, A);
  if (activation == Activation::identity && Z.data() == A.data()) return;
  with_formula<Scalar>(activation, [&](auto formula) {
    map_elements(Z, A, [](Scalar z) { return decltype(formula)::g(z); });
  });
}

template <class Scalar>
void activation_backward(Activation activation, const ConstMatrixRef<Scalar>& dA,
                         const ConstMatrixRef<Scalar>& cache, MatrixRef<Scalar> dZ) {
  if (activation == Activation::softmax) return softmax_backward(dA, cache, dZ);
  if (activation == Activation::identity && dA.data() == dZ.data()) return;
  with_formula<Scalar>(activation, [&](auto formula) {
    map_elements(dA, cache, dZ,
                 [](Scalar da, Scalar c) { return da * decltype(formula)::derivative(c); });
  });
}

#define DELTARULE_INSTANTIATE(Scalar)                                                  \
  template void activation_forward<Scalar>(Activation, const ConstMatrixRef<Scalar>&,  \
                                           MatrixRef<Scalar>);                         \
  template void activation_backward<Scalar>(Activation, const ConstMatrixRef<Scalar>&, \
                                            const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
