// Examples as the caller holds them: any number type, any strides, dense or sparse, never copied
// whole.
#pragma once

#include "deltarule/types.hpp"

#include <cstdint>
#include <optional>

namespace deltarule {

enum class NumberType { float32, float64, uint8, int32, int64 };

// Compressed sparse rows: example e has the stored numbers starts[e] ... starts[e + 1]), and number k
// is that of feature indices[k]. All others are 0.
struct SparseIndices {
  const void* starts = nullptr;  // null: every number is stored
  const void* indices = nullptr;
  bool wide = false;        // both are int64, else int32
  Index first_feature = 0;  // of the examples' own, as `indices` counts them
};

// `count` rows of `features` numbers; strides are in bytes and may be negative or zero. Sparse rows
// have no strides.
struct Examples {
  const void* data = nullptr;
  NumberType type = NumberType::float32;
  Index count = 0, features = 0;
  Index example_stride = 0, feature_stride = 0;
  SparseIndices sparse{};

  bool is_sparse() const { return sparse.starts != nullptr; }
  // The same examples' features first ... first + count.
  Examples features_from(Index first, Index count) const;
};

// The first of a sparse matrix's indices that leads out of its `stored` numbers, or of its features.
struct SparseFault {
  bool in_starts;
  Index at;
  std::int64_t value, least, most;
};
std::optional<SparseFault> find_sparse_fault(const Examples& examples, Index stored);
// Are each example's features in ascending order, none of them twice?
bool indices_ascend(const Examples& examples);

// Are the rows, as they lie, columns of a matrix of Scalar? Then they are used in place.
template <class Scalar>
bool in_place(const Examples& examples);

// Examples first, first + 1, ... in place, as columns (features, count).
template <class Scalar>
Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> columns_in_place(
    const Examples& examples, Index first, Index count);

// Column j := example order[j], or example first + j where there is no order. Numbers that are stored
// for one feature of an example are added up.
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
