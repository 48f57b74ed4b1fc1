// Examples as the caller holds them: any number type, any strides, never copied whole.
#pragma once

#include "deltarule/types.hpp"

#include <cstdint>
#include <optional>

namespace deltarule {

enum class NumberType { float32, float64, uint8, int32, int64 };

// `count` rows of `features` numbers; strides are in bytes and may be negative or zero.
struct Examples {
  const void* data = nullptr;
  NumberType type = NumberType::float32;
  Index count = 0, features = 0;
  Index example_stride = 0, feature_stride = 0;
};

// Are the rows, as they lie, columns of a matrix of Scalar? Then they are used in place.
template <class Scalar>
bool in_place(const Examples& examples);

// Examples first, first + 1, ... in place, as columns (features, count).
template <class Scalar>
Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> columns_in_place(
    const Examples& examples, Index first, Index count);

// Column j := example order[j], or example first + j where there is no order.
template <class Scalar>
void gather(const Examples& examples, const std::int64_t* order, Index first,
            MatrixRef<Scalar> columns);

struct NonFinite {
  Index example, feature;
  double value;
};
// The first number in the order of the rows that is NaN or Inf, or would be as a Scalar.
template <class Scalar>
std::optional<NonFinite> find_non_finite(const Examples& examples);

}  // namespace deltarule
