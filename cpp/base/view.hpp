// The vocabulary of the core: a column-major matrix in somebody else's memory, one example a column.
#pragma once

#include <cassert>
#include <cstddef>
#include <type_traits>

namespace deltarule {

using Index = std::ptrdiff_t;

// Columns are contiguous and lie `stride` apart, so an array of NumPy's, a block of columns and a whole
// matrix all pass without a copy. It is plain data: code that was compiled for one instruction set hands
// it to code that was compiled for another.
template <class Number>
struct View {
  Number* data = nullptr;
  Index rows = 0, columns = 0, stride = 0;

  constexpr View() = default;
  constexpr View(Number* data_, Index rows_, Index columns_, Index stride_)
      : data(data_), rows(rows_), columns(columns_), stride(stride_) {}
  constexpr View(Number* data_, Index rows_, Index columns_)
      : View(data_, rows_, columns_, rows_) {}
  // What may be written may be read.
  template <class Other>
    requires std::is_same_v<const Other, Number>
  constexpr View(const View<Other>& other)  // NOLINT(google-explicit-constructor)
      : View(other.data, other.rows, other.columns, other.stride) {}
  // Matrix classes that store columns as well, such as Eigen's, lend their memory.
  template <class Matrix>
    requires requires(Matrix& matrix, Number*& data_) {
      data_ = matrix.data();
      matrix.cols();
      matrix.outerStride();
    }
  View(Matrix&& matrix)  // NOLINT(bugprone-forwarding-reference-overload)
      : View(matrix.data(), matrix.rows(), matrix.cols(), matrix.outerStride()) {
    assert(matrix.rows() <= 1 || matrix.innerStride() == 1);
  }

  Index size() const { return rows * columns; }
  // Is it one run of memory?
  bool contiguous() const { return stride == rows || columns <= 1; }
  Number* column(Index j) const { return data + j * stride; }
  Number& operator()(Index i, Index j) const { return data[j * stride + i]; }

  View block(Index first_row, Index first_column, Index rows_, Index columns_) const {
    assert(first_row >= 0 && first_row + rows_ <= rows);
    assert(first_column >= 0 && first_column + columns_ <= columns);
    return {data + first_column * stride + first_row, rows_, columns_, stride};
  }
  View middle_rows(Index first, Index count) const { return block(first, 0, count, columns); }
  View middle_columns(Index first, Index count) const { return block(0, first, rows, count); }
};

}  // namespace deltarule
