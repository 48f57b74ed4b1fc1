#include "kernels/dense.hpp"
#include "reference/dense.hpp"
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
    kernels<Scalar>().dense.forward(W, b.data(), A_prev, Z, false);
    return Z;
  }
  Matrix<Scalar> dA_prev() const {
    Matrix<Scalar> dA_prev(A_prev.rows(), A_prev.cols());
    kernels<Scalar>().dense.backward_input(W, dZ, dA_prev, nullptr, 0);
    return dA_prev;
  }
  Matrix<Scalar> dW(Scalar scale) const {
    Matrix<Scalar> dW(W.rows(), W.cols());
    kernels<Scalar>().dense.backward_weights(dZ, A_prev, scale, dW, false, {});
    return dW;
  }
  Vector<Scalar> db(Scalar scale) const {
    Vector<Scalar> db(b.size());
    kernels<Scalar>().dense.backward_bias(dZ, scale, db.data(), false);
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
  kernels<Scalar>().dense.forward(W_block, layer.b.data(), A_prev_block, result.block(2, 1, n, m),
                                  false);
  CHECK(error(result, framed(layer.Z())) < rounding<Scalar>);

  result = framed(Matrix<Scalar>::Zero(n_prev, m));
  kernels<Scalar>().dense.backward_input(W_block, dZ_block, result.block(2, 1, n_prev, m), nullptr,
                                         0);
  CHECK(error(result, framed(layer.dA_prev())) < rounding<Scalar>);

  result = framed(Matrix<Scalar>::Zero(n, n_prev));
  kernels<Scalar>().dense.backward_weights(dZ_block, A_prev_block, Scalar(1),
                                           result.block(2, 1, n, n_prev), false, {});
  CHECK(error(result, framed(layer.dW(Scalar(1)))) < rounding<Scalar>);

  Vector<Scalar> db(n);
  kernels<Scalar>().dense.backward_bias(dZ_block, Scalar(1), db.data(), false);
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
    kernels<Scalar>().dense.transpose(layer.W, W_transposed);
    CHECK(same_bits(W_transposed, layer.W.transpose().eval()));
    kernels<Scalar>().dense.backward_input(layer.W, layer.dZ, kept, W_transposed.data(), n_prev);
    CHECK(same_bits(kept, layer.dA_prev()));

    // An example's column does not depend on its neighbours where the product is made in place.
    if (kernels<Scalar>().dense.in_place(n, n_prev)) {
      Matrix<Scalar> alone(n, 1);
      kernels<Scalar>().dense.forward(layer.W, layer.b.data(), layer.A_prev.col(m - 1), alone,
                                      false);
      CHECK(same_bits(alone, layer.Z().col(m - 1).eval()));
    }
  }
}

TEST_CASE_TEMPLATE("products are added to what is there, in blocks of larger matrices, too", Scalar,
                   float, double) {
  std::mt19937 engine(8);
  for (const Index n : {1, 2, 3, 4, 5, 6, 10, 15, 17})
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
        check(random_matrix<Scalar>(engine, n + 3, m + 2), W * A_prev, [&](auto Z) {
          kernels<Scalar>().dense.forward(layer.W, nullptr, layer.A_prev, Z, true);
        });
        check(random_matrix<Scalar>(engine, n + 3, n_prev + 2), 0.5 * dZ * A_prev.transpose(),
              [&](auto dW) {
                kernels<Scalar>().dense.backward_weights(layer.dZ, layer.A_prev, Scalar(0.5), dW,
                                                         true, {});
              });
      }
}

TEST_CASE_TEMPLATE(
    "a product writes its own rows alone, however few are left for the last register", Scalar,
    float, double) {
  std::mt19937 engine(10);
  for (Index n = 1; n <= 34; ++n)
    for (const Index n_prev : {3, 40}) {
      CAPTURE(n);
      CAPTURE(n_prev);
      const Index m = 7;
      const auto layer = random_layer<Scalar>(engine, n, n_prev, m);
      Matrix<Scalar> frame = Matrix<Scalar>::Constant(n + 9, m, Scalar(42)), expected = frame;
      kernels<Scalar>().dense.forward(layer.W, layer.b.data(), layer.A_prev, frame.middleRows(1, n),
                                      false);
      expected.middleRows(1, n) = layer.Z();
      CHECK(same_bits(frame, expected));
      CHECK(error(layer.Z(), reference::dense_forward(exact(layer.W), exact(layer.b),
                                                      exact(layer.A_prev))) < rounding<Scalar>);

      Matrix<Scalar> turned = Matrix<Scalar>::Constant(n_prev + 9, n, Scalar(42)),
                     expected_turned = turned;
      kernels<Scalar>().dense.transpose(layer.W, turned.middleRows(1, n_prev));
      expected_turned.middleRows(1, n_prev) = layer.W.transpose();
      CHECK(same_bits(turned, expected_turned));
    }
}

TEST_CASE_TEMPLATE("inputs in turn give the bits of all at once", Scalar, float, double) {
  std::mt19937 engine(11);
  const auto& dense = kernels<Scalar>().dense;
  for (const Index n : {2, 3, 4, 10, 33})
    for (const Index more : {1, 8, 16, 17, 40}) {
      CAPTURE(n);
      CAPTURE(more);
      const Index m = 13;
      const auto layer = random_layer<Scalar>(engine, n, dense.inputs_in_turn + more, m);
      Matrix<Scalar> Z(n, m);
      dense.forward(layer.W.leftCols(dense.inputs_in_turn), layer.b.data(),
                    layer.A_prev.topRows(dense.inputs_in_turn), Z, false);
      dense.forward(layer.W.rightCols(more), nullptr, layer.A_prev.bottomRows(more), Z, true);
      CHECK(same_bits(Z, layer.Z()));
    }
}

TEST_CASE_TEMPLATE("no units, inputs or examples: sums of no terms, and nothing beside memory",
                   Scalar, float, double) {
  std::mt19937 engine(9);
  const auto& dense = kernels<Scalar>().dense;
  for (const Index n : {0, 1, 2, 3, 4, 10, 40})
    for (const Index n_prev : {0, 1, 2, 5, 70})
      for (const Index m : {0, 1, 2, 5, 100}) {
        if (n > 0 && n_prev > 0 && m > 0) continue;
        CAPTURE(n);
        CAPTURE(n_prev);
        CAPTURE(m);
        const auto layer = random_layer<Scalar>(engine, n, n_prev, m);
        CHECK(same_bits(layer.Z(), layer.b.replicate(1, m).eval()));
        CHECK(layer.dA_prev().isZero(0));
        CHECK(layer.dW(Scalar(1)).isZero(0));
        if (m == 0) CHECK(layer.db(Scalar(1)).isZero(0));

        Matrix<Scalar> W_transposed(n_prev, n), kept(n_prev, m);
        dense.transpose(layer.W, W_transposed);
        kept.setConstant(Scalar(42));
        dense.backward_input(layer.W, layer.dZ, kept, W_transposed.data(), n_prev);
        CHECK(kept.isZero(0));

        // What is added is nothing.
        const auto Z = random_matrix<Scalar>(engine, n, m),
                   dW = random_matrix<Scalar>(engine, n, n_prev);
        Matrix<Scalar> sum = Z;
        dense.forward(layer.W, nullptr, layer.A_prev, sum, true);
        CHECK(same_bits(sum, Z));
        sum = dW;
        dense.backward_weights(layer.dZ, layer.A_prev, Scalar(1), sum, true,
                               {dW.data(), dW.size()});
        CHECK(same_bits(sum, dW));
        Vector<Scalar> db = layer.b;
        if (m == 0) {
          dense.backward_bias(layer.dZ, Scalar(1), db.data(), true);
          CHECK(same_bits(db, layer.b));
        }
      }
}
