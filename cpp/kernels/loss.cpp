#include "kernels/loss.hpp"

#include "kernels/elementary.hpp"
#include "kernels/elementwise.hpp"
#include "kernels/kernels.hpp"
#include "kernels/rows.hpp"
#include "kernels/side_by_side.hpp"
#include "kernels/sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <type_traits>

namespace deltarule {
namespace {

// -y log a, with 0 log 0 = 0
template <class Scalar>
Scalar cross_entropy_term(Scalar y, Scalar a) {
  return y == Scalar(0) && !std::isnan(a) ? Scalar(0) : -y * std::log(a);
}

// y / a, with 0 / 0 = 0: what is certain and right pulls at nothing
template <class Scalar>
Scalar ratio(Scalar y, Scalar a) {
  return y == Scalar(0) && !std::isnan(a) ? Scalar(0) : y / a;
}

// -1, 0 or 1; NaN passes
template <class Scalar>
Scalar sign(Scalar d) {
  return d > Scalar(0) ? Scalar(1) : d < Scalar(0) ? Scalar(-1) : d;
}

// Label smoothing over n classes: y := (1 - s) y + s / n.
template <class Scalar>
struct Smoothed {
  Scalar keep, share;

  Smoothed(double s, Index n)
      : keep(static_cast<Scalar>(1.0 - s)),
        share(static_cast<Scalar>(s / static_cast<double>(n))) {}
  Scalar operator()(Scalar y) const { return keep * y + share; }
};

// The formulas ------------------------------------------------------------------------------------
// A loss is the function of one output, or one logit, and its target: its value and its derivative.
// `i` is the output's place among n, or among those of several examples.

template <class Scalar>
struct Term {
  Scalar value, derivative;
};

template <class Scalar>
struct SquaredError {
  SquaredError(const LossParameters&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {(a - y) * (a - y), Scalar(2) * (a - y)};
  }
};

template <class Scalar>
struct AbsoluteError {
  AbsoluteError(const LossParameters&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {std::abs(a - y), sign(a - y)};
  }
};

template <class Scalar>
struct Huber {
  Scalar delta;

  Huber(const LossParameters& parameters, Index) : delta(static_cast<Scalar>(parameters.delta)) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    const Scalar d = a - y, size = std::abs(d), half = Scalar(0.5);
    return {size > delta ? delta * (size - half * delta) : half * d * d,
            size > delta ? std::copysign(delta, d) : d};
  }
};

// log cosh d = log(1 + u) with u = cosh d - 1 = (1 - e^-|d|)^2 / (2 e^-|d|), which keeps every digit
// near 0, or |d| - log 2 + log(1 + e^-2|d|), which cannot overflow.
template <class Scalar>
struct LogCosh {
  LogCosh(const LossParameters&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    const Scalar d = a - y, size = std::abs(d);
    const Scalar expm1 = elementary::expm1_of_negative(-size), e = Scalar(1) + expm1;
    const bool small = size < Scalar(1);
    const Scalar u = small ? expm1 * expm1 / (e + e) : e * e;
    const Scalar outside = small ? Scalar(0) : size - std::numbers::ln2_v<Scalar>;
    return {outside + elementary::log1p_of_unit(u), elementary::tanh(d)};
  }
};

template <class Scalar>
struct Pinball {
  static constexpr double median = 0.5;  // where no level is given
  const double* levels;
  Index k;

  Pinball(const LossParameters& parameters, Index)
      : levels(parameters.level_count > 0 ? parameters.levels : &median),
        k(std::max(Index{1}, parameters.level_count)) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index i) const {
    const auto level = static_cast<Scalar>(levels[i % k]);
    const Scalar d = a - y, slope = d > Scalar(0) ? Scalar(1) - level : -level;
    return {slope * d, d == Scalar(0) ? Scalar(0) : std::isnan(d) ? d : slope};
  }
};

template <class Scalar>
struct Poisson {
  Poisson(const LossParameters&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {a + cross_entropy_term(y, a), Scalar(1) - ratio(y, a)};
  }
};

// With a = e^z: e^z - y z, where 0 log 0 is 0 again.
template <class Scalar>
struct PoissonOfLogit {
  PoissonOfLogit(const LossParameters&, Index) {}
  Term<Scalar> operator()(Scalar z, Scalar y, Index) const {
    const Scalar a = elementary::exp(z);
    return {a - (y == Scalar(0) ? Scalar(0) : y * z), a - y};
  }
};

template <class Scalar>
struct BinaryCrossEntropy {
  Smoothed<Scalar> smoothed;

  BinaryCrossEntropy(const LossParameters& parameters, Index)
      : smoothed(parameters.label_smoothing, 2) {}
  Term<Scalar> operator()(Scalar a, Scalar y_given, Index) const {
    const Scalar y = smoothed(y_given);
    return {cross_entropy_term(y, a) + cross_entropy_term(Scalar(1) - y, Scalar(1) - a),
            ratio(Scalar(1) - y, Scalar(1) - a) - ratio(y, a)};
  }
};

// With a = sigmoid(z): max(z, 0) - y z + log(1 + e^-|z|), which is softplus(z) - y z; written as
// (1 - y) softplus(z) + y softplus(-z) it is exact at both ends.
template <class Scalar>
struct BinaryCrossEntropyOfLogit {
  Smoothed<Scalar> smoothed;

  BinaryCrossEntropyOfLogit(const LossParameters& parameters, Index)
      : smoothed(parameters.label_smoothing, 2) {}
  Term<Scalar> operator()(Scalar z, Scalar y_given, Index) const {
    const Scalar y = smoothed(y_given);
    return {(Scalar(1) - y) * elementary::softplus(z) + y * elementary::softplus(-z),
            elementary::sigmoid(z) - y};
  }
};

template <class Scalar>
struct CategoricalCrossEntropy {
  Smoothed<Scalar> smoothed;

  CategoricalCrossEntropy(const LossParameters& parameters, Index n)
      : smoothed(parameters.label_smoothing, n) {}
  Term<Scalar> operator()(Scalar a, Scalar y_given, Index) const {
    const Scalar y = smoothed(y_given);
    return {cross_entropy_term(y, a), -ratio(y, a)};
  }
};

// -q^gamma log p with q = 1 - p (Lin et al. 2017), and p times its derivative with respect to p:
// q^gamma (gamma p log p / q - 1). Zero where a target y has no share in it.
template <class Scalar>
Term<Scalar> focal_term(Scalar y, Scalar p, Scalar q, Scalar log_p, Scalar gamma) {
  if (y == Scalar(0) && !std::isnan(p)) return {Scalar(0), Scalar(0)};
  const Scalar power = y * std::pow(q, gamma);
  const Scalar log_p_over_q = q == Scalar(0) ? Scalar(-1) : log_p / q;
  const Scalar entropy = p == Scalar(0) ? Scalar(0) : p * log_p_over_q;
  return {-power * log_p, power * (gamma * entropy - Scalar(1))};
}

template <class Scalar>
struct CategoricalFocal {
  Scalar gamma;

  CategoricalFocal(const LossParameters& parameters, Index)
      : gamma(static_cast<Scalar>(parameters.gamma)) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    const auto [value, slope] = focal_term(y, a, Scalar(1) - a, std::log(a), gamma);
    return {value, ratio(slope, a)};
  }
};

// What class 1 and class 0 weigh.
template <class Scalar>
struct ClassWeights {
  Scalar one, zero;

  explicit ClassWeights(const LossParameters& parameters)
      : one(static_cast<Scalar>(parameters.weight_of_one)),
        zero(static_cast<Scalar>(parameters.weight_of_zero)) {}
};

template <class Scalar>
struct BinaryFocal {
  CategoricalFocal<Scalar> of_class;
  ClassWeights<Scalar> weights;

  BinaryFocal(const LossParameters& parameters, Index n)
      : of_class(parameters, n), weights(parameters) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index i) const {
    const Term<Scalar> one = of_class(a, weights.one * y, i);
    const Term<Scalar> zero = of_class(Scalar(1) - a, weights.zero * (Scalar(1) - y), i);
    return {one.value + zero.value, one.derivative - zero.derivative};
  }
};

// With p = sigmoid(z) and q = 1 - p: -log p = softplus(-z) and -log q = softplus(z), so that
// q^gamma = e^(-gamma softplus(z)); d/dz (-q^gamma log p) = q^gamma (gamma p log p - q).
template <class Scalar>
struct BinaryFocalOfLogit {
  Scalar gamma;
  ClassWeights<Scalar> weights;

  BinaryFocalOfLogit(const LossParameters& parameters, Index)
      : gamma(static_cast<Scalar>(parameters.gamma)), weights(parameters) {}
  Term<Scalar> operator()(Scalar z, Scalar y, Index) const {
    const Scalar p = elementary::sigmoid(z), q = elementary::sigmoid(-z);
    const Scalar minus_log_p = elementary::softplus(-z), minus_log_q = elementary::softplus(z);
    const Scalar one = weights.one * y * elementary::exp(-gamma * minus_log_q);
    const Scalar zero = weights.zero * (Scalar(1) - y) * elementary::exp(-gamma * minus_log_p);
    return {one * minus_log_p + zero * minus_log_q,
            zero * (gamma * q * minus_log_q + p) - one * (gamma * p * minus_log_p + q)};
  }
};

// The passes over a batch -------------------------------------------------------------------------

// Y of column j as a function of the row: a number of Y, or 1 at the label.
template <class Scalar>
struct TargetColumn {
  const Scalar* y;
  Index label;
  Scalar weight;

  TargetColumn(const Target<Scalar>& target, Index n, Index j)
      : y(target.Y ? target.Y + j * n : nullptr),
        label(target.labels ? static_cast<Index>(target.labels[j]) : -1),
        weight(target.weights ? target.weights[j] : Scalar(1)) {}

  Scalar operator[](Index i) const { return y ? y[i] : Scalar(i == label ? 1 : 0); }
};

// What the sum over the outputs is multiplied by, and its derivative.
template <class Scalar>
struct Factors {
  Scalar cost = 1, gradient = 1;
};

template <class Scalar>
Factors<Scalar> factors_of_mean(const LossParameters& parameters, Index n) {
  const auto outputs = static_cast<Scalar>(n);
  return {static_cast<Scalar>(parameters.cost_factor) / outputs,
          static_cast<Scalar>(parameters.gradient_factor) / outputs};
}

// Over column j: loss_j = factor sum_i value(a_i, y_i), da_i = w_j factor derivative(a_i, y_i)
template <class Formula, class Scalar>
double in_order(const Formula& formula, View<const Scalar> A, const Target<Scalar>& target,
                Factors<Scalar> factors, View<Scalar> dA) {
  const Index n = A.rows;
  double total = 0.0;
  for (Index j = 0; j < A.columns; ++j) {
    const TargetColumn<Scalar> y(target, n, j);
    const Scalar scale = factors.gradient * y.weight;
    double loss = 0.0;
    for (Index i = 0; i < n; ++i) {
      const Term<Scalar> term = formula(A(i, j), y[i], i);
      loss += static_cast<double>(term.value);
      dA(i, j) = scale * term.derivative;
    }
    total += static_cast<double>(factors.cost * y.weight) * loss;
  }
  return total;
}

template <class Formula, class Scalar>
double mean_over_outputs(const LossParameters& parameters, View<const Scalar> A,
                         const Target<Scalar>& target, View<Scalar> dA) {
  return in_order(Formula(parameters, A.rows), A, target,
                  factors_of_mean<Scalar>(parameters, A.rows), dA);
}

template <class Formula, class Scalar>
double sum_over_classes(const LossParameters& parameters, View<const Scalar> A,
                        const Target<Scalar>& target, View<Scalar> dA) {
  return in_order(Formula(parameters, A.rows), A, target, Factors<Scalar>{}, dA);
}

constexpr Index block = 64;
template <class Scalar>
using Block = std::array<Scalar, static_cast<std::size_t>(block)>;

// The sum over one run of `size` outputs or logits, and their derivatives times `scale`.
template <class Formula, class Scalar>
double over_run(const Formula& formula, const Scalar* a, const Scalar* y, Index size, Scalar scale,
                Scalar* da) {
  Block<Scalar> values;  // apart, so that their sum has one order
  double total = 0.0;
  for (Index first = 0; first < size; first += block) {
    const Index count = std::min(block, size - first);
#pragma omp simd
    for (Index i = 0; i < count; ++i) {
      const Term<Scalar> term = formula(a[first + i], y[first + i], first + i);
      values[static_cast<std::size_t>(i)] = term.value;
      da[first + i] = scale * term.derivative;
    }
    total += sum_of<double>(
        count, [&](Index i) { return static_cast<double>(values[static_cast<std::size_t>(i)]); });
  }
  return total;
}

// The mean over the outputs of what a compiler turns into vector code.
template <class Formula, class Scalar>
double mean_over_runs(const LossParameters& parameters, View<const Scalar> A,
                      const Target<Scalar>& target, View<Scalar> dA) {
  const Index n = A.rows, m = A.columns;
  const Formula formula(parameters, n);
  const auto [factor, gradient_factor] = factors_of_mean<Scalar>(parameters, n);
  // One run of numbers where every example weighs the same.
  if (!target.weights && A.contiguous() && dA.contiguous())
    return static_cast<double>(factor) *
           over_run(formula, A.data, target.Y, n * m, gradient_factor, dA.data);
  double total = 0.0;
  for (Index j = 0; j < m; ++j) {
    const Scalar weight = target.weights ? target.weights[j] : Scalar(1);
    total +=
        static_cast<double>(factor * weight) *
        over_run(formula, A.column(j), target.Y + j * n, n, gradient_factor * weight, dA.column(j));
  }
  return total;
}

// With d = z - max z and s = sum e^d: loss = sum_i y_i (log s - d_i), dz = (e^d / s) sum y - y
template <class Scalar>
double softmax_cross_entropy(const LossParameters& parameters, View<const Scalar> Z,
                             const Target<Scalar>& target, View<Scalar> dZ) {
  constexpr Index logits = 0, targets = 1;
  SideBySide<Scalar, 2> examples(Z.rows);
  using Lanes = typename SideBySide<Scalar, 2>::Lanes;
  constexpr Index together = SideBySide<Scalar, 2>::together;
  const Index n = Z.rows, m = Z.columns;
  const Smoothed<Scalar> smoothed(parameters.label_smoothing, n);
  const View<Scalar> E = examples[logits], Y = examples[targets];  // e^d in the end
  double total = 0.0;
  for (Index first = 0; first < m; first += together) {
    const Index count = std::min(together, m - first);
    examples.load(logits, Z, first, count);
    if (target.Y) {
      examples.load(targets, View<const Scalar>(target.Y, n, m), first, count);
    } else {
      examples.set_zero(targets);
      for (Index j = 0; j < count; ++j) Y(j, target.labels[first + j]) = 1;
    }
    Lanes weight, log_sum, to_probability;
    weight.fill(1);
    if (target.weights) std::copy_n(target.weights + first, count, weight.data());

    const Lanes largest = examples.largest(logits);
    std::array<double, together> weighted{}, mass{};  // sum_i y_i d_i and sum_i y_i
    for (Index i = 0; i < n; ++i) {
      const Scalar* const z = E.column(i);
      Scalar* const y = Y.column(i);
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) {
        y[j] = smoothed(y[j]);
        // A class of no mass may have a logit of -Inf.
        weighted[j] +=
            static_cast<double>(y[j] == Scalar(0) ? Scalar(0) : y[j] * (z[j] - largest[j]));
        mass[j] += static_cast<double>(y[j]);
      }
    }
    const Lanes sum = examples.exponentials(logits, largest);
#pragma omp simd
    for (std::size_t j = 0; j < together; ++j) {
      log_sum[j] = elementary::log(sum[j]);
      to_probability[j] = weight[j] * static_cast<Scalar>(mass[j]) / sum[j];
    }
    for (Index i = 0; i < n; ++i) {
      Scalar* const e = E.column(i);
      const Scalar* const y = Y.column(i);
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) e[j] = to_probability[j] * e[j] - weight[j] * y[j];
    }
    examples.store(logits, dZ, first, count);
    total += sum_of<double>(count, [&](Index j) {
      const auto lane = static_cast<std::size_t>(j);
      return static_cast<double>(weight[lane]) *
             (mass[lane] * static_cast<double>(log_sum[lane]) - weighted[lane]);
    });
  }
  return total;
}

// sum e^(z_i - largest), in one order and without room for the terms
template <class Scalar>
Scalar sum_of_exponentials(const Scalar* z, Index size, Scalar largest) {
  Block<Scalar> terms;
  Scalar sum = 0;
  for (Index first = 0; first < size; first += block) {
    const Index count = std::min(block, size - first);
#pragma omp simd
    for (Index i = 0; i < count; ++i)
      terms[static_cast<std::size_t>(i)] = elementary::exp(z[first + i] - largest);
    for (Index i = 0; i < count; ++i) sum += terms[static_cast<std::size_t>(i)];
  }
  return sum;
}

// With h_i = p_i times the derivative of the loss with respect to p_i, and q_i = 1 - p_i:
// dz_i = h_i q_i - p_i (the other h). The largest p is 1 to many digits when all is well; then its
// q is the sum of the others, and its log p -log(1 + their e^d).
template <class Scalar>
double softmax_focal(const LossParameters& parameters, View<const Scalar> Z,
                     const Target<Scalar>& target, View<Scalar> dZ) {
  const Index n = Z.rows;
  const auto gamma = static_cast<Scalar>(parameters.gamma);
  double total = 0.0;
  for (Index j = 0; j < Z.columns; ++j) {
    const TargetColumn<Scalar> y(target, n, j);
    const Scalar* const z = Z.column(j);
    Scalar* const dz = dZ.column(j);
    const Index top = std::max_element(z, z + n) - z;
    const Scalar largest = z[top];
    const Scalar others = sum_of_exponentials(z, top, largest) +
                          sum_of_exponentials(z + top + 1, n - top - 1, largest);
    const Scalar sum = elementary::exp(largest - largest) + others;  // NaN passes
    const Scalar log_sum = std::log1p(others);
    const auto p_of = [&](Index i) { return elementary::exp(z[i] - largest) / sum; };
    const auto q_of = [&](Index i) { return i == top ? others / sum : Scalar(1) - p_of(i); };
    const auto term_of = [&](Index i) {
      return focal_term(y[i], p_of(i), q_of(i), (z[i] - largest) - log_sum, gamma);
    };
    if (y.y) {
      Scalar value = 0, h = 0;
      for (Index i = 0; i < n; ++i) {
        const Term<Scalar> term = term_of(i);
        value += term.value;
        h += term.derivative;
      }
      for (Index i = 0; i < n; ++i) {
        const Scalar h_i = term_of(i).derivative;
        dz[i] = y.weight * (h_i * q_of(i) - p_of(i) * (h - h_i));
      }
      total += static_cast<double>(y.weight) * static_cast<double>(value);
    } else {
      const Term<Scalar> term = term_of(y.label);
      const Scalar h = y.weight * term.derivative, at_label = h * q_of(y.label);
#pragma omp simd
      for (Index i = 0; i < n; ++i) dz[i] = -h * (elementary::exp(z[i] - largest) / sum);
      dz[y.label] = at_label;
      total += static_cast<double>(y.weight) * static_cast<double>(term.value);
    }
  }
  return total;
}

// The table ---------------------------------------------------------------------------------------

// A pass over a batch, for either Scalar.
struct Pass {
  LossFunction<float> of_float = nullptr;
  LossFunction<double> of_double = nullptr;
  bool is_there = false;

  template <class Scalar>
  constexpr LossFunction<Scalar> of() const {
    if constexpr (std::is_same_v<Scalar, float>)
      return of_float;
    else
      return of_double;
  }
};

// No outputs, or no examples, cost nothing.
template <class Scalar, LossFunction<Scalar> pass>
double of_any(const LossParameters& parameters, View<const Scalar> A, const Target<Scalar>& target,
              View<Scalar> dA) {
  return A.size() == 0 ? 0.0 : pass(parameters, A, target, dA);
}

template <LossFunction<float> of_float, LossFunction<double> of_double>
constexpr Pass pass{of_any<float, of_float>, of_any<double, of_double>, true};

// A mean over the outputs, a sum over the classes, and a mean over outputs that a compiler turns into
// vector code: it has another order of its sum.
template <template <class> class Formula>
constexpr Pass outputs =
    pass<mean_over_outputs<Formula<float>, float>, mean_over_outputs<Formula<double>, double>>;
template <template <class> class Formula>
constexpr Pass classes =
    pass<sum_over_classes<Formula<float>, float>, sum_over_classes<Formula<double>, double>>;
template <template <class> class Formula>
constexpr Pass runs =
    pass<mean_over_runs<Formula<float>, float>, mean_over_runs<Formula<double>, double>>;

struct Row {
  LossRow row;
  Pass from_output, from_logits;
};

constexpr bool over_classes = true, over_outputs = false;

constexpr Row rows[] = {
    {{"mean_squared_error", over_outputs, nullptr}, runs<SquaredError>, {}},
    {{"mean_absolute_error", over_outputs, nullptr}, runs<AbsoluteError>, {}},
    {{"huber", over_outputs, nullptr}, runs<Huber>, {}},
    {{"log_cosh", over_outputs, nullptr}, runs<LogCosh>, {}},
    {{"quantile", over_outputs, nullptr}, runs<Pinball>, {}},
    {{"poisson", over_outputs, "exponential"}, outputs<Poisson>, runs<PoissonOfLogit>},
    {{"binary_cross_entropy", over_outputs, "sigmoid"},
     outputs<BinaryCrossEntropy>,
     runs<BinaryCrossEntropyOfLogit>},
    {{"binary_focal", over_outputs, "sigmoid"}, outputs<BinaryFocal>, runs<BinaryFocalOfLogit>},
    {{"categorical_cross_entropy", over_classes, "softmax"},
     classes<CategoricalCrossEntropy>,
     pass<softmax_cross_entropy<float>, softmax_cross_entropy<double>>},
    {{"categorical_focal", over_classes, "softmax"},
     classes<CategoricalFocal>,
     pass<softmax_focal<float>, softmax_focal<double>>},
};
static_assert(std::ranges::all_of(rows,
                                  [](const Row& row) {
                                    return (row.row.fused_output != nullptr) ==
                                           row.from_logits.is_there;
                                  }),
              "a loss with a form from the logits names the activation that it is fused with");

constexpr auto rows_of_all = of_rows(rows, [](const Row& row) { return row.row; });
template <class Scalar>
constexpr auto from_output =
    of_rows(rows, [](const Row& row) { return row.from_output.of<Scalar>(); });
template <class Scalar>
constexpr auto from_logits =
    of_rows(rows, [](const Row& row) { return row.from_logits.of<Scalar>(); });

}  // namespace

std::span<const LossRow> loss_rows() { return rows_of_all; }

template <class Scalar>
LossKernels<Scalar> loss_kernels() {
  return {.from_output = from_output<Scalar>.data(), .from_logits = from_logits<Scalar>.data()};
}
template LossKernels<float> loss_kernels();
template LossKernels<double> loss_kernels();

}  // namespace deltarule
