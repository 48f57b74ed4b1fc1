// What the tests share: random numbers, comparisons that let no NaN slip through, and a central
// difference.
#pragma once

#include "base/examples.hpp"
#include "base/view.hpp"
#include "kernels/dispatch.hpp"
#include "numbers.hpp"
#include "threads/thread_pool.hpp"

#include <Eigen/Core>
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace deltarule::test {

// What the core only views, tests own and compute with.
template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

// A view's numbers, as a matrix.
template <class Number>
auto matrix_of(View<Number> view) {
  return Matrix<std::remove_const_t<Number>>::NullaryExpr(
             view.rows, view.columns, [view](Index i, Index j) { return view(i, j); })
      .eval();
}

// "(3, 4)"
inline std::string shape_text(Index rows, Index columns) {
  return "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
}
template <class Derived>
std::string shape_text(const Eigen::EigenBase<Derived>& matrix) {
  return shape_text(matrix.rows(), matrix.cols());
}

// act("tanh")
inline Activation act(std::string_view name) {
  const auto found = activation_named(name);
  if (!found) throw std::logic_error("no such activation");
  return *found;
}

// Room for the rounding of a few dozen additions.
template <class Scalar>
constexpr double rounding = 64.0 * static_cast<double>(std::numeric_limits<Scalar>::epsilon());

// Uniform on (-scale, scale).
template <class Scalar>
Matrix<Scalar> random_matrix(std::mt19937& engine, Index rows, Index columns, double scale = 1.0) {
  std::uniform_real_distribution<double> uniform(-scale, scale);
  return Matrix<Scalar>::NullaryExpr(rows, columns,
                                     [&] { return static_cast<Scalar>(uniform(engine)); });
}

template <class Scalar>
Vector<Scalar> random_vector(std::mt19937& engine, Index size, double scale = 1.0) {
  return random_matrix<Scalar>(engine, size, 1, scale);
}

template <class Derived>
Matrix<double> exact(const Eigen::MatrixBase<Derived>& matrix) {
  return matrix.template cast<double>();
}

// The largest difference, relative to the largest expected number or 1; NaN if there is one in
// either, so that a comparison with a bound fails.
template <class Actual, class Expected>
double error(const Eigen::MatrixBase<Actual>& actual, const Eigen::MatrixBase<Expected>& expected) {
  REQUIRE(shape_text(actual) == shape_text(expected));
  if (expected.size() == 0) return 0.0;
  const Matrix<double> difference = (exact(actual) - exact(expected)).cwiseAbs();
  const double scale = std::max(1.0, exact(expected).cwiseAbs().maxCoeff());
  return difference.template maxCoeff<Eigen::PropagateNaN>() / scale;
}

inline double error(double actual, double expected) {
  return std::abs(actual - expected) / std::max(1.0, std::abs(expected));
}

template <class Left, class Right>
bool same_bits(const Eigen::MatrixBase<Left>& a, const Eigen::MatrixBase<Right>& b) {
  if (a.rows() != b.rows() || a.cols() != b.cols()) return false;
  for (Index j = 0; j < a.cols(); ++j)
    for (Index i = 0; i < a.rows(); ++i)
      if (!same_bits(a.derived().coeff(i, j), b.derived().coeff(i, j))) return false;
  return true;
}

// df/dx, one number of x at a time.
template <class Function>
Matrix<double> central_difference(Matrix<double> x, const Function& f, double h = 1e-5) {
  Matrix<double> gradient(x.rows(), x.cols());
  for (Index k = 0; k < x.size(); ++k) {
    const double here = x(k);
    x(k) = here + h;
    const double above = f(x);
    x(k) = here - h;
    const double below = f(x);
    x(k) = here;
    gradient(k) = (above - below) / (2.0 * h);
  }
  return gradient;
}

// What a central difference of that h is good for, in functions of the size of 1.
constexpr double central_difference_error = 1e-8;

template <class Number>
constexpr NumberType number_type = std::is_same_v<Number, float>          ? NumberType::float32
                                   : std::is_same_v<Number, double>       ? NumberType::float64
                                   : std::is_same_v<Number, std::uint8_t> ? NumberType::uint8
                                   : std::is_same_v<Number, std::int32_t> ? NumberType::int32
                                                                          : NumberType::int64;

// The columns of a matrix, as the examples they are.
template <class Derived>
Examples examples_of(const Eigen::PlainObjectBase<Derived>& matrix) {
  using Number = typename Derived::Scalar;
  constexpr auto size = static_cast<Index>(sizeof(Number));
  return {matrix.data(), number_type<Number>,         matrix.cols(),
          matrix.rows(), matrix.outerStride() * size, size};
}

template <class Scalar>
Matrix<Scalar> one_hot(const std::vector<std::int64_t>& labels, Index n) {
  const auto m = static_cast<Index>(labels.size());
  return Matrix<Scalar>::NullaryExpr(n, m, [&](Index i, Index j) {
    return static_cast<Scalar>(labels[static_cast<std::size_t>(j)] == i);
  });
}

inline std::vector<std::int64_t> random_labels(std::mt19937& engine, Index m, Index n) {
  std::uniform_int_distribution<std::int64_t> uniform(0, n - 1);
  std::vector<std::int64_t> labels(static_cast<std::size_t>(m));
  std::generate(labels.begin(), labels.end(), [&] { return uniform(engine); });
  return labels;
}

// The pool has `n` threads while this lives.
class Threads {
 public:
  explicit Threads(int n) { ThreadPool::resize(n); }
  ~Threads() { ThreadPool::resize(before_); }
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;

 private:
  int before_ = ThreadPool::size();
};

}  // namespace deltarule::test
