#include "deltarule/loss.hpp"

#include "deltarule/elementary.hpp"
#include "elementwise.hpp"
#include "side_by_side.hpp"
#include "sums.hpp"

#include <algorithm>
#include <array>
#include <cassert>
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
  SquaredError(const Loss&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {(a - y) * (a - y), Scalar(2) * (a - y)};
  }
};

template <class Scalar>
struct AbsoluteError {
  AbsoluteError(const Loss&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {std::abs(a - y), sign(a - y)};
  }
};

template <class Scalar>
struct Huber {
  Scalar delta;

  Huber(const Loss& loss, Index) : delta(static_cast<Scalar>(loss.delta)) {}
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
  LogCosh(const Loss&, Index) {}
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
  const double* levels;
  Index k;

  Pinball(const Loss& loss, Index)
      : levels(loss.levels.data()), k(static_cast<Index>(loss.levels.size())) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index i) const {
    const auto level = static_cast<Scalar>(levels[i % k]);
    const Scalar d = a - y, slope = d > Scalar(0) ? Scalar(1) - level : -level;
    return {slope * d, d == Scalar(0) ? Scalar(0) : std::isnan(d) ? d : slope};
  }
};

template <class Scalar>
struct Poisson {
  Poisson(const Loss&, Index) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    return {a + cross_entropy_term(y, a), Scalar(1) - ratio(y, a)};
  }
};

// With a = e^z: e^z - y z, where 0 log 0 is 0 again.
template <class Scalar>
struct PoissonOfLogit {
  PoissonOfLogit(const Loss&, Index) {}
  Term<Scalar> operator()(Scalar z, Scalar y, Index) const {
    const Scalar a = elementary::exp(z);
    return {a - (y == Scalar(0) ? Scalar(0) : y * z), a - y};
  }
};

template <class Scalar>
struct BinaryCrossEntropy {
  Smoothed<Scalar> smoothed;

  BinaryCrossEntropy(const Loss& loss, Index) : smoothed(loss.label_smoothing, 2) {}
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

  BinaryCrossEntropyOfLogit(const Loss& loss, Index) : smoothed(loss.label_smoothing, 2) {}
  Term<Scalar> operator()(Scalar z, Scalar y_given, Index) const {
    const Scalar y = smoothed(y_given);
    return {(Scalar(1) - y) * elementary::softplus(z) + y * elementary::softplus(-z),
            elementary::sigmoid(z) - y};
  }
};

template <class Scalar>
struct CategoricalCrossEntropy {
  Smoothed<Scalar> smoothed;

  CategoricalCrossEntropy(const Loss& loss, Index n) : smoothed(loss.label_smoothing, n) {}
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

  CategoricalFocal(const Loss& loss, Index) : gamma(static_cast<Scalar>(loss.gamma)) {}
  Term<Scalar> operator()(Scalar a, Scalar y, Index) const {
    const auto [value, slope] = focal_term(y, a, Scalar(1) - a, std::log(a), gamma);
    return {value, ratio(slope, a)};
  }
};

// What class 1 and class 0 weigh.
template <class Scalar>
struct ClassWeights {
  Scalar one, zero;

  explicit ClassWeights(const Loss& loss)
      : one(static_cast<Scalar>(loss.alpha.value_or(1.0))),
        zero(loss.alpha ? static_cast<Scalar>(1.0 - *loss.alpha) : Scalar(1)) {}
};

template <class Scalar>
struct BinaryFocal {
  CategoricalFocal<Scalar> of_class;
  ClassWeights<Scalar> weights;

  BinaryFocal(const Loss& loss, Index n) : of_class(loss, n), weights(loss) {}
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

  BinaryFocalOfLogit(const Loss& loss, Index)
      : gamma(static_cast<Scalar>(loss.gamma)), weights(loss) {}
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
Factors<Scalar> factors_of_mean(const Loss& loss, Index n) {
  const auto outputs = static_cast<Scalar>(n);
  return {static_cast<Scalar>(loss.cost_factor) / outputs,
          static_cast<Scalar>(loss.gradient_factor) / outputs};
}

// Over column j: loss_j = factor sum_i value(a_i, y_i), da_i = w_j factor derivative(a_i, y_i)
template <class Formula, class Scalar>
double in_order(const Formula& formula, const ConstMatrixRef<Scalar>& A,
                const Target<Scalar>& target, Factors<Scalar> factors, MatrixRef<Scalar>& dA) {
  const Index n = A.rows();
  double total = 0.0;
  for (Index j = 0; j < A.cols(); ++j) {
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
double mean_over_outputs(const Loss& loss, const ConstMatrixRef<Scalar>& A,
                         const Target<Scalar>& target, MatrixRef<Scalar>& dA) {
  return in_order(Formula(loss, A.rows()), A, target, factors_of_mean<Scalar>(loss, A.rows()), dA);
}

template <class Formula, class Scalar>
double sum_over_classes(const Loss& loss, const ConstMatrixRef<Scalar>& A,
                        const Target<Scalar>& target, MatrixRef<Scalar>& dA) {
  return in_order(Formula(loss, A.rows()), A, target, Factors<Scalar>{}, dA);
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
double mean_over_runs(const Loss& loss, const ConstMatrixRef<Scalar>& A,
                      const Target<Scalar>& target, MatrixRef<Scalar>& dA) {
  const Index n = A.rows(), m = A.cols();
  const Formula formula(loss, n);
  const auto [factor, gradient_factor] = factors_of_mean<Scalar>(loss, n);
  // One run of numbers where every example weighs the same.
  if (!target.weights && contiguous(A) && contiguous(dA))
    return static_cast<double>(factor) *
           over_run(formula, A.data(), target.Y, n * m, gradient_factor, dA.data());
  double total = 0.0;
  for (Index j = 0; j < m; ++j) {
    const Scalar weight = target.weights ? target.weights[j] : Scalar(1);
    total += static_cast<double>(factor * weight) *
             over_run(formula, A.col(j).data(), target.Y + j * n, n, gradient_factor * weight,
                      dA.col(j).data());
  }
  return total;
}

// With d = z - max z and s = sum e^d: loss = sum_i y_i (log s - d_i), dz = (e^d / s) sum y - y
template <class Scalar>
double softmax_cross_entropy(const Loss& loss, const ConstMatrixRef<Scalar>& Z,
                             const Target<Scalar>& target, MatrixRef<Scalar>& dZ) {
  constexpr Index logits = 0, targets = 1;
  SideBySide<Scalar, 2> examples(Z.rows());
  using Lanes = typename SideBySide<Scalar, 2>::Lanes;
  constexpr Index together = SideBySide<Scalar, 2>::together;
  const Index n = Z.rows(), m = Z.cols();
  const Smoothed<Scalar> smoothed(loss.label_smoothing, n);
  auto E = examples[logits], Y = examples[targets];  // e^d in the end
  double total = 0.0;
  for (Index first = 0; first < m; first += together) {
    const Index count = std::min(together, m - first);
    examples.load(logits, Z, first, count);
    if (target.Y) {
      examples.load(targets, ConstMatrixMap<Scalar>(target.Y, n, m), first, count);
    } else {
      Y.setZero();
      for (Index j = 0; j < count; ++j) Y(j, target.labels[first + j]) = 1;
    }
    Lanes weight, log_sum, to_probability;
    weight.fill(1);
    if (target.weights) std::copy_n(target.weights + first, count, weight.data());

    const Lanes largest = examples.largest(logits);
    std::array<double, together> weighted{}, mass{};  // sum_i y_i d_i and sum_i y_i
    for (Index i = 0; i < n; ++i) {
      const Scalar* const z = E.col(i).data();
      Scalar* const y = Y.col(i).data();
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
      Scalar* const e = E.col(i).data();
      const Scalar* const y = Y.col(i).data();
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
double softmax_focal(const Loss& loss, const ConstMatrixRef<Scalar>& Z,
                     const Target<Scalar>& target, MatrixRef<Scalar>& dZ) {
  const Index n = Z.rows();
  const auto gamma = static_cast<Scalar>(loss.gamma);
  double total = 0.0;
  for (Index j = 0; j < Z.cols(); ++j) {
    const TargetColumn<Scalar> y(target, n, j);
    const Scalar* const z = Z.col(j).data();
    Scalar* const dz = dZ.col(j).data();
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
template <class Scalar>
using Pass = double (*)(const Loss&, const ConstMatrixRef<Scalar>&, const Target<Scalar>&,
                        MatrixRef<Scalar>&);
struct Passes {
  Pass<float> of_float = nullptr;
  Pass<double> of_double = nullptr;
  bool takes_labels = false;

  template <class Scalar>
  Pass<Scalar> of() const {
    if constexpr (std::is_same_v<Scalar, float>)
      return of_float;
    else
      return of_double;
  }
};

template <template <class> class Formula>
constexpr Passes outputs{mean_over_outputs<Formula<float>, float>,
                         mean_over_outputs<Formula<double>, double>};
template <template <class> class Formula>
constexpr Passes classes{sum_over_classes<Formula<float>, float>,
                         sum_over_classes<Formula<double>, double>, true};
template <template <class> class Formula>
constexpr Passes runs{mean_over_runs<Formula<float>, float>,
                      mean_over_runs<Formula<double>, double>};

struct Row {
  std::string_view name;
  LossKind kind;
  Passes from_output;
  std::optional<Activation> output;  // with which there is a form
  Passes from_logits;
};

// `outputs` and `runs` differ in the order of a cost's sum alone.
constexpr std::array rows{
    Row{"mean_squared_error", Loss::mean_squared_error, runs<SquaredError>, {}, {}},
    Row{"mean_absolute_error", Loss::mean_absolute_error, runs<AbsoluteError>, {}, {}},
    Row{"huber", Loss::huber, runs<Huber>, {}, {}},
    Row{"log_cosh", Loss::log_cosh, runs<LogCosh>, {}, {}},
    Row{"quantile", Loss::quantile, runs<Pinball>, {}, {}},
    Row{"poisson", Loss::poisson, outputs<Poisson>, Activation::exponential, runs<PoissonOfLogit>},
    Row{"binary_cross_entropy", Loss::binary_cross_entropy, outputs<BinaryCrossEntropy>,
        Activation::sigmoid, runs<BinaryCrossEntropyOfLogit>},
    Row{"binary_focal", Loss::binary_focal, outputs<BinaryFocal>, Activation::sigmoid,
        runs<BinaryFocalOfLogit>},
    Row{"categorical_cross_entropy",
        Loss::categorical_cross_entropy,
        classes<CategoricalCrossEntropy>,
        Activation::softmax,
        {softmax_cross_entropy<float>, softmax_cross_entropy<double>}},
    Row{"categorical_focal",
        Loss::categorical_focal,
        classes<CategoricalFocal>,
        Activation::softmax,
        {softmax_focal<float>, softmax_focal<double>}},
};

constexpr auto names = [] {
  std::array<LossName, rows.size()> names_of_rows{};
  for (std::size_t k = 0; k < rows.size(); ++k) names_of_rows[k] = {rows[k].name, rows[k].kind};
  return names_of_rows;
}();

// Null for a loss of the caller's own.
const Row* row_of(const Loss& loss) {
  const auto row = std::ranges::find(rows, loss.kind, &Row::kind);
  return row == rows.end() ? nullptr : &*row;
}

}  // namespace

std::span<const LossName> loss_names() { return names; }

bool takes_labels(const Loss& loss) {
  const Row* const row = row_of(loss);
  return row && row->from_output.takes_labels;
}

bool fused_with_output(const Loss& loss, Activation output) {
  const Row* const row = row_of(loss);
  return row && row->output == output;
}

template <class Scalar>
double loss_backward(const Loss& loss, const ConstMatrixRef<Scalar>& A,
                     const Target<Scalar>& target, MatrixRef<Scalar> dA) {
  if (const Row* const row = row_of(loss))
    return row->from_output.of<Scalar>()(loss, A, target, dA);
  assert(loss.of_the_caller);
  if constexpr (std::is_same_v<Scalar, float>)
    return loss.of_the_caller->of_float(A, target, dA);
  else
    return loss.of_the_caller->of_double(A, target, dA);
}

template <class Scalar>
double loss_backward_from_logits(const Loss& loss, const ConstMatrixRef<Scalar>& Z,
                                 const Target<Scalar>& target, MatrixRef<Scalar> dZ) {
  const Row* const row = row_of(loss);
  assert(row && row->output);
  return row->from_logits.of<Scalar>()(loss, Z, target, dZ);
}

#define DELTARULE_INSTANTIATE(Scalar)                                                           \
  template double loss_backward<Scalar>(const Loss&, const ConstMatrixRef<Scalar>&,             \
                                        const Target<Scalar>&, MatrixRef<Scalar>);              \
  template double loss_backward_from_logits<Scalar>(const Loss&, const ConstMatrixRef<Scalar>&, \
                                                    const Target<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
