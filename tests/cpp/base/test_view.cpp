#include "base/view.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <numeric>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE("a view reads columns that lie apart") {
  std::vector<double> numbers(20);
  std::iota(numbers.begin(), numbers.end(), 0.0);
  const View<const double> view(numbers.data(), 3, 4, 5);
  CHECK(view(0, 0) == 0.0);
  CHECK(view(2, 3) == 17.0);
  CHECK(view.column(2) == numbers.data() + 10);
  CHECK(view.size() == 12);
  CHECK_FALSE(view.contiguous());

  const View<const double> part = view.block(1, 2, 2, 2);
  CHECK(part(0, 0) == 11.0);
  CHECK(part(1, 1) == 17.0);
  CHECK(part.stride == 5);
  CHECK(view.middle_rows(1, 2)(0, 3) == 16.0);
  CHECK(view.middle_columns(3, 1)(1, 0) == 16.0);
}

TEST_CASE("one column is one run of memory, however far the next would be") {
  double number = 0.0;
  CHECK(View<double>(&number, 3, 2).contiguous());
  CHECK_FALSE(View<double>(&number, 3, 2, 4).contiguous());
  CHECK(View<double>(&number, 3, 1, 4).contiguous());
  CHECK(View<double>(&number, 3, 0, 4).contiguous());
  CHECK(View<double>().contiguous());
  CHECK(View<double>().size() == 0);
}

TEST_CASE("what may be written may be read, and not the other way round") {
  static_assert(std::is_convertible_v<View<double>, View<const double>>);
  static_assert(!std::is_convertible_v<View<const double>, View<double>>);
  static_assert(!std::is_convertible_v<View<float>, View<const double>>);
  static_assert(std::is_trivially_copyable_v<View<double>>);
  std::vector<double> numbers(6);
  const View<double> view(numbers.data(), 2, 3);
  view(1, 2) = 7.0;
  CHECK(View<const double>(view)(1, 2) == 7.0);
  CHECK(numbers[5] == 7.0);
}

TEST_CASE("a matrix lends its memory, and so does a part of it") {
  Matrix<double> matrix = Matrix<double>::Random(4, 5);
  const Matrix<double>& only_read = matrix;
  static_assert(!std::is_convertible_v<const Matrix<double>&, View<double>>);
  const View<const double> all = only_read;
  CHECK(all.data == matrix.data());
  CHECK(all.rows == 4);
  CHECK(all.columns == 5);
  CHECK(all.stride == 4);
  const View<double> part = matrix.block(1, 2, 2, 3);
  CHECK(part.data == &matrix(1, 2));
  CHECK(part.stride == 4);
  part(1, 1) = 42.0;
  CHECK(matrix(2, 3) == 42.0);
  CHECK(same_bits(matrix_of(part), matrix.block(1, 2, 2, 3)));
}
