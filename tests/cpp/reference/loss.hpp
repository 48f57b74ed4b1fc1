// The losses' mathematics once more: scalar loops in double, with no thought for speed. Tests hold the kernels against it.
#pragma once

#include "kernels/loss.hpp"
#include "support.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace deltarule::reference {

using test::Matrix;
using test::Vector;

// A loss by its name, and its hyper-parameters.
struct Loss {
  std::string_view name;
  double delta = 1.0, gamma = 2.0;
  std::optional<double> alpha{};  // of class 1, 1 - alpha of class 0; none: each weighs 1
  double label_smoothing = 0.0;
  std::vector<double> levels{0.5};
  double cost_factor = 1.0, gradient_factor = 1.0;

  Loss(std::string_view name_) : name(name_) {}  // a name with the defaults is a loss
  Loss(const char* name_) : name(name_) {}

  // Its place in the table of the kernels.
  std::size_t row() const {
    const auto rows = kernel_table().losses;
    for (std::size_t k = 0; k < rows.size(); ++k)
      if (rows[k].name == name) return k;
    throw std::logic_error("no such loss");
  }
  bool over_classes() const { return kernel_table().losses[row()].sums_over_classes; }
  // For as long as this lives.
  LossParameters parameters() const {
    return {.delta = delta,
            .gamma = gamma,
            .weight_of_one = alpha.value_or(1.0),
            .weight_of_zero = alpha ? 1.0 - *alpha : 1.0,
            .label_smoothing = label_smoothing,
            .levels = levels.data(),
            .level_count = static_cast<Index>(levels.size()),
            .cost_factor = cost_factor,
            .gradient_factor = gradient_factor};
  }
};

// No weights means that each is 1.

// -y log a, with 0 log 0 = 0
inline double cross_entropy(double y, double a) { return y == 0.0 ? 0.0 : -y * std::log(a); }

inline double weight_of(const Vector<double>& weights, Index j) {
  return weights.size() == 0 ? 1.0 : weights(j);
}

inline double level(const Loss& loss, Index i) {
  return loss.levels[static_cast<std::size_t>(i) % loss.levels.size()];
}
inline double smoothed(const Loss& loss, double y, double classes) {
  return (1.0 - loss.label_smoothing) * y + loss.label_smoothing / classes;
}
// What class 1 and class 0 weigh.
inline double one(const Loss& loss) { return loss.alpha ? *loss.alpha : 1.0; }
inline double zero(const Loss& loss) { return loss.alpha ? 1.0 - *loss.alpha : 1.0; }

// The share of output i of n in its example's loss, before the mean over outputs.
inline double loss_term(const Loss& loss, double a, double y, Index i, double n) {
  const double d = a - y, gamma = loss.gamma;
  const double y_1 = smoothed(loss, y, 2.0);
  const auto focal = [&](double y_of_class, double p) {
    return std::pow(1.0 - p, gamma) * cross_entropy(y_of_class, p);
  };
  if (loss.name == "mean_squared_error") return d * d;
  if (loss.name == "mean_absolute_error") return std::abs(d);
  if (loss.name == "huber")
    return std::abs(d) <= loss.delta ? d * d / 2.0 : loss.delta * (std::abs(d) - loss.delta / 2.0);
  if (loss.name == "log_cosh") return std::log(std::cosh(d));
  if (loss.name == "quantile") return std::max(-level(loss, i) * d, (1.0 - level(loss, i)) * d);
  if (loss.name == "poisson") return a + cross_entropy(y, a);
  if (loss.name == "binary_cross_entropy")
    return cross_entropy(y_1, a) + cross_entropy(1.0 - y_1, 1.0 - a);
  if (loss.name == "binary_focal")
    return one(loss) * focal(y, a) + zero(loss) * focal(1.0 - y, 1.0 - a);
  if (loss.name == "categorical_cross_entropy") return cross_entropy(smoothed(loss, y, n), a);
  if (loss.name == "categorical_focal") return focal(y, a);
  throw std::logic_error("a loss without a reference");
}

// Its derivative with respect to a.
inline double loss_derivative(const Loss& loss, double a, double y, Index i, double n) {
  const double d = a - y, gamma = loss.gamma;
  const double y_1 = smoothed(loss, y, 2.0);
  const auto focal = [&](double p) {
    if (p == 1.0) return gamma == 0.0 ? -1.0 : 0.0;  // log p goes faster than any power of 1 - p
    return gamma * std::pow(1.0 - p, gamma - 1.0) * std::log(p) - std::pow(1.0 - p, gamma) / p;
  };
  if (loss.name == "mean_squared_error") return 2.0 * d;
  if (loss.name == "mean_absolute_error") return d > 0.0 ? 1.0 : d < 0.0 ? -1.0 : 0.0;
  if (loss.name == "huber") return std::clamp(d, -loss.delta, loss.delta);
  if (loss.name == "log_cosh") return std::tanh(d);
  if (loss.name == "quantile")
    return d > 0.0 ? 1.0 - level(loss, i) : d < 0.0 ? -level(loss, i) : 0.0;
  if (loss.name == "poisson") return 1.0 - y / a;
  if (loss.name == "binary_cross_entropy") return (1.0 - y_1) / (1.0 - a) - y_1 / a;
  if (loss.name == "binary_focal")
    return one(loss) * y * focal(a) - zero(loss) * (1.0 - y) * focal(1.0 - a);
  if (loss.name == "categorical_cross_entropy") return -smoothed(loss, y, n) / a;
  if (loss.name == "categorical_focal") return y * focal(a);
  throw std::logic_error("a loss without a reference");
}

// What stands before the sum over the outputs.
inline double loss_factor(const Loss& loss, double n) {
  return loss.over_classes() ? 1.0 : 1.0 / n;
}

// sum_j w_j loss(a_j, y_j)
inline double loss_sum(const Loss& loss, const Matrix<double>& A, const Matrix<double>& Y,
                       const Vector<double>& weights = {}) {
  double sum = 0.0;
  const auto n = static_cast<double>(A.rows());
  for (Index j = 0; j < A.cols(); ++j)
    for (Index i = 0; i < A.rows(); ++i)
      sum += weight_of(weights, j) * loss_factor(loss, n) * loss_term(loss, A(i, j), Y(i, j), i, n);
  return sum;
}

inline Matrix<double> loss_gradient(const Loss& loss, const Matrix<double>& A,
                                    const Matrix<double>& Y, const Vector<double>& weights = {}) {
  Matrix<double> dA(A.rows(), A.cols());
  const auto n = static_cast<double>(A.rows());
  for (Index j = 0; j < A.cols(); ++j)
    for (Index i = 0; i < A.rows(); ++i)
      dA(i, j) = weight_of(weights, j) * loss_factor(loss, n) *
                 loss_derivative(loss, A(i, j), Y(i, j), i, n);
  return dA;
}

}  // namespace deltarule::reference
