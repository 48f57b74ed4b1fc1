// Examples side by side: what is worked out over the classes of each, a maximum, a sum, a logarithm, is
// worked out for 16 of them at once. Classes are few, as a rule, and fill no register; and one after
// the other they wait for one another.
#pragma once

#include "base/thread_room.hpp"
#include "base/view.hpp"
#include "kernels/elementary.hpp"
#include "kernels/product.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <optional>

namespace deltarule {

// Of n classes, 1 or more.
template <class Scalar, int matrices>
class SideBySide {
 public:
  static constexpr Index together = 16;
  using Lanes = std::array<Scalar, together>;

  explicit SideBySide(Index n) : n_(n) {
    room_ = of_few_.data();
    if (n <= few) return;
    of_many_.emplace(matrices * n * together * static_cast<Index>(sizeof(Scalar)));
    room_ = static_cast<Scalar*>(of_many_->data());
    if (!room_) throw std::bad_alloc();
  }
  SideBySide(const SideBySide&) = delete;
  SideBySide& operator=(const SideBySide&) = delete;

  // Numbers of up to 16 examples, an example a row.
  View<Scalar> operator[](Index k) { return {room_ + k * n_ * together, together, n_}; }

  // Columns first, first + 1, ... of A; zeros where there are fewer than 16.
  void load(Index k, View<const Scalar> A, Index first, Index count) {
    if (count < together) set_zero(k);
    transpose<Scalar>(A.middle_columns(first, count), (*this)[k].middle_rows(0, count));
  }
  void store(Index k, View<Scalar> A, Index first, Index count) {
    transpose<Scalar>((*this)[k].middle_rows(0, count), A.middle_columns(first, count));
  }
  void set_zero(Index k) { std::fill_n((*this)[k].data, n_ * together, Scalar(0)); }

  // max_i z_i: the largest number, or a NaN that comes first; a NaN elsewhere is passed over.
  Lanes largest(Index k) {
    Lanes largest;
    std::copy_n((*this)[k].data, together, largest.data());
    for (Index i = 1; i < n_; ++i) {
      const Scalar* const z = (*this)[k].column(i);
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) largest[j] = z[j] > largest[j] ? z[j] : largest[j];
    }
    return largest;
  }

  // z_i := e^(z_i - largest); returns their sums.
  Lanes exponentials(Index k, const Lanes& largest) {
    Lanes sum{};
    for (Index i = 0; i < n_; ++i) {
      Scalar* const z = (*this)[k].column(i);
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) {
        z[j] = elementary::exp(z[j] - largest[j]);
        sum[j] += z[j];
      }
    }
    return sum;
  }

 private:
  static constexpr Index few = 64;  // classes, for which an object has room in itself

  Index n_;
  std::array<Scalar, matrices * few * together> of_few_;
  std::optional<ThreadRoom> of_many_;
  Scalar* room_ = nullptr;
};

}  // namespace deltarule
