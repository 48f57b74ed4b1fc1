#include "examples.hpp"
#include "kernels/dispatch.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
Matrix<Scalar> gathered(const Examples& examples, const std::vector<std::int64_t>& order) {
  Matrix<Scalar> columns(examples.features, static_cast<Index>(order.size()));
  kernels<Scalar>().gather.gather(examples, order.data(), 0, columns);
  return columns;
}

// Among all examples; none if there is none.
template <class Scalar>
std::optional<NonFinite> find_non_finite(const Examples& examples) {
  const NonFinite found = kernels<Scalar>().gather.find_non_finite(examples);
  return found.example < 0 ? std::nullopt : std::optional(found);
}

template <class Scalar>
Matrix<Scalar> gathered(const Examples& examples) {
  Matrix<Scalar> columns(examples.features, examples.count);
  kernels<Scalar>().gather.gather(examples, nullptr, 0, columns);
  return columns;
}

// Less an origin a feature; the first number is of the example in the order's place `first`.
template <class Scalar>
Matrix<Scalar> gathered_from(const Examples& examples, const Vector<double>& origin,
                             const std::int64_t* order = nullptr, Index first = 0) {
  Matrix<Scalar> columns(examples.features, examples.count - first);
  kernels<Scalar>().gather.gather_from(examples, order, first, origin.data(), columns);
  return columns;
}

}  // namespace

TEST_CASE_TEMPLATE("examples of every number type and layout are gathered as they read", Number,
                   float, double, std::uint8_t, std::int32_t, std::int64_t) {
  const Table<Number> table;
  for (const Layout& layout : layouts) {
    CAPTURE(layout.name);
    const Examples examples = table.cut(layout.row, layout.column, layout.count, layout.features,
                                        layout.example_stride, layout.feature_stride);
    const Matrix<double> columns = layout.columns();
    CHECK(gathered<double>(examples) == columns);
    CHECK(exact(gathered<float>(examples)) == columns);
  }
}

TEST_CASE_TEMPLATE("an order chooses examples, from `first` of it", Scalar, float, double) {
  const Table<std::int32_t> table;
  const std::vector<std::int64_t> order{5, 0, 3, 3, 1};
  const Matrix<Scalar> whole = gathered<Scalar>(table.whole());
  CHECK(gathered<Scalar>(table.whole(), order) == whole(Eigen::all, order));

  Matrix<Scalar> columns(Table<std::int32_t>::width, 2);
  kernels<Scalar>().gather.gather(table.whole(), order.data(), 2, columns);
  CHECK(columns == whole(Eigen::all, {3, 3}));
  kernels<Scalar>().gather.gather(table.whole(), nullptr, 2, columns);
  CHECK(columns == whole.middleCols(2, 2));
}

TEST_CASE_TEMPLATE("examples are gathered into a block without touching what is around it", Scalar,
                   float, double) {
  const Table<double> table;
  const Examples examples = table.whole();
  Matrix<Scalar> frame = Matrix<Scalar>::Constant(9, 9, Scalar(-1)), expected = frame;
  const auto block = [&](Matrix<Scalar>& matrix) {
    return matrix.block(2, 1, examples.features, examples.count);
  };
  kernels<Scalar>().gather.gather(examples, nullptr, 0, block(frame));
  block(expected) = gathered<Scalar>(examples);
  CHECK(frame == expected);
}

TEST_CASE("numbers are rounded to the network's, once") {
  const std::vector<std::int64_t> large{(std::int64_t{1} << 53) + 1, -7};
  const Examples integers{large.data(), NumberType::int64, 2, 1, 8, 8};
  CHECK(gathered<double>(integers)(0) == 0x1p53);
  CHECK(gathered<float>(integers)(1) == -7.0F);
  const std::vector<double> fine{0.1, 1e300};
  const Examples doubles{fine.data(), NumberType::float64, 2, 1, 8, 8};
  CHECK(gathered<float>(doubles)(0) == 0.1F);
  CHECK(gathered<float>(doubles)(1) == infinity<float>);
}

TEST_CASE_TEMPLATE("an origin is taken off before numbers are rounded", Number, float, double,
                   std::uint8_t, std::int32_t, std::int64_t) {
  const Table<Number> table;
  for (const Layout& layout : layouts) {
    CAPTURE(layout.name);
    const Examples examples = table.cut(layout.row, layout.column, layout.count, layout.features,
                                        layout.example_stride, layout.feature_stride);
    const Vector<double> origin = Vector<double>::LinSpaced(layout.features, -1.0 / 3.0, 5e9);
    const Matrix<double> expected = layout.columns().colwise() - origin;
    CHECK(gathered_from<double>(examples, origin) == expected);
    CHECK(gathered_from<float>(examples, origin) == expected.cast<float>());
  }
  const std::vector<std::int64_t> order{5, 0, 3, 3, 1, 2};
  const Vector<double> origin = Vector<double>::Constant(table.whole().features, 0.5);
  const Matrix<double> whole = gathered_from<double>(table.whole(), origin);
  CHECK(gathered_from<double>(table.whole(), origin, order.data(), 2) ==
        whole(Eigen::all, {3, 3, 1, 2}));
  CHECK(gathered_from<double>(table.whole(), origin, nullptr, 2) == whole.rightCols(4));
}

TEST_CASE("what a float cannot tell apart it can when its origin is near") {
  const std::vector<std::int64_t> seconds{1600000000, 1600000001, 1600000199};
  const Examples integers{seconds.data(), NumberType::int64, 3, 1, 8, 8};
  const Matrix<float> near =
      gathered_from<float>(integers, Vector<double>::Constant(1, 1600000099.5));
  CHECK(near(0) == -99.5F);
  CHECK(near(1) == -98.5F);
  CHECK(near(2) == 99.5F);
}

TEST_CASE_TEMPLATE("the first number that is not finite is found", Number, float, double) {
  Table<Number> table;
  const auto find_in = [&](const Layout& layout) {
    return find_non_finite<double>(table.cut(layout.row, layout.column, layout.count,
                                             layout.features, layout.example_stride,
                                             layout.feature_stride));
  };
  for (const Layout& layout : layouts) {
    CAPTURE(layout.name);
    CHECK_FALSE(find_in(layout).has_value());
  }
  // The largest numbers add up to Inf, but are finite themselves.
  table.numbers.assign(table.numbers.size(), std::numeric_limits<Number>::max());
  CHECK_FALSE(find_non_finite<double>(table.whole()).has_value());

  const auto put = [&](Index row, Index column, Number value) {
    table.numbers[table.index(row, column)] = value;
  };
  put(3, 1, not_a_number<Number>);
  put(2, 4, -infinity<Number>);
  put(2, 3, infinity<Number>);
  const auto check_at = [](const std::optional<NonFinite>& found, Index example, Index feature) {
    REQUIRE(found.has_value());
    CHECK(found->example == example);
    CHECK(found->feature == feature);
  };
  check_at(find_non_finite<double>(table.whole()), 2, 3);
  CHECK(find_non_finite<double>(table.whole())->value == infinity<double>);
  check_at(find_non_finite<double>(table.cut(0, 4, 6, 5, width, -1)), 2,
           0);  // columns from the last
  check_at(find_non_finite<double>(table.cut(5, 0, 6, 5, -width, 1)), 2, 1);  // rows from the last
  check_at(find_non_finite<double>(table.cut(0, 0, 5, 6, 1, width)), 1, 3);   // transposed
  check_at(find_non_finite<double>(table.cut(2, 2, 6, 2, 0, 1)), 0, 1);  // a row again and again
  CHECK(std::isnan(find_non_finite<double>(table.cut(3, 0, 3, 5, width, 1))->value));
  CHECK_FALSE(find_non_finite<double>(table.cut(0, 0, 6, 1, width, 1)).has_value());
}

TEST_CASE_TEMPLATE("integers are finite", Number, std::uint8_t, std::int32_t, std::int64_t) {
  CHECK_FALSE(find_non_finite<float>(Table<Number>().whole()).has_value());
}

TEST_CASE("a double that is too large for a float is found") {
  const double numbers[] = {1.0, -3.4e38, 3.5e38, 1e300};
  const Examples rows{numbers, NumberType::float64, 2, 2, 2 * sizeof(double), sizeof(double)};
  CHECK_FALSE(find_non_finite<double>(rows).has_value());
  const auto found = find_non_finite<float>(rows);
  REQUIRE(found.has_value());
  CHECK(found->example == 1);
  CHECK(found->feature == 0);
  CHECK(found->value == 3.5e38);
}

TEST_CASE_TEMPLATE("sparse rows are gathered as the dense rows that they stand for", Number, float,
                   double, std::uint8_t, std::int32_t, std::int64_t) {
  const auto check = [](auto matrix) {
    const Examples examples = matrix.examples();
    const Matrix<double> dense = matrix.dense();
    CHECK(gathered<double>(examples) == dense);
    CHECK(exact(gathered<float>(examples)) == dense);
    const std::vector<std::int64_t> order{3, 0, 0, 1};
    CHECK(gathered<double>(examples, order) == dense(Eigen::all, order));
    // Into what has been written to before, and nowhere else.
    Matrix<double> frame = Matrix<double>::Constant(9, 6, -1.0), expected = frame;
    kernels<double>().gather.gather(examples, nullptr, 1, frame.block(2, 1, 6, 3));
    expected.block(2, 1, 6, 3) = dense.rightCols(3);
    CHECK(frame == expected);
  };
  check(Compressed<Number, std::int32_t>());
  check(Compressed<Number, std::int64_t>());
}

TEST_CASE_TEMPLATE("of sparse rows an origin is taken off everywhere", Number, float, double,
                   std::uint8_t, std::int32_t, std::int64_t) {
  const auto check = [](auto matrix) {
    const Examples examples = matrix.examples();
    const Vector<double> origin = Vector<double>::LinSpaced(6, -1.0 / 3.0, 5e9);
    const Matrix<double> expected = matrix.dense().colwise() - origin;
    CHECK(gathered_from<double>(examples, origin) == expected);
    CHECK(gathered_from<float>(examples, origin) == expected.cast<float>());
    const Examples some = examples.features_from(1, 3);
    CHECK(gathered_from<double>(some, origin.segment(1, 3)) == expected.middleRows(1, 3));
  };
  check(Compressed<Number, std::int32_t>());
  Compressed<Number, std::int64_t> twice;
  twice.indices = {1, 1, 0, 3, 3, 0, 5};  // numbers of one feature add up
  check(twice);
}

TEST_CASE("some features of examples, dense or sparse, and some of those") {
  const Table<double> table;
  const Compressed<double, std::int32_t> matrix;
  for (const Examples& examples :
       {table.whole(), table.cut(5, 4, 6, 5, -width, -1), matrix.examples()}) {
    const Matrix<double> whole = gathered<double>(examples);
    for (Index first = 0; first < examples.features; ++first)
      for (Index count = 0; first + count <= examples.features; ++count)
        CHECK(gathered<double>(examples.features_from(first, count)) ==
              whole.middleRows(first, count));
    CHECK(gathered<double>(examples.features_from(1, 4).features_from(2, 2)) ==
          whole.middleRows(3, 2));
  }
}

TEST_CASE("numbers stored for one feature are added up, and -0 is 0") {
  Compressed<float, std::int32_t> matrix;
  matrix.indices[1] = 1;
  matrix.numbers[2] = -0.0F;
  CHECK(gathered<double>(matrix.examples())(1, 0) == 4.0);
  CHECK_FALSE(std::signbit(gathered<float>(matrix.examples())(0, 2)));
}

TEST_CASE("the first stored number that is not finite is found in its row and column") {
  Compressed<double, std::int32_t> matrix;
  CHECK_FALSE(find_non_finite<double>(matrix.examples()).has_value());
  matrix.numbers[6] = infinity<double>;
  matrix.numbers[3] = 1e300;
  const auto check_at = [](const std::optional<NonFinite>& found, Index example, Index feature) {
    REQUIRE(found.has_value());
    CHECK(found->example == example);
    CHECK(found->feature == feature);
  };
  check_at(find_non_finite<double>(matrix.examples()), 3, 5);
  check_at(find_non_finite<float>(matrix.examples()), 2, 3);
  // Of some rows alone, which do not start at the first stored number.
  Examples last = matrix.examples();
  last.sparse.starts = matrix.starts.data() + 3;
  last.count = 1;
  check_at(find_non_finite<float>(last), 0, 5);
  CHECK_FALSE(
      find_non_finite<float>(Compressed<std::int64_t, std::int64_t>().examples()).has_value());
}

TEST_CASE_TEMPLATE("an index that comes to lie outside later on is not followed", Integer,
                   std::int32_t, std::int64_t) {
  Compressed<float, Integer> matrix;
  matrix.indices[3] = std::numeric_limits<Integer>::max();
  CHECK(gathered<float>(matrix.examples()).col(2).sum() == 7.0F);
}

TEST_CASE_TEMPLATE("among some rows the first number that is not finite is found", Scalar, float,
                   double) {
  Table<double> table;
  table.numbers[table.index(1, 2)] = infinity<double>;
  table.numbers[table.index(4, 0)] = not_a_number<double>;
  const auto find = [&](Index first, Index last) {
    return kernels<Scalar>().gather.find_non_finite(table.whole().rows_from(first, last - first));
  };
  CHECK(find(0, 6).example == 1);
  CHECK(find(1, 2).feature == 2);
  CHECK(find(2, 6).example == 2);  // counted from the first of them
  CHECK(find(2, 4).example == -1);
  CHECK(find(5, 5).example == -1);
  CHECK(find(1, 1).example == -1);
}

TEST_CASE_TEMPLATE("no examples, and examples of no features", Scalar, float, double) {
  const Table<float> table;
  for (const Examples& examples :
       {table.cut(0, 0, 0, 5, width, 1), table.cut(0, 0, 6, 0, width, 1), Examples{}}) {
    CHECK(gathered<Scalar>(examples).size() == 0);
    CHECK_FALSE(find_non_finite<Scalar>(examples).has_value());
  }
  const Compressed<float, std::int32_t> matrix;
  Examples sparse = matrix.examples();
  sparse.features = 0;
  CHECK(gathered<Scalar>(sparse).size() == 0);
  sparse = matrix.examples();
  sparse.count = 0;
  CHECK(gathered<Scalar>(sparse).size() == 0);
  CHECK_FALSE(find_non_finite<Scalar>(sparse).has_value());
}
