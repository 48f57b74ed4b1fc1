#include "deltarule/examples.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
Matrix<Scalar> gathered(const Examples& examples, const std::vector<std::int64_t>& order) {
  Matrix<Scalar> columns(examples.features, static_cast<Index>(order.size()));
  gather<Scalar>(examples, order.data(), 0, columns);
  return columns;
}

template <class Scalar>
Matrix<Scalar> gathered(const Examples& examples) {
  Matrix<Scalar> columns(examples.features, examples.count);
  gather<Scalar>(examples, nullptr, 0, columns);
  return columns;
}

// A table of 0, 1, 2 ... in rows of `width`, of which examples are cut.
template <class Number>
struct Table {
  static constexpr Index rows = 6, width = 5;
  static constexpr auto size = static_cast<Index>(sizeof(Number));
  std::vector<Number> numbers;

  Table() {
    for (Index k = 0; k < rows * width; ++k) numbers.push_back(static_cast<Number>(k));
  }
  const Number* at(Index row, Index column) const { return &numbers[index(row, column)]; }
  static std::size_t index(Index row, Index column) {
    return static_cast<std::size_t>(row * width + column);
  }
  // `count` examples from (row, column) on, with strides in numbers.
  Examples cut(Index row, Index column, Index count, Index features, Index example_stride,
               Index feature_stride) const {
    return {at(row, column), number_type<Number>,   count,
            features,        example_stride * size, feature_stride * size};
  }
  Examples whole() const { return cut(0, 0, rows, width, width, 1); }
};

struct Layout {
  std::string_view name;
  bool in_place;  // of a matrix of the same number type
  Index row, column, count, features, example_stride, feature_stride;
};

constexpr Index width = Table<float>::width;
constexpr Layout layouts[] = {
    {"whole", true, 0, 0, 6, 5, width, 1},
    {"some columns", true, 0, 1, 6, 3, width, 1},
    {"every second row", true, 0, 0, 3, 5, 2 * width, 1},
    {"one column", true, 0, 2, 6, 1, width, 1},
    {"one row", true, 3, 0, 1, 5, width, 1},
    {"every second column", false, 0, 0, 6, 3, width, 2},
    {"transposed", false, 0, 0, 5, 6, 1, width},
    {"rows from the last", false, 5, 0, 6, 5, -width, 1},
    {"columns from the last", false, 0, 4, 6, 5, width, -1},
    {"all from the last", false, 5, 4, 6, 5, -width, -1},
    {"one row again and again", false, 2, 0, 6, 5, 0, 1},
    {"one number again and again", false, 2, 2, 6, 5, 0, 0},
};

}  // namespace

TEST_CASE_TEMPLATE("examples of every number type and layout are gathered as they read", Number,
                   float, double, std::uint8_t, std::int32_t, std::int64_t) {
  const Table<Number> table;
  for (const Layout& layout : layouts) {
    CAPTURE(layout.name);
    const Examples examples = table.cut(layout.row, layout.column, layout.count, layout.features,
                                        layout.example_stride, layout.feature_stride);
    const auto expected = [&](Index feature, Index example) {
      return static_cast<double>((layout.row * width + layout.column) +
                                 example * layout.example_stride + feature * layout.feature_stride);
    };
    const Matrix<double> columns =
        Matrix<double>::NullaryExpr(layout.features, layout.count, expected);
    CHECK(gathered<double>(examples) == columns);
    CHECK(exact(gathered<float>(examples)) == columns);

    constexpr bool is_float = std::is_same_v<Number, float>;
    constexpr bool is_double = std::is_same_v<Number, double>;
    CHECK(in_place<float>(examples) == (is_float && layout.in_place));
    CHECK(in_place<double>(examples) == (is_double && layout.in_place));
    // What is used in place is what would have been gathered, from any first example on.
    for (Index first = 0; first < layout.count; ++first) {
      const Index count = layout.count - first;
      if (is_float && layout.in_place)
        CHECK(exact(columns_in_place<float>(examples, first, count)) == columns.rightCols(count));
      if (is_double && layout.in_place)
        CHECK(exact(columns_in_place<double>(examples, first, count)) == columns.rightCols(count));
    }
  }
}

TEST_CASE("a row that does not start on a number's boundary is not used in place") {
  // As in a structured array of a float and a byte: five bytes from example to example.
  const std::vector<std::byte> bytes(64);
  const Examples packed{bytes.data(), NumberType::float32, 4, 1, 5, 5};
  CHECK_FALSE(in_place<float>(packed));
  const Examples shifted{bytes.data() + 2, NumberType::float32, 4, 2, 8, 4};
  CHECK_FALSE(in_place<float>(shifted));
}

TEST_CASE_TEMPLATE("an order chooses examples, from `first` of it", Scalar, float, double) {
  const Table<std::int32_t> table;
  const std::vector<std::int64_t> order{5, 0, 3, 3, 1};
  const Matrix<Scalar> whole = gathered<Scalar>(table.whole());
  CHECK(gathered<Scalar>(table.whole(), order) == whole(Eigen::all, order));

  Matrix<Scalar> columns(Table<std::int32_t>::width, 2);
  gather<Scalar>(table.whole(), order.data(), 2, columns);
  CHECK(columns == whole(Eigen::all, {3, 3}));
  gather<Scalar>(table.whole(), nullptr, 2, columns);
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
  gather<Scalar>(examples, nullptr, 0, block(frame));
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

namespace {

// A sparse matrix of 4 rows and 6 columns; the second row is empty, and a zero is stored.
template <class Number, class Integer>
struct Compressed {
  static constexpr Index rows = 4, columns = 6, stored = 7;
  std::vector<Number> numbers{Number(3), Number(1), Number(0), Number(2),
                              Number(7), Number(5), Number(9)};
  std::vector<Integer> indices{1, 4, 0, 3, 5, 0, 5}, starts{0, 2, 2, 5, 7};

  Examples examples() const {
    Examples result{numbers.data(), number_type<Number>, rows, columns, 0, 0};
    result.sparse = {starts.data(), indices.data(), sizeof(Integer) == 8};
    return result;
  }
  Matrix<double> dense() const {
    Matrix<double> columns_of = Matrix<double>::Zero(columns, rows);
    for (Index e = 0; e < rows; ++e)
      for (auto k = static_cast<std::size_t>(starts[static_cast<std::size_t>(e)]);
           k < static_cast<std::size_t>(starts[static_cast<std::size_t>(e) + 1]); ++k)
        columns_of(static_cast<Index>(indices[k]), e) += static_cast<double>(numbers[k]);
    return columns_of;
  }
};

template <class Integer, class Use>
void check_fault(bool in_starts, Index at, Use spoil) {
  Compressed<float, Integer> matrix;
  spoil(matrix);
  const auto fault =
      find_sparse_fault(matrix.examples(), static_cast<Index>(matrix.numbers.size()));
  REQUIRE(fault.has_value());
  CHECK(fault->in_starts == in_starts);
  CHECK(fault->at == at);
  CHECK((fault->value < fault->least || fault->value > fault->most));
}

}  // namespace

TEST_CASE_TEMPLATE("sparse rows are gathered as the dense rows that they stand for", Number, float,
                   double, std::uint8_t, std::int32_t, std::int64_t) {
  const auto check = [](auto matrix) {
    const Examples examples = matrix.examples();
    const Matrix<double> dense = matrix.dense();
    CHECK_FALSE(in_place<float>(examples));
    CHECK_FALSE(in_place<double>(examples));
    CHECK(gathered<double>(examples) == dense);
    CHECK(exact(gathered<float>(examples)) == dense);
    const std::vector<std::int64_t> order{3, 0, 0, 1};
    CHECK(gathered<double>(examples, order) == dense(Eigen::all, order));
    // Into what has been written to before, and nowhere else.
    Matrix<double> frame = Matrix<double>::Constant(9, 6, -1.0), expected = frame;
    gather<double>(examples, nullptr, 1, frame.block(2, 1, 6, 3));
    expected.block(2, 1, 6, 3) = dense.rightCols(3);
    CHECK(frame == expected);
  };
  check(Compressed<Number, std::int32_t>());
  check(Compressed<Number, std::int64_t>());
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

TEST_CASE_TEMPLATE("what leads out of a sparse matrix is found", Integer, std::int32_t,
                   std::int64_t) {
  CHECK_FALSE(find_sparse_fault(Compressed<float, Integer>().examples(), 7).has_value());
  check_fault<Integer>(true, 0, [](auto& matrix) { matrix.starts[0] = 1; });
  check_fault<Integer>(true, 0, [](auto& matrix) { matrix.starts[0] = -1; });
  check_fault<Integer>(true, 2, [](auto& matrix) { matrix.starts[2] = 1; });
  check_fault<Integer>(true, 1, [](auto& matrix) { matrix.starts[1] = 8; });
  check_fault<Integer>(true, 4, [](auto& matrix) { matrix.numbers.resize(6); });
  check_fault<Integer>(
      true, 4, [](auto& matrix) { matrix.starts[4] = std::numeric_limits<Integer>::max(); });
  check_fault<Integer>(false, 0, [](auto& matrix) { matrix.indices[0] = 6; });
  check_fault<Integer>(false, 6, [](auto& matrix) { matrix.indices[6] = -1; });
  check_fault<Integer>(
      false, 3, [](auto& matrix) { matrix.indices[3] = std::numeric_limits<Integer>::min(); });
  // An index that comes to lie outside later on is not followed.
  Compressed<float, Integer> matrix;
  matrix.indices[3] = std::numeric_limits<Integer>::max();
  CHECK(gathered<float>(matrix.examples()).col(2).sum() == 7.0F);
}

TEST_CASE("whether indices ascend") {
  Compressed<float, std::int64_t> matrix;
  CHECK(indices_ascend(matrix.examples()));
  matrix.indices[1] = 1;  // twice
  CHECK_FALSE(indices_ascend(matrix.examples()));
  matrix.indices[1] = 0;
  CHECK_FALSE(indices_ascend(matrix.examples()));
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
