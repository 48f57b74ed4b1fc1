#include "kernels/gather.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <type_traits>

namespace deltarule {
namespace {

// Calls `visit` with a null pointer of the number type, for its type alone.
template <class Visit>
auto with_number_type(NumberType type, Visit visit) {
  switch (type) {
    case NumberType::float64: return visit(static_cast<const double*>(nullptr));
    case NumberType::uint8: return visit(static_cast<const std::uint8_t*>(nullptr));
    case NumberType::int32: return visit(static_cast<const std::int32_t*>(nullptr));
    case NumberType::int64: return visit(static_cast<const std::int64_t*>(nullptr));
    case NumberType::float32: break;
  }
  return visit(static_cast<const float*>(nullptr));
}

// column_i := convert(number i of the example, i)
template <class Number, class Scalar, class Convert>
void copy_row(const Examples& examples, Index example, Scalar* column, Convert convert) {
  const std::byte* const from = examples.row(example);
  if (examples.feature_stride == static_cast<Index>(sizeof(Number))) {
    const auto* const numbers = reinterpret_cast<const Number*>(from);
    for (Index i = 0; i < examples.features; ++i) column[i] = convert(numbers[i], i);
    return;
  }
  for (Index i = 0; i < examples.features; ++i)
    column[i] = convert(*reinterpret_cast<const Number*>(from + i * examples.feature_stride), i);
}

template <class Number, class Scalar, class Integer>
void scatter_row(const Examples& examples, Index example, const Integer* starts,
                 const Integer* indices, Scalar* column) {
  const auto* const numbers = static_cast<const Number*>(examples.data);
  std::fill_n(column, examples.features, Scalar(0));
  for (Integer k = starts[example]; k < starts[example + 1]; ++k) {
    const Index i = static_cast<Index>(indices[k]) - examples.sparse.first_feature;
    // Added, so that -0 becomes the 0 that it is in a dense matrix.
    if (i >= 0 && i < examples.features) column[i] += static_cast<Scalar>(numbers[k]);
  }
}

// What is stored for one feature lies side by side, as `indices_ascend` holds it to.
template <class Number, class Scalar, class Integer>
void scatter_row_from(const Examples& examples, Index example, const Integer* starts,
                      const Integer* indices, const double* origin, Scalar* column) {
  const auto* const numbers = static_cast<const Number*>(examples.data);
  for (Index i = 0; i < examples.features; ++i) column[i] = static_cast<Scalar>(0.0 - origin[i]);
  Index last = -1;
  double sum = 0.0;
  for (Integer k = starts[example]; k < starts[example + 1]; ++k) {
    const Index i = static_cast<Index>(indices[k]) - examples.sparse.first_feature;
    if (i < 0 || i >= examples.features) continue;
    sum = (i == last ? sum : 0.0) + static_cast<double>(numbers[k]);
    column[i] = static_cast<Scalar>(sum - origin[i]);
    last = i;
  }
}

// Calls fill(example, column) for each column, with the example that it is of.
template <class Scalar, class Fill>
void for_each_column(const std::int64_t* order, Index first, View<Scalar> columns, Fill fill) {
  for (Index j = 0; j < columns.columns; ++j)
    fill(order ? static_cast<Index>(order[first + j]) : first + j, columns.column(j));
}

template <class Scalar>
void gather(const Examples& examples, const std::int64_t* order, Index first,
            View<Scalar> columns) {
  with_number_type(examples.type, [&](auto number) {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    if (examples.is_sparse())
      with_indices(examples, [&](const auto* starts, const auto* indices) {
        for_each_column(order, first, columns, [&](Index example, Scalar* column) {
          scatter_row<Number>(examples, example, starts, indices, column);
        });
      });
    else
      for_each_column(order, first, columns, [&](Index example, Scalar* column) {
        copy_row<Number>(examples, example, column,
                         [](Number x, Index) { return static_cast<Scalar>(x); });
      });
  });
}

template <class Scalar>
void gather_from(const Examples& examples, const std::int64_t* order, Index first,
                 const double* origin, View<Scalar> columns) {
  with_number_type(examples.type, [&](auto number) {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    if (examples.is_sparse())
      with_indices(examples, [&](const auto* starts, const auto* indices) {
        for_each_column(order, first, columns, [&](Index example, Scalar* column) {
          scatter_row_from<Number>(examples, example, starts, indices, origin, column);
        });
      });
    else
      for_each_column(order, first, columns, [&](Index example, Scalar* column) {
        copy_row<Number>(examples, example, column, [=](Number x, Index i) {
          return static_cast<Scalar>(static_cast<double>(x) - origin[i]);
        });
      });
  });
}

// Finite as a Scalar: as long as the sign is left out, numbers are in the order of their bits.
template <class Scalar, class Number>
struct Finiteness {
  using Bits = std::conditional_t<sizeof(Number) == 4, std::uint32_t, std::uint64_t>;
  static constexpr Bits sign = std::bit_cast<Bits>(Number(-0.0));
  static constexpr Bits largest = std::bit_cast<Bits>(static_cast<Number>(
      std::min<double>(std::numeric_limits<Scalar>::max(), std::numeric_limits<Number>::max())));

  static bool holds(Number x) { return (std::bit_cast<Bits>(x) & ~sign) <= largest; }

  // Of `count` numbers that lie `stride` bytes apart.
  static bool holds(const std::byte* from, Index count, Index stride) {
    Bits most = 0;
    if (stride == static_cast<Index>(sizeof(Number))) {
      const auto* const numbers = reinterpret_cast<const Number*>(from);
#pragma omp simd reduction(max : most)
      for (Index i = 0; i < count; ++i)
        most = std::max(most, std::bit_cast<Bits>(numbers[i]) & ~sign);
    } else {
      for (Index i = 0; i < count; ++i) {
        const Number x = *reinterpret_cast<const Number*>(from + i * stride);
        most = std::max(most, std::bit_cast<Bits>(x) & ~sign);
      }
    }
    return most <= largest;
  }
};

template <class Scalar, class Number>
NonFinite find_in_rows(const Examples& examples) {
  using Finite = Finiteness<Scalar, Number>;
  constexpr auto size = static_cast<Index>(sizeof(Number));
  const Index features = examples.features;
  // One feature has no next one, whatever its stride: NumPy's is 0 where an axis was added.
  const Index stride = features == 1 ? size : examples.feature_stride;
  const bool one_run = stride == size && examples.example_stride == features * stride;
  if (one_run && Finite::holds(examples.row(0), examples.count * features, stride)) return {};
  for (Index example = 0; example < examples.count; ++example) {
    const std::byte* const from = examples.row(example);
    if (Finite::holds(from, features, stride)) continue;
    for (Index i = 0; i < features; ++i) {
      const Number value = *reinterpret_cast<const Number*>(from + i * stride);
      if (!Finite::holds(value)) return NonFinite{example, i, static_cast<double>(value)};
    }
  }
  return {};
}

template <class Scalar>
NonFinite find_in_dense(const Examples& examples) {
  return with_number_type(examples.type, [&](auto number) -> NonFinite {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    if constexpr (std::is_floating_point_v<Number>)
      return find_in_rows<Scalar, Number>(examples);
    else
      return {};
  });
}

// The stored numbers are a dense matrix of one column.
template <class Scalar>
NonFinite find_in_sparse(const Examples& examples) {
  const Index size = with_number_type(
      examples.type, [](auto number) { return static_cast<Index>(sizeof(*number)); });
  return with_indices(examples, [&](const auto* starts, const auto* indices) -> NonFinite {
    const auto first = static_cast<Index>(starts[0]);
    const Index count = static_cast<Index>(starts[examples.count]) - first;
    const Examples stored{static_cast<const std::byte*>(examples.data) + first * size,
                          examples.type,
                          count,
                          1,
                          size,
                          size};
    const NonFinite found = find_in_dense<Scalar>(stored);
    if (found.example < 0) return found;
    const Index k = first + found.example;
    const auto* const next = std::upper_bound(starts, starts + examples.count, k);
    return {next - starts - 1, static_cast<Index>(indices[k]), found.value};
  });
}

template <class Scalar>
NonFinite find_non_finite(const Examples& examples) {
  return examples.is_sparse() ? find_in_sparse<Scalar>(examples) : find_in_dense<Scalar>(examples);
}

}  // namespace

template <class Scalar>
GatherKernels<Scalar> gather_kernels() {
  return {.gather = gather<Scalar>,
          .gather_from = gather_from<Scalar>,
          .find_non_finite = find_non_finite<Scalar>};
}
template GatherKernels<float> gather_kernels();
template GatherKernels<double> gather_kernels();

}  // namespace deltarule
