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
