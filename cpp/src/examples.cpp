#include "deltarule/examples.hpp"

#include "parallel.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <vector>

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

const std::byte* row(const Examples& examples, Index example) {
  return static_cast<const std::byte*>(examples.data) + example * examples.example_stride;
}

template <class Number, class Scalar>
void copy_row(const Examples& examples, Index example, Scalar* column) {
  const std::byte* const from = row(examples, example);
  if (examples.feature_stride == static_cast<Index>(sizeof(Number))) {
    const auto* const numbers = reinterpret_cast<const Number*>(from);
    for (Index i = 0; i < examples.features; ++i) column[i] = static_cast<Scalar>(numbers[i]);
    return;
  }
  for (Index i = 0; i < examples.features; ++i)
    column[i] =
        static_cast<Scalar>(*reinterpret_cast<const Number*>(from + i * examples.feature_stride));
}

// Calls `use` with the starts and the indices of sparse rows, as the integers that they are.
template <class Use>
auto with_indices(const Examples& examples, Use use) {
  const void *const starts = examples.sparse.starts, *const indices = examples.sparse.indices;
  if (examples.sparse.wide)
    return use(static_cast<const std::int64_t*>(starts), static_cast<const std::int64_t*>(indices));
  return use(static_cast<const std::int32_t*>(starts), static_cast<const std::int32_t*>(indices));
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

}  // namespace

Examples Examples::features_from(Index first, Index some) const {
  Examples part = *this;
  part.features = some;
  if (is_sparse())
    part.sparse.first_feature += first;
  else
    part.data = static_cast<const std::byte*>(data) + first * feature_stride;
  return part;
}

std::optional<SparseFault> find_sparse_fault(const Examples& examples, Index stored) {
  return with_indices(examples,
                      [&](const auto* starts, const auto* indices) -> std::optional<SparseFault> {
                        std::int64_t least = 0, most = 0;  // the first row starts at 0
                        for (Index e = 0; e <= examples.count; ++e) {
                          if (starts[e] < least || starts[e] > most)
                            return SparseFault{true, e, starts[e], least, most};
                          least = starts[e];
                          most = stored;
                        }
                        for (Index k = 0; k < static_cast<Index>(least); ++k)
                          if (indices[k] < 0 || indices[k] >= examples.features)
                            return SparseFault{false, k, indices[k], 0, examples.features - 1};
                        return std::nullopt;
                      });
}

bool indices_ascend(const Examples& examples) {
  return with_indices(examples, [&](const auto* starts, const auto* indices) {
    for (Index e = 0; e < examples.count; ++e)
      for (auto k = static_cast<Index>(starts[e]) + 1; k < starts[e + 1]; ++k)
        if (indices[k - 1] >= indices[k]) return false;
    return true;
  });
}

template <class Scalar>
bool in_place(const Examples& examples) {
  constexpr auto own = std::is_same_v<Scalar, float> ? NumberType::float32 : NumberType::float64;
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  return !examples.is_sparse() && examples.type == own &&
         reinterpret_cast<std::uintptr_t>(examples.data) % sizeof(Scalar) == 0 &&
         (examples.feature_stride == size || examples.features == 1) &&
         examples.example_stride % size == 0 && examples.example_stride >= size * examples.features;
}

template <class Scalar>
Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> columns_in_place(
    const Examples& examples, Index first, Index count) {
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  return {reinterpret_cast<const Scalar*>(row(examples, first)), examples.features, count,
          Eigen::OuterStride<>(examples.example_stride / size)};
}

template <class Scalar>
void gather(const Examples& examples, const std::int64_t* order, Index first,
            MatrixRef<Scalar> columns) {
  with_number_type(examples.type, [&](auto number) {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    const auto for_each_column = [&](auto fill) {
      for (Index j = 0; j < columns.cols(); ++j)
        fill(order ? static_cast<Index>(order[first + j]) : first + j, columns.col(j).data());
    };
    if (examples.is_sparse())
      with_indices(examples, [&](const auto* starts, const auto* indices) {
        for_each_column([&](Index example, Scalar* column) {
          scatter_row<Number>(examples, example, starts, indices, column);
        });
      });
    else
      for_each_column(
          [&](Index example, Scalar* column) { copy_row<Number>(examples, example, column); });
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

// Of rows first ... last.
template <class Scalar, class Number>
std::optional<NonFinite> find_non_finite(const Examples& examples, Index first, Index last) {
  using Finite = Finiteness<Scalar, Number>;
  const Index features = examples.features, stride = examples.feature_stride;
  const bool one_run =
      stride == static_cast<Index>(sizeof(Number)) && examples.example_stride == features * stride;
  if (one_run && Finite::holds(row(examples, first), (last - first) * features, stride))
    return std::nullopt;
  for (Index example = first; example < last; ++example) {
    const std::byte* const from = row(examples, example);
    if (Finite::holds(from, features, stride)) continue;
    for (Index i = 0; i < features; ++i) {
      const Number value = *reinterpret_cast<const Number*>(from + i * stride);
      if (!Finite::holds(value)) return NonFinite{example, i, static_cast<double>(value)};
    }
  }
  return std::nullopt;
}

// The stored numbers are a dense matrix of one column.
template <class Scalar>
std::optional<NonFinite> find_non_finite_in_sparse(const Examples& examples) {
  const Index size = with_number_type(
      examples.type, [](auto number) { return static_cast<Index>(sizeof(*number)); });
  return with_indices(
      examples, [&](const auto* starts, const auto* indices) -> std::optional<NonFinite> {
        const auto first = static_cast<Index>(starts[0]);
        const Examples stored{static_cast<const std::byte*>(examples.data) + first * size,
                              examples.type,
                              static_cast<Index>(starts[examples.count]) - first,
                              1,
                              size,
                              size};
        const auto found = find_non_finite<Scalar>(stored);
        if (!found) return std::nullopt;
        const Index k = first + found->example;
        const auto* const next = std::upper_bound(starts, starts + examples.count, k);
        return NonFinite{next - starts - 1, static_cast<Index>(indices[k]), found->value};
      });
}

template <class Scalar>
std::optional<NonFinite> find_non_finite(const Examples& examples) {
  if (examples.is_sparse()) return find_non_finite_in_sparse<Scalar>(examples);
  return with_number_type(examples.type, [&](auto number) -> std::optional<NonFinite> {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    if constexpr (std::is_floating_point_v<Number>) {
      // As many rows at a time as are worth handing to a thread.
      constexpr Index numbers_a_block = 1 << 16;
      const Index rows =
          std::max<Index>(1, numbers_a_block / std::max<Index>(1, examples.features));
      const Index blocks = (examples.count + rows - 1) / rows;
      if (blocks <= 1) return find_non_finite<Scalar, Number>(examples, 0, examples.count);
      std::vector<std::optional<NonFinite>> found(static_cast<std::size_t>(blocks));
      parallel_for(ThreadPool::size(), blocks, [&](Index block, int) {
        found[static_cast<std::size_t>(block)] = find_non_finite<Scalar, Number>(
            examples, block * rows, std::min((block + 1) * rows, examples.count));
      });
      for (const auto& first : found)
        if (first) return first;
    }
    return std::nullopt;
  });
}

#define DELTARULE_INSTANTIATE(Scalar)                                               \
  template bool in_place<Scalar>(const Examples&);                                  \
  template Eigen::Map<const Matrix<Scalar>, Eigen::Unaligned, Eigen::OuterStride<>> \
  columns_in_place<Scalar>(const Examples&, Index, Index);                          \
  template std::optional<NonFinite> find_non_finite<Scalar>(const Examples&);       \
  template void gather<Scalar>(const Examples&, const std::int64_t*, Index, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
