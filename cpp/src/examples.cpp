#include "deltarule/examples.hpp"

#include <cmath>
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

}  // namespace

template <class Scalar>
bool in_place(const Examples& examples) {
  constexpr auto own = std::is_same_v<Scalar, float> ? NumberType::float32 : NumberType::float64;
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  return examples.type == own &&
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
    for (Index j = 0; j < columns.cols(); ++j) {
      const Index example = order ? static_cast<Index>(order[first + j]) : first + j;
      copy_row<Number>(examples, example, columns.col(j).data());
    }
  });
}

// 0 for a number that is finite as a Scalar, else NaN: a test that a sum of numbers can make.
template <class Scalar, class Number>
Number zero_if_finite(Number x) {
  constexpr auto most = static_cast<Number>(std::numeric_limits<Scalar>::max());
  const Number in_range = x > most || x < -most ? std::numeric_limits<Number>::infinity() : x;
  return Number(0) * in_range;
}

template <class Scalar>
std::optional<NonFinite> find_non_finite(const Examples& examples) {
  return with_number_type(examples.type, [&](auto number) -> std::optional<NonFinite> {
    using Number = std::remove_const_t<std::remove_pointer_t<decltype(number)>>;
    if constexpr (std::is_floating_point_v<Number>) {
      const Index stride = examples.feature_stride;
      for (Index example = 0; example < examples.count; ++example) {
        const std::byte* const from = row(examples, example);
        Number sum = 0;
        if (stride == static_cast<Index>(sizeof(Number))) {
          const auto* const numbers = reinterpret_cast<const Number*>(from);
#pragma omp simd reduction(+ : sum)
          for (Index i = 0; i < examples.features; ++i) sum += zero_if_finite<Scalar>(numbers[i]);
        } else {
          for (Index i = 0; i < examples.features; ++i)
            sum += zero_if_finite<Scalar>(*reinterpret_cast<const Number*>(from + i * stride));
        }
        if (sum == Number(0)) continue;
        for (Index i = 0; i < examples.features; ++i) {
          const Number value = *reinterpret_cast<const Number*>(from + i * stride);
          if (zero_if_finite<Scalar>(value) != Number(0))
            return NonFinite{example, i, static_cast<double>(value)};
        }
      }
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
