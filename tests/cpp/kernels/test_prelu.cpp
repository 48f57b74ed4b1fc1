#include "kernels/prelu.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <random>
#include <utility>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
struct Prelu {
  Matrix<Scalar> A, dZ;
  Vector<Scalar> slope;

  Matrix<Scalar> Z() const {
    Matrix<Scalar> Z(A.rows(), A.cols());
    kernels<Scalar>().prelu.forward(A, slope.data(), Z);
    return Z;
  }
  Matrix<Scalar> dA() const {
    Matrix<Scalar> dA(A.rows(), A.cols());
    kernels<Scalar>().prelu.backward_input(dZ, A, slope.data(), dA);
    return dA;
  }
  Vector<Scalar> d_slope(Scalar scale) const {
    Vector<Scalar> d_slope(A.rows());
    kernels<Scalar>().prelu.backward_slope(dZ, A, scale, d_slope.data(), false);
    return d_slope;
  }
};

template <class Scalar>
Prelu<Scalar> random_prelu(std::mt19937& engine, Index n, Index m) {
  return {random_matrix<Scalar>(engine, n, m), random_matrix<Scalar>(engine, n, m),
          random_vector<Scalar>(engine, n)};
}

}  // namespace

TEST_CASE_TEMPLATE("a parametric rectifier by hand", Scalar, float, double) {
  const Prelu<Scalar> prelu{Matrix<Scalar>{{1, -2, 0}, {-4, 3, -1}},
                            Matrix<Scalar>{{5, 6, 7}, {1, 2, 3}},
                            Vector<Scalar>{{Scalar(0.5), Scalar(-0.25)}}};
  CHECK(prelu.Z() == Matrix<Scalar>{{1, -1, 0}, {1, 3, Scalar(0.25)}});
  // At 0 the slope counts, as for every number that is not above it.
  CHECK(prelu.dA() == Matrix<Scalar>{{5, 3, Scalar(3.5)}, {Scalar(-0.25), 2, Scalar(-0.75)}});
  CHECK(prelu.d_slope(2) == Vector<Scalar>{{-24, -14}});  // 2 (6 * -2), 2 (1 * -4 + 3 * -1)
}

TEST_CASE_TEMPLATE("a parametric rectifier of any shape agrees with naive loops", Scalar, float,
                   double) {
  std::mt19937 engine(1);
  constexpr std::array<Index, 8> sizes{1, 2, 3, 15, 16, 17, 65, 130};
  for (const Index n : sizes) {
    for (const Index m : sizes) {
      CAPTURE(n);
      CAPTURE(m);
      const auto prelu = random_prelu<Scalar>(engine, n, m);
      Matrix<Scalar> Z(n, m), dA(n, m);
      Vector<double> d_slope = Vector<double>::Zero(n);
      for (Index j = 0; j < m; ++j) {
        for (Index i = 0; i < n; ++i) {
          const Scalar a = prelu.A(i, j), dz = prelu.dZ(i, j), slope = prelu.slope(i);
          Z(i, j) = a > Scalar(0) ? a : slope * a;
          dA(i, j) = a > Scalar(0) ? dz : slope * dz;
          if (a <= Scalar(0)) d_slope(i) += static_cast<double>(dz) * static_cast<double>(a);
        }
      }
      CHECK(same_bits(prelu.Z(), Z));
      CHECK(same_bits(prelu.dA(), dA));
      CHECK(error(prelu.d_slope(Scalar(0.5)), (0.5 * d_slope).eval()) < rounding<Scalar>);
      Vector<Scalar> twice = prelu.d_slope(Scalar(0.5));
      kernels<Scalar>().prelu.backward_slope(prelu.dZ, prelu.A, Scalar(0.5), twice.data(), true);
      CHECK(error(twice, d_slope) < rounding<Scalar>);

      Matrix<Scalar> in_place = prelu.dZ;
      kernels<Scalar>().prelu.backward_input(in_place, prelu.A, prelu.slope.data(), in_place);
      CHECK(same_bits(in_place, dA));
    }
  }
}

TEST_CASE_TEMPLATE("a parametric rectifier reads and writes parts of larger matrices", Scalar,
                   float, double) {
  std::mt19937 engine(2);
  const Index n = 19, m = 6;
  const auto prelu = random_prelu<Scalar>(engine, n, m);
  const auto framed = [&](const Matrix<Scalar>& matrix) {
    Matrix<Scalar> frame = Matrix<Scalar>::Constant(n + 3, m + 2, Scalar(42));
    frame.block(2, 1, n, m) = matrix;
    return frame;
  };
  const Matrix<Scalar> A = framed(prelu.A), dZ = framed(prelu.dZ);
  Matrix<Scalar> Z = framed(prelu.A), dA = Z;
  Vector<Scalar> d_slope(n);
  kernels<Scalar>().prelu.forward(A.block(2, 1, n, m), prelu.slope.data(), Z.block(2, 1, n, m));
  kernels<Scalar>().prelu.backward_input(dZ.block(2, 1, n, m), A.block(2, 1, n, m),
                                         prelu.slope.data(), dA.block(2, 1, n, m));
  kernels<Scalar>().prelu.backward_slope(dZ.block(2, 1, n, m), A.block(2, 1, n, m), Scalar(1),
                                         d_slope.data(), false);
  CHECK(same_bits(Z, framed(prelu.Z())));
  CHECK(same_bits(dA, framed(prelu.dA())));
  CHECK(same_bits(d_slope, prelu.d_slope(1)));
}

TEST_CASE("the rectifier's gradients agree with central differences") {
  std::mt19937 engine(3);
  const auto prelu = random_prelu<double>(engine, 4, 7);
  const auto f = [&](const Matrix<double>& A, const Matrix<double>& slope) {
    return prelu.dZ.cwiseProduct(Prelu<double>{A, prelu.dZ, slope}.Z()).sum();
  };
  const auto of_A = [&](const Matrix<double>& A) { return f(A, prelu.slope); };
  const auto of_slope = [&](const Matrix<double>& slope) { return f(prelu.A, slope); };
  CHECK(error(prelu.dA(), central_difference(prelu.A, of_A)) < central_difference_error);
  CHECK(error(prelu.d_slope(1), central_difference(prelu.slope, of_slope)) <
        central_difference_error);
}

TEST_CASE_TEMPLATE("a rectifier lets NaN through", Scalar, float, double) {
  std::mt19937 engine(4);
  auto prelu = random_prelu<Scalar>(engine, 18, 3);
  prelu.A(17, 1) = not_a_number<Scalar>;
  CHECK(std::isnan(prelu.Z()(17, 1)));
  CHECK(prelu.Z().array().isNaN().count() == 1);
  CHECK(std::isnan(prelu.d_slope(1)(17)));
  CHECK(prelu.d_slope(1).array().isNaN().count() == 1);
}

TEST_CASE_TEMPLATE("a rectifier of no units, and of no examples", Scalar, float, double) {
  for (const auto& [n, m] : {std::pair<Index, Index>{0, 3}, {3, 0}, {0, 0}}) {
    const Prelu<Scalar> prelu{Matrix<Scalar>(n, m), Matrix<Scalar>(n, m), Vector<Scalar>::Ones(n)};
    CHECK(prelu.Z().size() == 0);
    CHECK(prelu.dA().size() == 0);
    CHECK(prelu.d_slope(1).isZero(0));
  }
}
