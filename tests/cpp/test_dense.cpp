#include "deltarule/dense.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
struct OneLayer {
  Matrix<Scalar> W;
  Vector<Scalar> b;
  Matrix<Scalar> A_prev, dZ;

  Matrix<Scalar> Z() const {
    Matrix<Scalar> Z(W.rows(), A_prev.cols());
    dense_forward<Scalar>(W, b, A_prev, Z);
    return Z;
  }
  Matrix<Scalar> dA_prev() const {
    Matrix<Scalar> dA_prev(A_prev.rows(), A_prev.cols());
    dense_backward_input<Scalar>(W, dZ, dA_prev);
    return dA_prev;
  }
  Matrix<Scalar> dW(Scalar scale) const {
    Matrix<Scalar> dW(W.rows(), W.cols());
    dense_backward_weights<Scalar>(dZ, A_prev, scale, dW);
    return dW;
  }
  Vector<Scalar> db(Scalar scale) const {
    Vector<Scalar> db(b.size());
    dense_backward_bias<Scalar>(dZ, scale, db);
    return db;
  }
};

template <class Scalar>
OneLayer<Scalar> random_layer(std::mt19937& engine, Index n, Index n_prev, Index m) {
  return {random_matrix<Scalar>(engine, n, n_prev), random_vector<Scalar>(engine, n),
          random_matrix<Scalar>(engine, n_prev, m), random_matrix<Scalar>(engine, n, m)};
}

}  // namespace

TEST_CASE_TEMPLATE("a dense layer by hand", Scalar, float, double) {
  OneLayer<Scalar> layer;
  layer.W.resize(2, 3);
  layer.W << 1, -2, 3, 0, 4, -1;
  layer.b.resize(2);
  layer.b << 1, -1;
  layer.A_prev.resize(3, 2);
  layer.A_prev << 1, 2, 0, -1, 2, 1;
  layer.dZ.resize(2, 2);
  layer.dZ << 1, -1, 2, 4;

  Matrix<Scalar> Z(2, 2);
  // 1*1 - 2*0 + 3*2 + 1 = 8 and so on
  Z << 8, 8, -3, -6;
  CHECK(layer.Z() == Z);

  Matrix<Scalar> dA_prev(3, 2);
  // dA_prev(1, 0) = -2*1 + 4*2 = 6
  dA_prev << 1, -1, 6, 18, 1, -7;
  CHECK(layer.dA_prev() == dA_prev);

  Matrix<Scalar> dW(2, 3);
  // half of dZ A_prev^T: dW(1, 0) = (2*1 + 4*2) / 2 = 5
  dW << Scalar(-0.5), Scalar(0.5), Scalar(0.5), 5, -2, 4;
  CHECK(layer.dW(Scalar(0.5)) == dW);

  Vector<Scalar> db(2);
  db << 0, 3;
  CHECK(layer.db(Scalar(0.5)) == db);
}

TEST_CASE_TEMPLATE("a dense layer of any shape agrees with naive loops", Scalar, float, double) {
  std::mt19937 engine(1);
  const auto check = [&engine](Index n, Index n_prev, Index m) {
    CAPTURE(n);
    CAPTURE(n_prev);
    CAPTURE(m);
    const auto layer = random_layer<Scalar>(engine, n, n_prev, m);
    const Matrix<double> W = exact(layer.W), A_prev = exact(layer.A_prev), dZ = exact(layer.dZ);
    const Scalar scale = Scalar(1) / static_cast<Scalar>(m);

    CHECK(error(layer.Z(), reference::dense_forward(W, exact(layer.b), A_prev)) < rounding<Scalar>);
    CHECK(error(layer.dA_prev(), reference::product(W.transpose(), dZ)) < rounding<Scalar>);
    CHECK(error(layer.dW(scale),
                static_cast<double>(scale) * reference::product(dZ, A_prev.transpose())) <
          rounding<Scalar>);
    CHECK(error(layer.db(scale), static_cast<double>(scale) * reference::sum_columns(dZ)) <
          rounding<Scalar>);
  };
  constexpr std::array<Index, 7> sizes{1, 2, 3, 7, 8, 17, 33};
  for (const Index n : sizes)
    for (const Index n_prev : sizes)
      for (const Index m : sizes) check(n, n_prev, m);
  // Weights beyond what stays in a core's cache, and a factor of one very long side.
  check(501, 480, 1);
  check(480, 501, 9);
  check(1, 3001, 5);
  check(3001, 1, 5);
  check(2, 3, 3001);
}

TEST_CASE_TEMPLATE("a dense layer reads and writes blocks of larger matrices", Scalar, float,
                   double) {
  std::mt19937 engine(2);
  const Index n = 5, n_prev = 9, m = 7;
  const auto layer = random_layer<Scalar>(engine, n, n_prev, m);
  const auto framed = [](const Matrix<Scalar>& matrix) {
    Matrix<Scalar> frame =
        Matrix<Scalar>::Constant(matrix.rows() + 3, matrix.cols() + 2, Scalar(42));
    frame.block(2, 1, matrix.rows(), matrix.cols()) = matrix;
    return frame;
  };
  const Matrix<Scalar> W = framed(layer.W), A_prev = framed(layer.A_prev), dZ = framed(layer.dZ);
  const auto W_block = W.block(2, 1, n, n_prev);
  const auto A_prev_block = A_prev.block(2, 1, n_prev, m);
  const auto dZ_block = dZ.block(2, 1, n, m);

  Matrix<Scalar> result = framed(Matrix<Scalar>::Zero(n, m));
  dense_forward<Scalar>(W_block, layer.b, A_prev_block, result.block(2, 1, n, m));
  CHECK(error(result, framed(layer.Z())) < rounding<Scalar>);

  result = framed(Matrix<Scalar>::Zero(n_prev, m));
  dense_backward_input<Scalar>(W_block, dZ_block, result.block(2, 1, n_prev, m));
  CHECK(error(result, framed(layer.dA_prev())) < rounding<Scalar>);

  result = framed(Matrix<Scalar>::Zero(n, n_prev));
  dense_backward_weights<Scalar>(dZ_block, A_prev_block, Scalar(1), result.block(2, 1, n, n_prev));
  CHECK(error(result, framed(layer.dW(Scalar(1)))) < rounding<Scalar>);

  Vector<Scalar> db(n);
  dense_backward_bias<Scalar>(dZ_block, Scalar(1), db);
  CHECK(error(db, layer.db(Scalar(1))) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("NaN and Inf go where the equations carry them", Scalar, float, double) {
  std::mt19937 engine(3);
  // The last size is beyond what stays in a core's cache, for which there is another product.
  for (const Index size : {Index(3), Index(33), Index(501)}) {
    CAPTURE(size);
    auto layer = random_layer<Scalar>(engine, size, size, size);
    const auto finite_but = [size](const Matrix<Scalar>& matrix, Index row, Index column) {
      for (Index j = 0; j < matrix.cols(); ++j)
        for (Index i = 0; i < matrix.rows(); ++i)
          if (std::isfinite(matrix(i, j)) == (i == row || j == column)) return false;
      return matrix.rows() == size;
    };
    constexpr Index none = -1;
    // A weight of zero times Inf is NaN, and is not skipped.
    layer.W.setZero();
    for (const Scalar poison : {not_a_number<Scalar>, infinity<Scalar>}) {
      auto poisoned = layer;
      poisoned.A_prev(1, 2) = poison;
      CHECK(finite_but(poisoned.Z(), none, 2));
      CHECK(finite_but(poisoned.dW(Scalar(1)), none, 1));

      poisoned = layer;
      poisoned.dZ(1, 2) = poison;
      CHECK(finite_but(poisoned.dA_prev(), none, 2));
      CHECK(finite_but(poisoned.dW(Scalar(1)), 1, none));
      CHECK(finite_but(poisoned.db(Scalar(1)), 1, none));

      poisoned = layer;
      poisoned.W(1, 2) = poison;
      CHECK(finite_but(poisoned.Z(), 1, none));
      CHECK(finite_but(poisoned.dA_prev(), 2, none));

      poisoned = layer;
      poisoned.b(1) = poison;
      CHECK(finite_but(poisoned.Z(), 1, none));
    }
  }
}

TEST_CASE_TEMPLATE("a dense layer of every size at which its products change their way", Scalar,
                   float, double) {
  // Few rows, rows of one to four registers and parts of one; terms in several blocks; factors whose
  // rows lie pages apart; and layers that Eigen packs.
  constexpr std::array<std::array<Index, 3>, 13> shapes{{{20, 1300, 70},
                                                         {45, 1200, 9},
                                                         {7, 5000, 65},
                                                         {49, 6000, 20},
                                                         {130, 70, 1},
                                                         {300, 1000, 50},
                                                         {300, 1030, 250},
                                                         {1100, 300, 200},
                                                         {1, 1500, 300},
                                                         {33, 3, 2000},
                                                         {3, 1300, 70},
                                                         {4, 600, 33},
                                                         {10, 130, 90}}};
  std::mt19937 engine(7);
  for (const auto& [n, n_prev, m] : shapes) {
    CAPTURE(n);
    CAPTURE(n_prev);
    CAPTURE(m);
    const OneLayer<Scalar> layer = random_layer<Scalar>(engine, n, n_prev, m);
    const Matrix<double> W = exact(layer.W), A_prev = exact(layer.A_prev), dZ = exact(layer.dZ);
    const Vector<double> b = exact(layer.b);
    CHECK(error(layer.Z(), ((W * A_prev).colwise() + b).eval()) <= rounding<Scalar>);
    CHECK(error(layer.dW(Scalar(0.25)), (0.25 * dZ * A_prev.transpose()).eval()) <=
          rounding<Scalar>);
    CHECK(error(layer.db(Scalar(0.25)), (0.25 * dZ.rowwise().sum()).eval()) <= rounding<Scalar>);
    CHECK(error(layer.dA_prev(), (W.transpose() * dZ).eval()) <= rounding<Scalar>);

    Matrix<Scalar> W_transposed(n_prev, n), kept(n_prev, m);
    transpose_weights<Scalar>(layer.W, W_transposed);
    CHECK(same_bits(W_transposed, layer.W.transpose().eval()));
    dense_backward_input<Scalar>(layer.W, layer.dZ, kept, W_transposed.data());
    CHECK(same_bits(kept, layer.dA_prev()));

    // An example's column does not depend on its neighbours where the product is made in place.
    if (product_in_place<Scalar>(n, n_prev)) {
      Matrix<Scalar> alone(n, 1);
      dense_forward<Scalar>(layer.W, layer.b, layer.A_prev.col(m - 1), alone);
      CHECK(same_bits(alone, layer.Z().col(m - 1).eval()));
    }
  }
}

TEST_CASE_TEMPLATE("products are added to what is there, in blocks of larger matrices, too", Scalar,
                   float, double) {
  std::mt19937 engine(8);
  for (const Index n : {1, 2, 3, 4, 5, 10, 15, 17})
    for (const Index n_prev : {5, 16, 65, 600})
      for (const Index m : {1, 3, 19}) {
        CAPTURE(n);
        CAPTURE(n_prev);
        CAPTURE(m);
        const auto layer = random_layer<Scalar>(engine, n, n_prev, m);
        const Matrix<double> W = exact(layer.W), A_prev = exact(layer.A_prev), dZ = exact(layer.dZ);
        const auto check = [](Matrix<Scalar> frame, const Matrix<double>& sum, auto add) {
          Matrix<double> expected = exact(frame);
          auto inside = frame.block(2, 1, sum.rows(), sum.cols());
          expected.block(2, 1, sum.rows(), sum.cols()) += sum;
          add(inside);
          CHECK(error(frame, expected) < rounding<Scalar>);
        };
        check(random_matrix<Scalar>(engine, n + 3, m + 2), W * A_prev,
              [&](auto Z) { dense_forward_without_bias<Scalar>(layer.W, layer.A_prev, Z, true); });
        check(random_matrix<Scalar>(engine, n + 3, n_prev + 2), 0.5 * dZ * A_prev.transpose(),
              [&](auto dW) {
                dense_backward_weights<Scalar>(layer.dZ, layer.A_prev, Scalar(0.5), dW, true);
              });
      }
}

TEST_CASE_TEMPLATE("a gradient over no examples is zero", Scalar, float, double) {
  for (const Index n : {1, 3, 10, 40}) {
    CAPTURE(n);
    Matrix<Scalar> dW = Matrix<Scalar>::Constant(n, 50, Scalar(42));
    dense_backward_weights<Scalar>(Matrix<Scalar>(n, 0), Matrix<Scalar>(50, 0), Scalar(1), dW);
    CHECK(dW.isZero(0));
  }
}
