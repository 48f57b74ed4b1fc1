// The vocabulary of the core: column-major matrices, one example a column.
#pragma once

#include <Eigen/Core>

#include <string>

namespace deltarule {

using Index = Eigen::Index;

template <class Scalar>
using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

// Somebody else's memory. Columns are contiguous and lie outerStride() apart, so a Map of a NumPy
// array, a block of columns and a whole matrix all pass without a copy.
template <class Scalar>
using MatrixRef = Eigen::Ref<Matrix<Scalar>>;
template <class Scalar>
using ConstMatrixRef = Eigen::Ref<const Matrix<Scalar>>;
template <class Scalar>
using VectorRef = Eigen::Ref<Vector<Scalar>>;
template <class Scalar>
using ConstVectorRef = Eigen::Ref<const Vector<Scalar>>;

template <class Scalar>
using MatrixMap = Eigen::Map<Matrix<Scalar>>;
template <class Scalar>
using ConstMatrixMap = Eigen::Map<const Matrix<Scalar>>;
template <class Scalar>
using VectorMap = Eigen::Map<Vector<Scalar>>;
template <class Scalar>
using ConstVectorMap = Eigen::Map<const Vector<Scalar>>;

// Asks the system to keep a large room in large pages, in which a walk over it finds its way sooner. It
// may take no notice.
void ask_for_large_pages(void* room, Index bytes);

// Room for so many numbers at least; what was there is lost where there is not enough. If memory fails
// the room is empty, where Eigen's own resize would still point at what it has given back.
template <class Scalar>
void make_room(Vector<Scalar>& room, Index size) {
  if (room.size() >= size) return;
  room.resize(0);
  room.resize(size);
  ask_for_large_pages(room.data(), size * static_cast<Index>(sizeof(Scalar)));
}

// Memory that is about to be read.
struct Upcoming {
  const void* first = nullptr;
  Index bytes = 0;
};

// "(3, 4)": how every message writes a shape.
std::string shape_text(Index rows, Index columns);

template <class Derived>
std::string shape_text(const Eigen::EigenBase<Derived>& matrix) {
  return shape_text(matrix.rows(), matrix.cols());
}

}  // namespace deltarule
