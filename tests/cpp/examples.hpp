// Examples in every layout, dense and sparse.
#pragma once

#include "support.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace deltarule::test {

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

  // The numbers of a Table so cut: each is its place.
  Matrix<double> columns() const {
    return Matrix<double>::NullaryExpr(features, count, [this](Index feature, Index example) {
      return static_cast<double>((row * Table<float>::width + column) + example * example_stride +
                                 feature * feature_stride);
    });
  }
};

inline constexpr Index width = Table<float>::width;
inline constexpr Layout layouts[] = {
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

}  // namespace deltarule::test
