#include "kernels/dispatch.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <utility>

using namespace deltarule;
using namespace deltarule::test;

namespace {

constexpr std::array<Index, 9> sizes{0, 1, 2, 3, 15, 16, 17, 65, 130};

// Calls use(engine, n, m) for sizes about those of vectors, blocks of rows and partial sums, and none.
template <class Use>
void for_each_size(Use use) {
  std::mt19937 engine(1);
  for (const Index n : sizes) {
    for (const Index m : sizes) {
      CAPTURE(n);
      CAPTURE(m);
      use(engine, n, m);
    }
  }
}

// The matrix as part of a larger one, beside which nothing may be written.
template <class Scalar>
Matrix<Scalar> framed(const Matrix<Scalar>& A) {
  Matrix<Scalar> frame = Matrix<Scalar>::Constant(A.rows() + 3, A.cols() + 2, Scalar(42));
  frame.block(2, 1, A.rows(), A.cols()) = A;
  return frame;
}

}  // namespace

TEST_CASE_TEMPLATE("matrices are copied and added, whole and in part", Scalar, float, double) {
  const auto& vectors = kernels<Scalar>().vectors;
  for_each_size([&](std::mt19937& engine, Index n, Index m) {
    const Matrix<Scalar> A = random_matrix<Scalar>(engine, n, m);
    const Matrix<Scalar> B = random_matrix<Scalar>(engine, n, m), sum = A + B;
    Matrix<Scalar> C(n, m);
    vectors.copy(A, C);
    CHECK(same_bits(C, A));
    vectors.copy(C, C);
    CHECK(same_bits(C, A));
    vectors.add(A, B, C);
    CHECK(same_bits(C, sum));
    C = A;
    vectors.add_to(B, C);
    CHECK(same_bits(C, sum));

    const Matrix<Scalar> of_A = framed(A), of_B = framed(B);
    Matrix<Scalar> frame = framed(B);
    const auto part = [&](auto& matrix) { return matrix.block(2, 1, n, m); };
    vectors.copy(part(of_A), part(frame));
    CHECK(same_bits(frame, of_A));
    vectors.add(part(of_A), part(of_B), part(frame));
    CHECK(same_bits(frame, framed(sum)));
    frame = of_A;
    vectors.add_to(part(of_B), part(frame));
    CHECK(same_bits(frame, framed(sum)));
  });
}

TEST_CASE_TEMPLATE("vectors are scaled, and moved towards others", Scalar, float, double) {
  const auto& vectors = kernels<Scalar>().vectors;
  std::mt19937 engine(2);
  for (const Index count : sizes) {
    CAPTURE(count);
    const Vector<Scalar> x = random_vector<Scalar>(engine, count);
    const Vector<Scalar> y = random_vector<Scalar>(engine, count);
    Vector<Scalar> made = x;
    vectors.scale(count, Scalar(0.3), made.data());
    CHECK(same_bits(made, (Scalar(0.3) * x).eval()));

    made = x;
    vectors.move_towards(count, Scalar(0.25), Scalar(1.5), y.data(), made.data());
    CHECK(error(made, (0.75 * exact(x) + 0.375 * exact(y)).eval()) < rounding<Scalar>);
    made = x;
    vectors.move_towards(count, Scalar(1), Scalar(1), made.data(), made.data());
    CHECK(same_bits(made, x));
  }
}

TEST_CASE_TEMPLATE("parts are added in their order, and scaled at the end", Scalar, float, double) {
  std::mt19937 engine(3);
  for (const Index count : sizes)
    for (const Index parts : {2, 3, 7}) {
      CAPTURE(count);
      CAPTURE(parts);
      const Index stride = count + 5;
      const Matrix<Scalar> all = random_matrix<Scalar>(engine, stride, parts);
      Vector<Scalar> sum = all.col(0).head(count), made(count);
      for (Index k = 1; k < parts; ++k) sum += all.col(k).head(count);
      sum *= Scalar(0.3);
      kernels<Scalar>().vectors.add_parts(count, all.data(), stride, parts, Scalar(0.3),
                                          made.data());
      CHECK(same_bits(made, sum));
    }
}

TEST_CASE_TEMPLATE("a penalty is a cost and its derivative", Scalar, float, double) {
  std::mt19937 engine(4);
  const double l1 = 0.01, l2 = 0.03;
  for (const Index count : sizes) {
    CAPTURE(count);
    Vector<Scalar> w = random_vector<Scalar>(engine, count);
    if (count > 1) w(1) = 0;
    const Vector<Scalar> g = random_vector<Scalar>(engine, count);
    Vector<Scalar> made = g;
    const double cost = kernels<Scalar>().vectors.penalize(count, l1, l2, w.data(), made.data());
    const Vector<double> x = exact(w);
    CHECK(error(cost, l1 * x.cwiseAbs().sum() + l2 / 2.0 * x.squaredNorm()) < rounding<double>);
    CHECK(error(made, (exact(g) + l1 * x.cwiseSign() + l2 * x).eval()) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("gradients are clipped, but NaN", Scalar, float, double) {
  constexpr Scalar inf = infinity<Scalar>;
  Vector<Scalar> g{{Scalar(0.5), -3, 3, inf, -inf, Scalar(-0.0), not_a_number<Scalar>, 2, -2}};
  const Vector<Scalar> clipped{
      {Scalar(0.5), -2, 2, 2, -2, Scalar(-0.0), not_a_number<Scalar>, 2, -2}};
  kernels<Scalar>().vectors.clip(g.size(), Scalar(2), g.data());
  CHECK(same_bits(g, clipped));
  kernels<Scalar>().vectors.clip(0, Scalar(2), nullptr);
}

TEST_CASE_TEMPLATE("squares are added up in double", Scalar, float, double) {
  std::mt19937 engine(5);
  for (const Index count : sizes) {
    const Vector<Scalar> g = random_vector<Scalar>(engine, count);
    CHECK(error(kernels<Scalar>().vectors.sum_of_squares(count, g.data()), exact(g).squaredNorm()) <
          rounding<double>);
  }
  const Scalar large[] = {std::numeric_limits<float>::max(), std::numeric_limits<float>::max()};
  CHECK(std::isfinite(kernels<Scalar>().vectors.sum_of_squares(2, large)));
}

TEST_CASE_TEMPLATE("rows that are too long are shortened", Scalar, float, double) {
  for_each_size([&](std::mt19937& engine, Index n, Index m) {
    const Matrix<Scalar> W = random_matrix<Scalar>(engine, n, m);
    const Scalar most = Scalar(1.5);
    Matrix<Scalar> expected = W;
    for (Index i = 0; i < n; ++i) {
      const Scalar norm = W.row(i).norm();
      if (norm > most) expected.row(i) *= most / norm;
    }
    Matrix<Scalar> frame = framed(W);
    kernels<Scalar>().vectors.limit_row_norms(frame.block(2, 1, n, m), most);
    CHECK(error(frame, framed(expected)) < rounding<Scalar>);
    Matrix<Scalar> alone = W;
    kernels<Scalar>().vectors.limit_row_norms(alone, most);
    CHECK(same_bits(alone, frame.block(2, 1, n, m)));
    // Any cut of the rows gives the same bits.
    Matrix<Scalar> in_parts = W;
    const Index half = n / 2;
    kernels<Scalar>().vectors.limit_row_norms(in_parts.topRows(half), most);
    kernels<Scalar>().vectors.limit_row_norms(in_parts.bottomRows(n - half), most);
    CHECK(same_bits(in_parts, alone));
  });
}
