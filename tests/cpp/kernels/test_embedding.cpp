#include "kernels/embedding.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// Columns 1 and 3 of five: tables (2, 3) and (3, 4), one after another.
const std::vector<EmbeddedColumn> columns{{1, 3, 2}, {3, 4, 3}};
constexpr Index n_prev = 5, n = 8, table_size = 2 * 3 + 3 * 4;

template <class Scalar>
struct Numbers {
  Vector<Scalar> tables;
  Matrix<Scalar> X, dZ;

  Numbers(std::mt19937& engine, Index m)
      : tables(random_vector<Scalar>(engine, table_size)),
        X(random_matrix<Scalar>(engine, n_prev, m)),
        dZ(random_matrix<Scalar>(engine, n, m)) {
    for (const EmbeddedColumn& c : columns)
      for (Index j = 0; j < m; ++j)
        X(c.column, j) = static_cast<Scalar>(random_labels(engine, 1, c.categories)[0]);
  }
  Matrix<Scalar> Z() const {
    Matrix<Scalar> Z = Matrix<Scalar>::Constant(n, X.cols(), not_a_number<Scalar>);
    kernels<Scalar>().embedding.forward(columns, tables.data(), X, Z);
    return Z;
  }
};

// E of column 1, and of column 3.
template <class Scalar>
Matrix<double> table(const Vector<Scalar>& tables, int which) {
  if (which == 0) return exact(tables).topRows(6).reshaped(2, 3);
  return exact(tables).bottomRows(12).reshaped(3, 4);
}

Index code(double x) { return static_cast<Index>(x); }

}  // namespace

TEST_CASE_TEMPLATE("an embedding by hand", Scalar, float, double) {
  const std::vector<EmbeddedColumn> first{{0, 3, 2}};
  const Vector<Scalar> E{{1, 2, 3, 4, 5, 6}};  // columns (1, 2), (3, 4), (5, 6)
  const Matrix<Scalar> X{{2, 0, 2}, {7, 8, 9}};
  Matrix<Scalar> Z(3, 3);
  kernels<Scalar>().embedding.forward(first, E.data(), X, Z);
  CHECK(Z == Matrix<Scalar>{{7, 8, 9}, {5, 1, 5}, {6, 2, 6}});

  const Matrix<Scalar> dZ{{1, 2, 3}, {10, 20, 30}, {100, 200, 300}};
  Matrix<Scalar> dX(2, 3);
  kernels<Scalar>().embedding.backward_input(first, dZ, dX);
  CHECK(dX == Matrix<Scalar>{{0, 0, 0}, {1, 2, 3}});
  Vector<Scalar> dE(6);
  dE.setConstant(42);
  kernels<Scalar>().embedding.backward_tables(first, dZ, X, Scalar(0.5), dE.data(), false);
  // Code 2 comes twice, code 1 never.
  CHECK(dE == Vector<Scalar>{{10, 100, 0, 0, 20, 200}});
  kernels<Scalar>().embedding.backward_tables(first, dZ, X, Scalar(1), dE.data(), true);
  CHECK(dE == Vector<Scalar>{{30, 300, 0, 0, 60, 600}});
}

TEST_CASE_TEMPLATE("several columns are embedded behind those that pass", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Index m : {1, 2, 40}) {
    CAPTURE(m);
    const Numbers<Scalar> numbers(engine, m);
    Matrix<double> Z(n, m), dX = Matrix<double>::Zero(n_prev, m);
    Matrix<double> dE_1 = Matrix<double>::Zero(2, 3), dE_3 = Matrix<double>::Zero(3, 4);
    const Matrix<double> X = exact(numbers.X), dZ = exact(numbers.dZ);
    for (Index j = 0; j < m; ++j) {
      Z.col(j) << X(0, j), X(2, j), X(4, j), table(numbers.tables, 0).col(code(X(1, j))),
          table(numbers.tables, 1).col(code(X(3, j)));
      dX(0, j) = dZ(0, j);
      dX(2, j) = dZ(1, j);
      dX(4, j) = dZ(2, j);
      dE_1.col(code(X(1, j))) += 0.5 * dZ.col(j).segment(3, 2);
      dE_3.col(code(X(3, j))) += 0.5 * dZ.col(j).segment(5, 3);
    }
    CHECK(exact(numbers.Z()) == Z);
    Matrix<Scalar> made_dX(n_prev, m);
    kernels<Scalar>().embedding.backward_input(columns, numbers.dZ, made_dX);
    CHECK(exact(made_dX) == dX);
    Vector<Scalar> dE(table_size);
    kernels<Scalar>().embedding.backward_tables(columns, numbers.dZ, numbers.X, Scalar(0.5),
                                                dE.data(), false);
    CHECK(error(table(dE, 0), dE_1) < rounding<Scalar>);
    CHECK(error(table(dE, 1), dE_3) < rounding<Scalar>);
    kernels<Scalar>().embedding.backward_tables(columns, numbers.dZ, numbers.X, Scalar(0.5),
                                                dE.data(), true);
    CHECK(error(table(dE, 0), (2 * dE_1).eval()) < rounding<Scalar>);
    CHECK(error(table(dE, 1), (2 * dE_3).eval()) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a code that is none counts as the nearest", Scalar, float, double) {
  std::mt19937 engine(2);
  const std::vector<EmbeddedColumn> one{{0, 3, 2}};
  // What lies beside the table is not its own.
  Vector<Scalar> room = Vector<Scalar>::Constant(40, not_a_number<Scalar>);
  room.segment(20, 6) = random_vector<Scalar>(engine, 6);
  const Matrix<Scalar> E = room.segment(20, 6).reshaped(2, 3);
  const Scalar most = std::numeric_limits<Scalar>::max();
  const Matrix<Scalar> X{{-1, -most, -infinity<Scalar>, not_a_number<Scalar>, Scalar(-0.0), 3, 4,
                          most, infinity<Scalar>, Scalar(1.5), Scalar(2.99)}};
  const std::vector<Index> expected{0, 0, 0, 0, 0, 2, 2, 2, 2, 1, 2};
  Matrix<Scalar> Z(2, X.cols());
  kernels<Scalar>().embedding.forward(one, room.data() + 20, X, Z);
  CHECK(same_bits(Z, E(Eigen::all, expected).eval()));

  Vector<Scalar> gradients = Vector<Scalar>::Constant(40, Scalar(42));
  const Matrix<Scalar> dZ = Matrix<Scalar>::Ones(2, X.cols());
  kernels<Scalar>().embedding.backward_tables(one, dZ, X, Scalar(1), gradients.data() + 20, false);
  CHECK(gradients.segment(20, 6) == Vector<Scalar>{{5, 5, 1, 1, 5, 5}});
  CHECK((gradients.head(20).array() == Scalar(42)).all());
  CHECK((gradients.tail(14).array() == Scalar(42)).all());
}

TEST_CASE_TEMPLATE("an embedding reads and writes parts of larger matrices", Scalar, float,
                   double) {
  std::mt19937 engine(3);
  const Index m = 9;
  const Numbers<Scalar> numbers(engine, m);
  Matrix<Scalar> X = Matrix<Scalar>::Constant(n_prev + 3, m + 2, Scalar(42));
  Matrix<Scalar> Z = Matrix<Scalar>::Constant(n + 3, m + 2, Scalar(42));
  X.block(2, 1, n_prev, m) = numbers.X;
  kernels<Scalar>().embedding.forward(columns, numbers.tables.data(), X.block(2, 1, n_prev, m),
                                      Z.block(2, 1, n, m));
  CHECK(same_bits(Z.block(2, 1, n, m), numbers.Z()));
  Z.block(2, 1, n, m).setConstant(Scalar(42));
  CHECK((Z.array() == Scalar(42)).all());
}

TEST_CASE("an embedding's gradients agree with central differences") {
  std::mt19937 engine(4);
  const Numbers<double> numbers(engine, 11);
  const auto of_tables = [&](const Matrix<double>& tables) {
    Numbers<double> other = numbers;
    other.tables = tables;
    return numbers.dZ.cwiseProduct(other.Z()).sum();
  };
  Vector<double> dE(table_size);
  kernels<double>().embedding.backward_tables(columns, numbers.dZ, numbers.X, 1.0, dE.data(),
                                              false);
  CHECK(error(dE, central_difference(numbers.tables, of_tables)) < central_difference_error);
}

TEST_CASE_TEMPLATE("an embedding of no examples, and of no inputs", Scalar, float, double) {
  const auto& kernel = kernels<Scalar>().embedding;
  const Numbers<Scalar> none = [] {
    std::mt19937 engine(5);
    return Numbers<Scalar>(engine, 0);
  }();
  CHECK(none.Z().size() == 0);
  kernel.backward_input(columns, none.dZ, View<Scalar>(nullptr, n_prev, 0));
  Vector<Scalar> dE = Vector<Scalar>::Constant(table_size, Scalar(42));
  kernel.backward_tables(columns, none.dZ, none.X, Scalar(1), dE.data(), true);
  CHECK((dE.array() == Scalar(42)).all());
  kernel.backward_tables(columns, none.dZ, none.X, Scalar(1), dE.data(), false);
  CHECK(dE.isZero(0));
  kernel.forward({}, nullptr, {nullptr, 0, 3}, {nullptr, 0, 3});
  kernel.backward_input({}, {nullptr, 0, 3}, {nullptr, 0, 3});
  kernel.backward_tables({}, {nullptr, 0, 3}, {nullptr, 0, 3}, Scalar(1), nullptr, false);
}
