#include "network/finiteness.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// So many numbers that they are searched in several blocks.
constexpr Index features = 1000, examples = 700;

}  // namespace

TEST_CASE_TEMPLATE("the first number that is not finite is found by any number of threads", Scalar,
                   float, double) {
  Matrix<Scalar> X = Matrix<Scalar>::Constant(features, examples, Scalar(1));
  for (const int n : {1, 2, 3}) {
    CAPTURE(n);
    const Threads threads(n);
    CHECK(find_non_finite<Scalar>(examples_of(X)).example == -1);
    // From the last block to the first: what comes later does not matter.
    for (const Index j :
         {examples - 1, Index(400), Index(399), Index(66), Index(65), Index(64), Index(0)}) {
      const Index i = 7 * j % features;
      X(i, j) = j % 2 == 0 ? not_a_number<Scalar> : infinity<Scalar>;
      CAPTURE(j);
      const NonFinite found = find_non_finite<Scalar>(examples_of(X));
      CHECK(found.example == j);
      CHECK(found.feature == i);
      CHECK(same_bits(found.value, static_cast<double>(X(i, j))));
      if (i > 0) {
        X(i - 1, j) = infinity<Scalar>;  // of an example, the first
        CHECK(find_non_finite<Scalar>(examples_of(X)).feature == i - 1);
        X(i - 1, j) = Scalar(1);
      }
    }
    X.setOnes();
  }
}

TEST_CASE("what is no finite float may be a finite double") {
  Matrix<double> X = Matrix<double>::Zero(features, examples);
  X(3, 650) = 1e300;
  CHECK(find_non_finite<double>(examples_of(X)).example == -1);
  const NonFinite found = find_non_finite<float>(examples_of(X));
  CHECK(found.example == 650);
  CHECK(found.feature == 3);
  CHECK(found.value == 1e300);
}

TEST_CASE("integers are finite, and so is nothing") {
  const Matrix<std::int64_t> integers =
      Matrix<std::int64_t>::Constant(features, examples, std::numeric_limits<std::int64_t>::max());
  CHECK(find_non_finite<float>(examples_of(integers)).example == -1);
  for (const auto& [rows, columns] : {std::pair{0, 0}, {5, 0}, {0, 5}})
    CHECK(find_non_finite<float>(examples_of(Matrix<float>(rows, columns))).example == -1);
}

TEST_CASE("rows of any strides, and sparse ones") {
  Matrix<double> X = Matrix<double>::Zero(features, examples);
  X(8, 100) = not_a_number<double>;
  Examples turned = examples_of(X);  // from the last example and feature to the first
  turned.data = &X(features - 1, examples - 1);
  turned.example_stride = -turned.example_stride;
  turned.feature_stride = -turned.feature_stride;
  const NonFinite found = find_non_finite<double>(turned);
  CHECK(found.example == examples - 1 - 100);
  CHECK(found.feature == features - 1 - 8);

  std::vector<float> numbers(200'000, 1.0F);
  std::vector<std::int32_t> indices(numbers.size()), starts(numbers.size() + 1);
  for (std::size_t k = 0; k <= numbers.size(); ++k) starts[k] = static_cast<std::int32_t>(k);
  for (std::size_t k = 0; k < numbers.size(); ++k) indices[k] = static_cast<std::int32_t>(k % 9);
  Examples sparse{numbers.data(), NumberType::float32, static_cast<Index>(numbers.size()), 9, 0, 0};
  sparse.sparse = {starts.data(), indices.data(), false};
  CHECK(find_non_finite<double>(sparse).example == -1);
  numbers[150'000] = infinity<float>;
  CHECK(find_non_finite<double>(sparse).example == 150'000);
  CHECK(find_non_finite<double>(sparse).feature == 150'000 % 9);
}
