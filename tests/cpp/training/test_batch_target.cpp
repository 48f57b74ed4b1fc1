#include "support.hpp"
#include "training/batch_target.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

constexpr Index n = 3, examples = 10;

// What a slice of a batch is held against, as matrices.
template <class Scalar>
Matrix<Scalar> Y_of(const Target<Scalar>& target, Index m) {
  return Eigen::Map<const Matrix<Scalar>>(target.Y, n, m);
}
template <class Number>
std::vector<Number> list_of(const Number* numbers, Index m) {
  return {numbers, numbers + m};
}

}  // namespace

TEST_CASE_TEMPLATE("Y is taken in place, or brought together slice by slice", Scalar, float,
                   double) {
  std::mt19937 engine(1);
  const Matrix<Scalar> Y = random_matrix<Scalar>(engine, n, examples);
  const Matrix<std::uint8_t> pixels = Matrix<std::uint8_t>::NullaryExpr(
      n, examples, [&] { return static_cast<std::uint8_t>(engine()); });
  const std::vector<std::int64_t> order{9, 9, 0, 3, 1, 7, 2, 2};
  BatchTarget<Scalar> target(n);
  const Slice slice{1, 3};

  TrainingSet set{.X = {}, .Y = examples_of(Y)};
  target.make_room(set, 6);
  const Target<Scalar> in_place = target.load(set, {nullptr, 2, 6}, slice);
  CHECK(in_place.Y == Y.col(3).data());
  CHECK(in_place.labels == nullptr);
  CHECK(in_place.weights == nullptr);

  const Target<Scalar> ordered = target.load(set, {order.data(), 2, 6}, slice);
  CHECK(same_bits(Y_of(ordered, 3), Y(Eigen::all, std::vector<int>{3, 1, 7})));
  // Other slices lie beside it.
  const Target<Scalar> next = target.load(set, {order.data(), 2, 6}, {4, 2});
  CHECK(next.Y == ordered.Y + 3 * n);
  CHECK(same_bits(Y_of(next, 2), Y(Eigen::all, std::vector<int>{2, 2})));
  CHECK(same_bits(Y_of(ordered, 3), Y(Eigen::all, std::vector<int>{3, 1, 7})));

  set.Y = examples_of(pixels);
  const Target<Scalar> converted = target.load(set, {nullptr, 2, 6}, slice);
  CHECK(same_bits(Y_of(converted, 3), pixels.middleCols(3, 3).template cast<Scalar>()));

  // Columns that lie apart are no Y, which has none between.
  const Matrix<Scalar> wider = random_matrix<Scalar>(engine, n + 2, examples);
  set.Y = examples_of(wider);
  set.Y.features = n;
  const Target<Scalar> packed = target.load(set, {nullptr, 2, 6}, slice);
  CHECK(same_bits(Y_of(packed, 3), wider.block(0, 3, n, 3)));
}

TEST_CASE_TEMPLATE("labels and weights follow the order", Scalar, float, double) {
  const std::vector<std::int64_t> labels{0, 1, 2, 0, 1, 2, 0, 1, 2, 0};
  const std::vector<std::int64_t> order{9, 9, 0, 3, 1, 7, 2, 2};
  std::vector<double> weights;
  for (Index j = 0; j < examples; ++j) weights.push_back(0.1 * static_cast<double>(j));
  BatchTarget<Scalar> target(n);
  for (const bool weighted : {false, true}) {
    CAPTURE(weighted);
    const TrainingSet set{
        .X = {}, .Y = {}, .labels = labels.data(), .weights = weighted ? weights.data() : nullptr};
    target.make_room(set, 6);
    const Target<Scalar> as_they_stand = target.load(set, {nullptr, 2, 6}, {1, 3});
    CHECK(as_they_stand.Y == nullptr);
    CHECK(list_of(as_they_stand.labels, 3) == std::vector<std::int64_t>{0, 1, 2});
    if (weighted)
      CHECK(list_of(as_they_stand.weights, 3) ==
            std::vector<Scalar>{Scalar(weights[3]), Scalar(weights[4]), Scalar(weights[5])});
    else
      CHECK(as_they_stand.weights == nullptr);

    const Target<Scalar> ordered = target.load(set, {order.data(), 2, 6}, {1, 3});
    CHECK(list_of(ordered.labels, 3) == std::vector<std::int64_t>{0, 1, 1});
    if (weighted)
      CHECK(list_of(ordered.weights, 3) ==
            std::vector<Scalar>{Scalar(weights[3]), Scalar(weights[1]), Scalar(weights[7])});
  }
}
