// Examples as the caller holds them: any number type, any strides, dense or sparse, never copied
// whole.
#pragma once

#include "base/view.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>

namespace deltarule {

enum class NumberType : std::uint8_t { float32, float64, uint8, int32, int64 };

constexpr Index size_of(NumberType type) {
  if (type == NumberType::uint8) return 1;
  return type == NumberType::float32 || type == NumberType::int32 ? 4 : 8;
}

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
  const std::byte* row(Index example) const {
    return static_cast<const std::byte*>(data) + example * example_stride;
  }
  // Examples first ... first + some, and the same examples' features first ... first + some.
  Examples rows_from(Index first, Index some) const;
  Examples features_from(Index first, Index some) const;
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

// Calls `use` with the starts and the indices of sparse rows, as the integers that they are.
template <class Use>
auto with_indices(const Examples& examples, Use use) {
  const void *const starts = examples.sparse.starts, *const indices = examples.sparse.indices;
  if (examples.sparse.wide)
    return use(static_cast<const std::int64_t*>(starts), static_cast<const std::int64_t*>(indices));
  return use(static_cast<const std::int32_t*>(starts), static_cast<const std::int32_t*>(indices));
}

template <class Scalar>
constexpr NumberType type_of =
    std::is_same_v<Scalar, float> ? NumberType::float32 : NumberType::float64;

// Are the rows, as they lie, columns of a matrix of Scalar? Then they are used in place.
template <class Scalar>
bool in_place(const Examples& examples) {
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  return !examples.is_sparse() && examples.type == type_of<Scalar> &&
         reinterpret_cast<std::uintptr_t>(examples.data) % sizeof(Scalar) == 0 &&
         (examples.feature_stride == size || examples.features == 1) &&
         examples.example_stride % size == 0 && examples.example_stride >= size * examples.features;
}

// Examples first, first + 1, ... in place, as columns (features, count).
template <class Scalar>
View<const Scalar> columns_in_place(const Examples& examples, Index first, Index count) {
  return {reinterpret_cast<const Scalar*>(examples.row(first)), examples.features, count,
          examples.example_stride / static_cast<Index>(sizeof(Scalar))};
}

}  // namespace deltarule
