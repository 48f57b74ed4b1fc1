#include "network/batch_input.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("columns in place are the caller's own memory", Scalar, float, double) {
  std::mt19937 engine(1);
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 5, 9);
  BatchInput<Scalar> input;
  input.bind(examples_of(X), nullptr, 3, 4, nullptr);
  input.load({0, 4});  // does nothing
  CHECK(input.X().data == X.col(3).data());
  CHECK(same_bits(matrix_of(input.X()), X.middleCols(3, 4)));
}

TEST_CASE_TEMPLATE("others are gathered, slice by slice and some rows at a time", Scalar, float,
                   double) {
  using Other = std::conditional_t<std::is_same_v<Scalar, float>, double, float>;
  std::mt19937 engine(2);
  const Matrix<Other> X = random_matrix<Other>(engine, 5, 9);
  const Matrix<Scalar> numbers = X.template cast<Scalar>();
  const std::vector<std::int64_t> order{8, 8, 0, 3, 1, 7};
  Matrix<Scalar> room = Matrix<Scalar>::Constant(5, 4, Scalar(42));
  BatchInput<Scalar> input;

  input.bind(examples_of(X), nullptr, 2, 4, room.data());
  CHECK(input.X().data == room.data());
  input.load({1, 2});
  Matrix<Scalar> expected = Matrix<Scalar>::Constant(5, 4, Scalar(42));
  expected.middleCols(1, 2) = numbers.middleCols(3, 2);
  CHECK(same_bits(room, expected));
  input.load({0, 4}, 2, 2);
  expected.middleRows(2, 2) = numbers.block(2, 2, 2, 4);
  CHECK(same_bits(room, expected));

  // Less the inputs' means, even where the rows could stay where they are.
  const Vector<double> means = Vector<double>::LinSpaced(5, -1.0, 1e6);
  for (const Examples& examples : {examples_of(X), examples_of(numbers)}) {
    room.setZero();
    input.bind(examples, nullptr, 2, 4, room.data(), means.data());
    input.load({0, 4}, 0, 2);
    input.load({0, 4}, 2, 3);
    const Matrix<double> apart =
        (examples.type == type_of<Scalar> ? exact(numbers) : exact(X)).middleCols(2, 4).colwise() -
        means;
    CHECK(same_bits(room, Matrix<Scalar>(apart.template cast<Scalar>())));
  }

  // By an order, even where the rows could stay where they are.
  for (const Examples& examples : {examples_of(X), examples_of(numbers)}) {
    room.setZero();
    input.bind(examples, order.data(), 1, 4, room.data());
    input.load({0, 2});
    input.load({2, 2});
    CHECK(same_bits(matrix_of(input.X()), numbers(Eigen::all, std::vector<int>{8, 0, 3, 1})));
  }
}
