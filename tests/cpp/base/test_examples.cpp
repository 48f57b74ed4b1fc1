#include "base/examples.hpp"
#include "examples.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

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

TEST_CASE_TEMPLATE("examples that lie as columns are used in place", Number, float, double,
                   std::uint8_t, std::int32_t, std::int64_t) {
  const Table<Number> table;
  for (const Layout& layout : layouts) {
    CAPTURE(layout.name);
    const Examples examples = table.cut(layout.row, layout.column, layout.count, layout.features,
                                        layout.example_stride, layout.feature_stride);
    const Matrix<double> columns = layout.columns();

    constexpr bool is_float = std::is_same_v<Number, float>;
    constexpr bool is_double = std::is_same_v<Number, double>;
    CHECK(in_place<float>(examples) == (is_float && layout.in_place));
    CHECK(in_place<double>(examples) == (is_double && layout.in_place));
    // What is used in place is what would have been gathered, from any first example on.
    for (Index first = 0; first < layout.count; ++first) {
      const Index count = layout.count - first;
      if (is_float && layout.in_place)
        CHECK(exact(matrix_of(columns_in_place<float>(examples, first, count))) ==
              columns.rightCols(count));
      if (is_double && layout.in_place)
        CHECK(exact(matrix_of(columns_in_place<double>(examples, first, count))) ==
              columns.rightCols(count));
    }
  }
}

TEST_CASE("sparse rows are not used in place") {
  CHECK_FALSE(in_place<float>(Compressed<float, std::int32_t>().examples()));
  CHECK_FALSE(in_place<double>(Compressed<double, std::int64_t>().examples()));
}

TEST_CASE("a row that does not start on a number's boundary is not used in place") {
  // As in a structured array of a float and a byte: five bytes from example to example.
  const std::vector<std::byte> bytes(64);
  const Examples packed{bytes.data(), NumberType::float32, 4, 1, 5, 5};
  CHECK_FALSE(in_place<float>(packed));
  const Examples shifted{bytes.data() + 2, NumberType::float32, 4, 2, 8, 4};
  CHECK_FALSE(in_place<float>(shifted));
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
}

TEST_CASE("whether indices ascend") {
  Compressed<float, std::int64_t> matrix;
  CHECK(indices_ascend(matrix.examples()));
  matrix.indices[1] = 1;  // twice
  CHECK_FALSE(indices_ascend(matrix.examples()));
  matrix.indices[1] = 0;
  CHECK_FALSE(indices_ascend(matrix.examples()));
}

TEST_CASE("some features of examples begin where they lie") {
  const Table<float> table;
  const Examples part = table.whole().features_from(2, 3);
  CHECK(part.data == table.at(0, 2));
  CHECK(part.features == 3);
  CHECK(part.row(1) == static_cast<const void*>(table.at(1, 2)));
  const Examples sparse = Compressed<float, std::int32_t>().examples().features_from(1, 4);
  CHECK(sparse.features_from(2, 2).sparse.first_feature == 3);
}
