#include "kernels/activation.hpp"

#include "kernels/elementary.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/kernels.hpp"
#include "kernels/rows.hpp"
#include "kernels/side_by_side.hpp"
#include "kernels/tanh_registers.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <numbers>
#include <string_view>
#include <type_traits>

namespace deltarule {
namespace {

using enum DerivativeFrom;

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

// The formulas ------------------------------------------------------------------------------------
// An activation is g of one number, and its derivative as a function of a = g(z) or of z: `from` says
// which.

struct Identity {
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return z;
  }
  template <class Scalar>
  static Scalar derivative(Scalar) {
    return Scalar(1);
  }
};

struct Sigmoid {
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return elementary::sigmoid(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return a * (Scalar(1) - a);
  }
};

struct Tanh {
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return elementary::tanh(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return Scalar(1) - a * a;
  }
};

struct Relu {
  static constexpr DerivativeFrom from = A;
  // Written so that NaN passes: max(0, z) would drop it.
  template <class Scalar>
  static Scalar g(Scalar z) {
    return z < Scalar(0) ? Scalar(0) : z;
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return a > Scalar(0) ? Scalar(1) : a * Scalar(0);
  }
};

struct LeakyRelu {
  static constexpr double slope = 0.01;
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return z < Scalar(0) ? Scalar(slope) * z : z;
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return keep_nan(a, a > Scalar(0) ? Scalar(1) : Scalar(slope));
  }
};

// e^z - 1 below zero; A + 1 = e^z is g'
struct Elu {
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return z < Scalar(0) ? elementary::expm1_of_negative(z) : z;
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return keep_nan(a, a < Scalar(0) ? a + Scalar(1) : Scalar(1));
  }
};

// z Phi(z), of the standard normal distribution
struct Gelu {
  static constexpr DerivativeFrom from = Z;
  template <class Scalar>
  static Scalar phi(Scalar z) {
    return std::erfc(-z / std::numbers::sqrt2_v<Scalar>) / Scalar(2);
  }
  template <class Scalar>
  static Scalar g(Scalar z) {
    return above_underflow(z) * phi(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar z) {
    constexpr Scalar density_at_0 =
        std::numbers::inv_sqrtpi_v<Scalar> / std::numbers::sqrt2_v<Scalar>;
    const Scalar density = density_at_0 * elementary::exp(-z * z / Scalar(2));
    return phi(z) + (density == Scalar(0) ? Scalar(0) : z * density);
  }
};

// GELU's tanh form: z/2 (1 + tanh u), u = sqrt(2/pi) (z + 0.044715 z^3)
struct GeluTanh {
  static constexpr DerivativeFrom from = Z;
  template <class Scalar>
  static constexpr Scalar scale = Scalar(0.7978845608028654);
  template <class Scalar>
  static constexpr Scalar cubic = Scalar(0.044715);
  template <class Scalar>
  static Scalar inner(Scalar z) {
    return scale<Scalar> * (z + cubic<Scalar> * z * z * z);
  }
  template <class Scalar>
  static Scalar g(Scalar z) {
    return above_underflow(z) / Scalar(2) * (Scalar(1) + elementary::tanh(inner(z)));
  }
  template <class Scalar>
  static Scalar derivative(Scalar unbounded) {
    // At 20 the tanh is 1 to the last bit; far beyond, z^3 would overflow and meet a zero.
    Scalar z = unbounded < Scalar(-20) ? Scalar(-20) : unbounded;
    z = z > Scalar(20) ? Scalar(20) : z;
    const Scalar t = elementary::tanh(inner(z));
    const Scalar inner_derivative = scale<Scalar> * (Scalar(1) + Scalar(3) * cubic<Scalar> * z * z);
    return (Scalar(1) + t) / Scalar(2) + z / Scalar(2) * (Scalar(1) - t * t) * inner_derivative;
  }
};

struct Silu {
  static constexpr DerivativeFrom from = Z;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return above_underflow(z) * elementary::sigmoid(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar z) {
    const Scalar s = elementary::sigmoid(z);
    const Scalar below = above_underflow(z);
    return s * (Scalar(1) + (below > Scalar(1000) ? Scalar(1000) : below) * (Scalar(1) - s));
  }
};

struct Softplus {
  static constexpr DerivativeFrom from = Z;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return elementary::softplus(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar z) {
    return elementary::sigmoid(z);
  }
};

struct Exponential {
  static constexpr DerivativeFrom from = A;
  template <class Scalar>
  static Scalar g(Scalar z) {
    return elementary::exp(z);
  }
  template <class Scalar>
  static Scalar derivative(Scalar a) {
    return a;
  }
};

// The functions over matrices ---------------------------------------------------------------------

// A formula that has another writing, of so many numbers at a time and to the same bits, where that is
// faster on this instruction set.
template <class Formula, class Scalar>
struct Registers {};
#if defined(__AVX2__) && !defined(__AVX512F__)
template <class Scalar>
struct Registers<Tanh, Scalar> : TanhRegisters<Scalar> {};
#endif

template <class Formula, class Scalar>
void forward_run(Index size, const Scalar* z, Scalar* a) {
  Index done = 0;
  if constexpr (requires { Registers<Formula, Scalar>::numbers; }) {
    constexpr Index numbers = Registers<Formula, Scalar>::numbers;
    for (; done + numbers <= size; done += numbers)
      Registers<Formula, Scalar>::run(z + done, a + done);
  }
  transform(size - done, z + done, a + done, [](Scalar of_one) { return Formula::g(of_one); });
}

template <class Formula, class Scalar>
void forward(View<const Scalar> Z, View<Scalar> A) {
  if (std::is_same_v<Formula, Identity> && Z.data == A.data) return;
  if (Z.contiguous() && A.contiguous()) return forward_run<Formula>(Z.size(), Z.data, A.data);
  for (Index j = 0; j < Z.columns; ++j) forward_run<Formula>(Z.rows, Z.column(j), A.column(j));
}

template <class Formula, class Scalar>
void backward(View<const Scalar> dA, View<const Scalar> cache, View<Scalar> dZ) {
  if (std::is_same_v<Formula, Identity> && dA.data == dZ.data) return;
  map_elements<Scalar>(dA, cache, dZ,
                       [](Scalar da, Scalar c) { return da * Formula::derivative(c); });
}

// a_i = e^(z_i - max z) / sum_k e^(z_k - max z), over each column
template <class Scalar>
void softmax_forward(View<const Scalar> Z, View<Scalar> A) {
  constexpr Index together = SideBySide<Scalar, 1>::together;
  const Index n = Z.rows, m = Z.columns;
  if (n == 0) return;
  if (m < together / 4) {  // too few to work on side by side; the bits are the same
    for (Index j = 0; j < m; ++j) {
      Scalar* const a = A.column(j);
      const Scalar largest = largest_of(Z.column(j), n);
      transform(n, Z.column(j), a, [largest](Scalar z) { return elementary::exp(z - largest); });
      Scalar sum = 0;
      for (Index i = 0; i < n; ++i) sum += a[i];
#pragma omp simd
      for (Index i = 0; i < n; ++i) a[i] /= sum;
    }
    return;
  }
  SideBySide<Scalar, 1> examples(n);
  const View<Scalar> E = examples[0];
  for (Index first = 0; first < m; first += together) {
    const Index count = std::min(together, m - first);
    examples.load(0, Z, first, count);
    const auto sum = examples.exponentials(0, examples.largest(0));
    for (Index i = 0; i < n; ++i) {
      Scalar* const e = E.column(i);
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) e[j] /= sum[j];
    }
    examples.store(0, A, first, count);
  }
}

// dz_i = a_i (da_i - sum_k a_k da_k), over each column
template <class Scalar>
void softmax_backward(View<const Scalar> dA, View<const Scalar> A, View<Scalar> dZ) {
  const Index n = A.rows;
  for (Index j = 0; j < A.columns; ++j) {
    const Scalar *const a = A.column(j), *const da = dA.column(j);
    Scalar* const dz = dZ.column(j);
    Scalar mean = 0;
    for (Index i = 0; i < n; ++i) mean += a[i] * da[i];
#pragma omp simd
    for (Index i = 0; i < n; ++i) dz[i] = a[i] * (da[i] - mean);
  }
}

// The table ---------------------------------------------------------------------------------------

template <class Scalar>
struct Functions {
  void (*forward)(View<const Scalar> Z, View<Scalar> A);
  void (*backward)(View<const Scalar> dA, View<const Scalar> cache, View<Scalar> dZ);
};

struct Row {
  ActivationRow row;
  Functions<float> of_float;
  Functions<double> of_double;

  template <class Scalar>
  constexpr const Functions<Scalar>& of() const {
    if constexpr (std::is_same_v<Scalar, float>)
      return of_float;
    else
      return of_double;
  }
};

template <class Formula>
concept SaysWhatItsDerivativeIsFrom = requires {
  { Formula::from } -> std::same_as<const DerivativeFrom&>;
};
template <class Formula>
concept HasG = requires(float x, double y) {
  { Formula::g(x) } -> std::same_as<float>;
  { Formula::g(y) } -> std::same_as<double>;
};
template <class Formula>
concept HasDerivative = requires(float x, double y) {
  { Formula::derivative(x) } -> std::same_as<float>;
  { Formula::derivative(y) } -> std::same_as<double>;
};

template <class Formula>
consteval Row row(const char* name) {
  static_assert(HasG<Formula>, "an activation has a static g(z) for float and double");
  static_assert(HasDerivative<Formula>,
                "an activation has a static derivative(a) or derivative(z) for float and double");
  static_assert(SaysWhatItsDerivativeIsFrom<Formula>,
                "an activation has a `static constexpr DerivativeFrom from`: A or Z");
  return {{name, Formula::from, false},
          {forward<Formula, float>, backward<Formula, float>},
          {forward<Formula, double>, backward<Formula, double>}};
}

constexpr Row rows[] = {
    row<Identity>("identity"),
    row<Sigmoid>("sigmoid"),
    row<Tanh>("tanh"),
    row<Relu>("relu"),
    row<LeakyRelu>("leaky_relu"),
    row<Elu>("elu"),
    row<Gelu>("gelu"),
    row<GeluTanh>("gelu_tanh"),
    row<Silu>("silu"),
    row<Softplus>("softplus"),
    row<Exponential>("exponential"),
    {{"softmax", A, true},
     {softmax_forward<float>, softmax_backward<float>},
     {softmax_forward<double>, softmax_backward<double>}},
};
static_assert(std::string_view(rows[identity.row].row.name) == "identity");

constexpr auto rows_of_all = of_rows(rows, [](const Row& row) { return row.row; });
template <class Scalar>
constexpr auto forward_of = of_rows(rows, [](const Row& row) { return row.of<Scalar>().forward; });
template <class Scalar>
constexpr auto backward_of =
    of_rows(rows, [](const Row& row) { return row.of<Scalar>().backward; });

}  // namespace

std::span<const ActivationRow> activation_rows() { return rows_of_all; }

template <class Scalar>
ActivationKernels<Scalar> activation_kernels() {
  return {.forward = forward_of<Scalar>.data(), .backward = backward_of<Scalar>.data()};
}
template ActivationKernels<float> activation_kernels();
template ActivationKernels<double> activation_kernels();

}  // namespace deltarule
