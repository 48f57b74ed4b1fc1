#include "kernels/normalization.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

constexpr double epsilon = 1e-5;

// The mean of each unit over the columns, and its mean squared distance from it.
struct Moments {
  Vector<double> mean, variance;
  explicit Moments(const Matrix<double>& A)
      : mean(Vector<double>::Zero(A.rows())), variance(Vector<double>::Zero(A.rows())) {
    const auto m = static_cast<double>(A.cols());
    for (Index j = 0; j < A.cols(); ++j) mean += A.col(j) / m;
    for (Index j = 0; j < A.cols(); ++j)
      for (Index i = 0; i < A.rows(); ++i)
        variance(i) += (A(i, j) - mean(i)) * (A(i, j) - mean(i)) / m;
  }
  Vector<double> inverse() const { return (variance.array() + epsilon).sqrt().inverse(); }
};

Matrix<double> normalized(const Matrix<double>& A, const Vector<double>& mean,
                          const Vector<double>& inverse) {
  return inverse.asDiagonal() * (A.colwise() - mean);
}

// Each unit over the batch, then gamma and beta.
Matrix<double> batch_norm(const Matrix<double>& A, const Vector<double>& gamma,
                          const Vector<double>& beta) {
  const Moments of(A);
  return (gamma.asDiagonal() * normalized(A, of.mean, of.inverse())).colwise() + beta;
}

// Each example over its units, then gamma and beta.
Matrix<double> layer_norm(const Matrix<double>& A, const Vector<double>& gamma,
                          const Vector<double>& beta) {
  const Moments of(A.transpose());
  const Matrix<double> x_hat = normalized(A.transpose(), of.mean, of.inverse()).transpose();
  return (gamma.asDiagonal() * x_hat).colwise() + beta;
}

template <class Scalar>
struct Numbers {
  Matrix<Scalar> A, dZ;
  Vector<Scalar> gamma, beta, mean, inverse;

  Numbers(std::mt19937& engine, Index n, Index m)
      : A(random_matrix<Scalar>(engine, n, m)),
        dZ(random_matrix<Scalar>(engine, n, m)),
        gamma(random_vector<Scalar>(engine, n)),
        beta(random_vector<Scalar>(engine, n)),
        mean(random_vector<Scalar>(engine, n)),
        inverse((random_vector<Scalar>(engine, n).array() + Scalar(1.5)).matrix()) {}

  Index n() const { return A.rows(); }
  Index m() const { return A.cols(); }
  UnitMoments<Scalar> given() const { return {mean.data(), inverse.data()}; }
  // Takes the batch's own for given.
  void measure() {
    Vector<Scalar> squares(n());
    kernels<Scalar>().normalization.column_moments(A, mean.data(), squares.data());
    const Vector<Scalar> variance = squares / static_cast<Scalar>(m());
    kernels<Scalar>().normalization.inverse_deviation(n(), variance.data(),
                                                      static_cast<Scalar>(epsilon), inverse.data());
  }
};

constexpr std::array<Index, 8> sizes{1, 2, 3, 15, 16, 17, 65, 130};

// Calls use(n, m) for sizes about those of vectors, blocks of rows and partial sums.
template <class Use>
void for_each_size(Use use) {
  for (const Index n : sizes) {
    for (const Index m : sizes) {
      CAPTURE(n);
      CAPTURE(m);
      use(n, m);
    }
  }
}

// The matrix as some columns of a larger one: rows and columns beside it are not its own.
template <class Scalar>
struct Framed {
  Matrix<Scalar> frame;
  Index n, m;
  explicit Framed(const Matrix<Scalar>& A)
      : frame(Matrix<Scalar>::Constant(A.rows() + 3, A.cols() + 2, not_a_number<Scalar>)),
        n(A.rows()),
        m(A.cols()) {
    inner() = A;
  }
  auto inner() { return frame.block(1, 1, n, m); }
};

}  // namespace

TEST_CASE_TEMPLATE("moments of columns are the naive ones", Scalar, float, double) {
  std::mt19937 engine(1);
  for_each_size([&](Index n, Index m) {
    // Far from 0 beside its spread, where a sum of squares less a square of the sum has no digits.
    const Matrix<Scalar> A = (random_matrix<Scalar>(engine, n, m).array() + Scalar(1000)).matrix();
    Vector<Scalar> mean(n), squares(n);
    kernels<Scalar>().normalization.column_moments(A, mean.data(), squares.data());
    const Moments expected(exact(A));
    CHECK(error(mean, expected.mean) < rounding<Scalar>);
    // The mean's own rounding, squared, is all that is lost.
    CHECK(error(squares, (static_cast<double>(m) * expected.variance).eval()) <
          2.0 * rounding<Scalar> + static_cast<double>(m) * std::pow(100.0 * rounding<Scalar>, 2));

    Framed<Scalar> framed(A);
    Vector<Scalar> mean_of_part(n), squares_of_part(n);
    kernels<Scalar>().normalization.column_moments(framed.inner(), mean_of_part.data(),
                                                   squares_of_part.data());
    CHECK(same_bits(mean_of_part, mean));
    CHECK(same_bits(squares_of_part, squares));
  });
}

TEST_CASE("moments by hand") {
  const Matrix<double> A{{1, 3, 5}, {2, 2, 2}};
  Vector<double> mean(2), squares(2);
  kernels<double>().normalization.column_moments(A, mean.data(), squares.data());
  CHECK(mean == Vector<double>{{3, 2}});
  CHECK(squares == Vector<double>{{8, 0}});
}

TEST_CASE_TEMPLATE("moments of a batch in any cut are the whole's", Scalar, float, double) {
  std::mt19937 engine(2);
  for (const Index n : {1, 5, 70}) {
    const Index m = 67;
    const auto A = random_matrix<Scalar>(engine, n, m);
    const Moments expected(exact(A));
    for (const std::vector<Index>& cuts : {std::vector<Index>{0, 67},
                                           {0, 1, 67},
                                           {0, 66, 67},
                                           {0, 8, 16, 24, 67},
                                           {0, 1, 2, 3, 67}}) {
      Vector<Scalar> mean(n), squares(n), more_mean(n), more_squares(n);
      kernels<Scalar>().normalization.column_moments(A.leftCols(cuts[1]), mean.data(),
                                                     squares.data());
      for (std::size_t k = 1; k + 1 < cuts.size(); ++k) {
        const Index count = cuts[k + 1] - cuts[k];
        kernels<Scalar>().normalization.column_moments(A.middleCols(cuts[k], count),
                                                       more_mean.data(), more_squares.data());
        kernels<Scalar>().normalization.merge_moments(n, cuts[k], mean.data(), squares.data(),
                                                      count, more_mean.data(), more_squares.data());
      }
      CHECK(error(mean, expected.mean) < rounding<Scalar>);
      CHECK(error(squares, (static_cast<double>(m) * expected.variance).eval()) < rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("units are normalised by given moments", Scalar, float, double) {
  std::mt19937 engine(3);
  for_each_size([&](Index n, Index m) {
    Numbers<Scalar> numbers(engine, n, m);
    const Matrix<double> x_hat =
        normalized(exact(numbers.A), exact(numbers.mean), exact(numbers.inverse));
    const Matrix<double> gamma_x = exact(numbers.gamma).asDiagonal() * x_hat;
    Framed<Scalar> A(numbers.A);
    Matrix<Scalar> Z(n, m);
    kernels<Scalar>().normalization.unit_forward(A.inner(), numbers.given(), numbers.gamma.data(),
                                                 numbers.beta.data(), Z);
    CHECK(error(Z, (gamma_x.colwise() + exact(numbers.beta).col(0)).eval()) < rounding<Scalar>);
    kernels<Scalar>().normalization.unit_forward(A.inner(), numbers.given(), nullptr, nullptr, Z);
    CHECK(error(Z, x_hat) < rounding<Scalar>);

    // dA = gamma inverse dZ, in memory of its own and in place
    const Matrix<double> expected =
        exact(numbers.gamma.cwiseProduct(numbers.inverse)).asDiagonal() * exact(numbers.dZ);
    Matrix<Scalar> dA(n, m);
    Framed<Scalar> dZ(numbers.dZ);
    kernels<Scalar>().normalization.unit_backward_input(dZ.inner(), numbers.given(),
                                                        numbers.gamma.data(), dA);
    CHECK(error(dA, expected) < rounding<Scalar>);
    kernels<Scalar>().normalization.unit_backward_input(dZ.inner(), numbers.given(),
                                                        numbers.gamma.data(), dZ.inner());
    CHECK(same_bits(dZ.inner(), dA));
    kernels<Scalar>().normalization.unit_backward_input(numbers.dZ, numbers.given(), nullptr, dA);
    CHECK(error(dA, (exact(numbers.inverse).asDiagonal() * exact(numbers.dZ)).eval()) <
          rounding<Scalar>);
  });
}

TEST_CASE_TEMPLATE("gradients of gamma and beta are scaled sums, or added to others", Scalar, float,
                   double) {
  std::mt19937 engine(4);
  for_each_size([&](Index n, Index m) {
    Numbers<Scalar> numbers(engine, n, m);
    const double scale = 0.5;
    const Matrix<double> x_hat =
        normalized(exact(numbers.A), exact(numbers.mean), exact(numbers.inverse));
    const Vector<double> d_gamma = scale * exact(numbers.dZ).cwiseProduct(x_hat).rowwise().sum();
    const Vector<double> d_beta = scale * exact(numbers.dZ).rowwise().sum();
    Vector<Scalar> made_gamma(n), made_beta(n);
    kernels<Scalar>().normalization.unit_backward_parameters(
        numbers.dZ, numbers.A, numbers.given(), static_cast<Scalar>(scale), made_gamma.data(),
        made_beta.data(), false);
    CHECK(error(made_gamma, d_gamma) < rounding<Scalar>);
    CHECK(error(made_beta, d_beta) < rounding<Scalar>);
    kernels<Scalar>().normalization.unit_backward_parameters(
        numbers.dZ, numbers.A, numbers.given(), static_cast<Scalar>(scale), made_gamma.data(),
        made_beta.data(), true);
    CHECK(error(made_gamma, (2 * d_gamma).eval()) < rounding<Scalar>);
    CHECK(error(made_beta, (2 * d_beta).eval()) < rounding<Scalar>);
  });
}

TEST_CASE_TEMPLATE("the way back through a batch's own moments is the written equation", Scalar,
                   float, double) {
  std::mt19937 engine(5);
  for_each_size([&](Index n, Index m) {
    Numbers<Scalar> numbers(engine, n, m);
    numbers.measure();
    const Moments of(exact(numbers.A));
    const Matrix<double> x_hat = normalized(exact(numbers.A), of.mean, of.inverse());
    const Matrix<double> dZ = exact(numbers.dZ);
    const Vector<double> d_gamma = dZ.cwiseProduct(x_hat).rowwise().sum(),
                         d_beta = dZ.rowwise().sum();
    const auto count = static_cast<double>(m);
    const Matrix<double> inner =
        (dZ - (d_gamma / count).asDiagonal() * x_hat).colwise() - d_beta / count;
    const Matrix<double> expected =
        exact(numbers.gamma).col(0).cwiseProduct(of.inverse()).asDiagonal() * inner;

    Vector<Scalar> made_gamma(n), made_beta(n);
    kernels<Scalar>().normalization.unit_backward_parameters(numbers.dZ, numbers.A, numbers.given(),
                                                             Scalar(1), made_gamma.data(),
                                                             made_beta.data(), false);
    Matrix<Scalar> dA(n, m);
    kernels<Scalar>().normalization.batch_backward_input(numbers.dZ, numbers.A, numbers.given(),
                                                         numbers.gamma.data(), made_gamma.data(),
                                                         made_beta.data(), m, dA);
    // Beside an inverse of 1 / sqrt(epsilon), where there is one example, rounding is all there is.
    CHECK(error(dA, expected) < 1e3 * rounding<Scalar>);

    // Some columns of the batch, with the sums of all.
    const Index part = (m + 1) / 2;
    Matrix<Scalar> dA_of_part(n, part);
    kernels<Scalar>().normalization.batch_backward_input(
        numbers.dZ.rightCols(part), numbers.A.rightCols(part), numbers.given(),
        numbers.gamma.data(), made_gamma.data(), made_beta.data(), m, dA_of_part);
    CHECK(same_bits(dA_of_part, dA.rightCols(part)));
  });
}

TEST_CASE("batch normalisation agrees with central differences") {
  std::mt19937 engine(6);
  for (const Index m : {2, 5, 9}) {
    CAPTURE(m);
    Numbers<double> numbers(engine, 3, m);
    numbers.measure();
    const auto f = [&](const Matrix<double>& A, const Matrix<double>& gamma,
                       const Matrix<double>& beta) {
      return numbers.dZ.cwiseProduct(batch_norm(A, gamma, beta)).sum();
    };
    Matrix<double> Z(3, m), dA(3, m);
    kernels<double>().normalization.unit_forward(numbers.A, numbers.given(), numbers.gamma.data(),
                                                 numbers.beta.data(), Z);
    CHECK(error(Z, batch_norm(numbers.A, numbers.gamma, numbers.beta)) < rounding<double>);
    Vector<double> d_gamma(3), d_beta(3);
    kernels<double>().normalization.unit_backward_parameters(
        numbers.dZ, numbers.A, numbers.given(), 1.0, d_gamma.data(), d_beta.data(), false);
    kernels<double>().normalization.batch_backward_input(numbers.dZ, numbers.A, numbers.given(),
                                                         numbers.gamma.data(), d_gamma.data(),
                                                         d_beta.data(), m, dA);
    const auto of_A = [&](const Matrix<double>& A) { return f(A, numbers.gamma, numbers.beta); };
    const auto of_gamma = [&](const Matrix<double>& g) { return f(numbers.A, g, numbers.beta); };
    const auto of_beta = [&](const Matrix<double>& b) { return f(numbers.A, numbers.gamma, b); };
    // Between two examples that are near one another the curvature is large.
    CHECK(error(dA, central_difference(numbers.A, of_A, 1e-6)) < 1e-6);
    CHECK(error(d_gamma, central_difference(numbers.gamma, of_gamma)) < central_difference_error);
    CHECK(error(d_beta, central_difference(numbers.beta, of_beta)) < central_difference_error);
  }
}

TEST_CASE_TEMPLATE("examples are normalised over their units, and back", Scalar, float, double) {
  std::mt19937 engine(7);
  for_each_size([&](Index n, Index m) {
    Numbers<Scalar> numbers(engine, n, m);
    const Matrix<double> A = exact(numbers.A), dZ = exact(numbers.dZ);
    const Vector<double> gamma = exact(numbers.gamma), beta = exact(numbers.beta);
    const Moments of(A.transpose());
    Framed<Scalar> framed(numbers.A);
    Matrix<Scalar> Z(n, m), moments(2, m), Z_without(n, m);
    kernels<Scalar>().normalization.layer_forward(framed.inner(), numbers.gamma.data(),
                                                  numbers.beta.data(), epsilon, moments.data(), Z);
    kernels<Scalar>().normalization.layer_forward(framed.inner(), numbers.gamma.data(),
                                                  numbers.beta.data(), epsilon, nullptr, Z_without);
    CHECK(error(Z, layer_norm(A, gamma, beta)) < 10.0 * rounding<Scalar>);
    CHECK(same_bits(Z_without, Z));
    CHECK(error(moments.row(0).transpose(), of.mean) < rounding<Scalar>);
    CHECK(error(moments.row(1).transpose(), of.inverse()) < 10.0 * rounding<Scalar>);

    // da = inverse (g - mean g - x_hat mean(g x_hat)), number by number
    const Matrix<double> x_hat = normalized(A.transpose(), of.mean, of.inverse()).transpose();
    Matrix<double> expected(n, m);
    for (Index j = 0; j < m; ++j) {
      const Vector<double> g = gamma.cwiseProduct(dZ.col(j));
      const double along_1 = g.mean(), along_x = g.dot(x_hat.col(j)) / static_cast<double>(n);
      for (Index i = 0; i < n; ++i)
        expected(i, j) = of.inverse()(j) * (g(i) - along_1 - x_hat(i, j) * along_x);
    }
    Matrix<Scalar> dA(n, m);
    kernels<Scalar>().normalization.layer_backward_input(numbers.dZ, framed.inner(), moments,
                                                         numbers.gamma.data(), dA);
    CHECK(error(dA, expected) < 1e3 * rounding<Scalar>);

    Vector<Scalar> d_gamma(n), d_beta(n);
    kernels<Scalar>().normalization.layer_backward_parameters(
        numbers.dZ, framed.inner(), moments, Scalar(2), d_gamma.data(), d_beta.data(), false);
    const Vector<double> expected_gamma = 2.0 * dZ.cwiseProduct(x_hat).rowwise().sum(),
                         expected_beta = 2.0 * dZ.rowwise().sum();
    CHECK(error(d_gamma, expected_gamma) < 10.0 * rounding<Scalar>);
    CHECK(error(d_beta, expected_beta) < rounding<Scalar>);
    kernels<Scalar>().normalization.layer_backward_parameters(
        numbers.dZ, framed.inner(), moments, Scalar(2), d_gamma.data(), d_beta.data(), true);
    CHECK(error(d_gamma, (2 * expected_gamma).eval()) < 10.0 * rounding<Scalar>);
    CHECK(error(d_beta, (2 * expected_beta).eval()) < rounding<Scalar>);
  });
}

TEST_CASE("layer normalisation agrees with central differences") {
  std::mt19937 engine(8);
  const Numbers<double> numbers(engine, 5, 4);
  Matrix<double> Z(5, 4), moments(2, 4), dA(5, 4);
  kernels<double>().normalization.layer_forward(numbers.A, numbers.gamma.data(),
                                                numbers.beta.data(), epsilon, moments.data(), Z);
  kernels<double>().normalization.layer_backward_input(numbers.dZ, numbers.A, moments,
                                                       numbers.gamma.data(), dA);
  Vector<double> d_gamma(5), d_beta(5);
  kernels<double>().normalization.layer_backward_parameters(numbers.dZ, numbers.A, moments, 1.0,
                                                            d_gamma.data(), d_beta.data(), false);
  const auto f = [&](const Matrix<double>& A, const Matrix<double>& gamma,
                     const Matrix<double>& beta) {
    return numbers.dZ.cwiseProduct(layer_norm(A, gamma, beta)).sum();
  };
  const auto of_A = [&](const Matrix<double>& A) { return f(A, numbers.gamma, numbers.beta); };
  const auto of_gamma = [&](const Matrix<double>& g) { return f(numbers.A, g, numbers.beta); };
  const auto of_beta = [&](const Matrix<double>& b) { return f(numbers.A, numbers.gamma, b); };
  CHECK(error(dA, central_difference(numbers.A, of_A)) < central_difference_error);
  CHECK(error(d_gamma, central_difference(numbers.gamma, of_gamma)) < central_difference_error);
  CHECK(error(d_beta, central_difference(numbers.beta, of_beta)) < central_difference_error);
}

TEST_CASE_TEMPLATE("one unit alone is its beta, and one example alone too", Scalar, float, double) {
  std::mt19937 engine(9);
  Numbers<Scalar> unit(engine, 1, 6), example(engine, 6, 1);
  Matrix<Scalar> Z(1, 6);
  kernels<Scalar>().normalization.layer_forward(unit.A, unit.gamma.data(), unit.beta.data(),
                                                epsilon, nullptr, Z);
  CHECK((Z.array() == unit.beta(0)).all());
  example.measure();
  Matrix<Scalar> Z_of_example(6, 1);
  kernels<Scalar>().normalization.unit_forward(example.A, example.given(), example.gamma.data(),
                                               example.beta.data(), Z_of_example);
  CHECK(same_bits(Z_of_example, example.beta));
}

TEST_CASE_TEMPLATE("NaN comes through, in its own unit or example alone", Scalar, float, double) {
  std::mt19937 engine(10);
  Numbers<Scalar> numbers(engine, 20, 9);
  numbers.A(18, 4) = not_a_number<Scalar>;
  Vector<Scalar> mean(20), squares(20);
  kernels<Scalar>().normalization.column_moments(numbers.A, mean.data(), squares.data());
  for (Index i = 0; i < 20; ++i) {
    CHECK(std::isnan(mean(i)) == (i == 18));
    CHECK(std::isnan(squares(i)) == (i == 18));
  }
  Matrix<Scalar> Z(20, 9);
  kernels<Scalar>().normalization.unit_forward(numbers.A, numbers.given(), numbers.gamma.data(),
                                               numbers.beta.data(), Z);
  CHECK(std::isnan(Z(18, 4)));
  CHECK(Z.array().isNaN().count() == 1);
  kernels<Scalar>().normalization.layer_forward(numbers.A, numbers.gamma.data(),
                                                numbers.beta.data(), epsilon, nullptr, Z);
  CHECK(Z.col(4).array().isNaN().all());
  CHECK(Z.array().isNaN().count() == 20);
}

TEST_CASE_TEMPLATE("the inverse deviation is one over a root", Scalar, float, double) {
  const Vector<Scalar> variance{{0, 1, 3, Scalar(0.25)}};
  Vector<Scalar> inverse(4);
  kernels<Scalar>().normalization.inverse_deviation(4, variance.data(), Scalar(1), inverse.data());
  CHECK(error(inverse, (exact(variance).array() + 1.0).sqrt().inverse().matrix().eval()) <
        rounding<Scalar>);
}

TEST_CASE_TEMPLATE("normalisation of no units, and of no examples", Scalar, float, double) {
  const auto& kernel = kernels<Scalar>().normalization;
  std::mt19937 engine(11);
  for (const auto& [n, m] : {std::pair<Index, Index>{0, 3}, {3, 0}, {0, 0}}) {
    CAPTURE(n);
    Numbers<Scalar> numbers(engine, n, m);
    const View<const Scalar> A = numbers.A, dZ = numbers.dZ;
    Matrix<Scalar> out(n, m), moments = Matrix<Scalar>::Constant(2, m, not_a_number<Scalar>);
    Vector<Scalar> mean = numbers.mean, squares = numbers.gamma;
    kernel.column_moments(A, mean.data(), squares.data());
    CHECK(mean.isZero(0));
    CHECK(squares.isZero(0));
    kernel.merge_moments(n, 0, mean.data(), squares.data(), 0, mean.data(), squares.data());
    CHECK(mean.isZero(0));
    CHECK(squares.isZero(0));
    const Scalar *const gamma = numbers.gamma.data(), *const beta = numbers.beta.data();
    kernel.unit_forward(A, numbers.given(), gamma, beta, out);
    kernel.unit_backward_input(dZ, numbers.given(), gamma, out);
    kernel.batch_backward_input(dZ, A, numbers.given(), gamma, gamma, beta, m, out);
    kernel.layer_forward(A, gamma, beta, epsilon, moments.data(), out);
    CHECK(moments.allFinite());
    kernel.layer_forward(A, gamma, beta, epsilon, nullptr, out);
    kernel.layer_backward_input(dZ, A, moments, gamma, out);
    Vector<Scalar> d_gamma = numbers.gamma, d_beta = numbers.beta;
    kernel.unit_backward_parameters(dZ, A, numbers.given(), Scalar(1), d_gamma.data(),
                                    d_beta.data(), true);
    kernel.layer_backward_parameters(dZ, A, moments, Scalar(1), d_gamma.data(), d_beta.data(),
                                     true);
    CHECK(same_bits(d_gamma, numbers.gamma));
    CHECK(same_bits(d_beta, numbers.beta));
    kernel.unit_backward_parameters(dZ, A, numbers.given(), Scalar(1), d_gamma.data(),
                                    d_beta.data(), false);
    CHECK(d_gamma.isZero(0));
    CHECK(d_beta.isZero(0));
  }
}
