// Examples side by side: what is worked out over the classes of each, a maximum, a sum, a logarithm, is
// worked out for 16 of them at once. Classes are few, as a rule, and fill no register; and one after
// the other they wait for one another.
#pragma once

#include "deltarule/elementary.hpp"
#include "deltarule/types.hpp"
#include "product.hpp"
#include "thread_room.hpp"

#include <algorithm>
#include <array>
#include <new>

namespace deltarule {

template <class Scalar, int matrices>
class SideBySide {
 public:
  static constexpr Index together = 16;
  using Lanes = std::array<Scalar, together>;

  explicit SideBySide(Index n)
      : n_(n),
        room_(n <= few ? of_few_.data()
                       : static_cast<Scalar*>(thread_room(matrices * n * together *
                                                          static_cast<Index>(sizeof(Scalar))))) {
    if (!room_) throw std::bad_alloc();
  }

  // Numbers of up to 16 examples, an example a row.
  MatrixMap<Scalar> operator[](Index k) { return {room_ + k * n_ * together, together, n_}; }

  // Columns first, first + 1, ... of A; zeros where there are fewer than 16.
  void load(Index k, const ConstMatrixRef<Scalar>& A, Index first, Index count) {
    if (count < together) (*this)[k].setZero();
    transpose<Scalar>(A.middleCols(first, count), (*this)[k].topRows(count));
  }
  void store(Index k, MatrixRef<Scalar> A, Index first, Index count) {
    transpose<Scalar>((*this)[k].topRows(count), A.middleCols(first, count));
  }

  // max_i z_i: the largest number, or a NaN that comes first; a NaN elsewhere is passed over.
  Lanes largest(Index k) {
    Lanes largest;
    std::copy_n((*this)[k].data(), together, largest.data());
    for (Index i = 1; i < n_; ++i) {
      const Scalar* const z = (*this)[k].col(i).data();
#pragma omp simd
      for (std::size_t j = 0; j < together; ++j) largest[j] = z[j] > largest[j] ? z[j] : largest[j];
    }
    return largest;
  }

  // z_i := e^(z_i - largest); returns their sums.
  Lanes exponentials(Index k, const Lanes& largest) {
    Lanes sum{};
    for (Index i = 0; i < n_; ++i) {
      Scalar* const z = (*this)[k].col(i).data();
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
  Scalar* room_;
};

}  // namespace deltarule
