// The dense layer's mathematics once more: scalar loops in double, with no thought for speed. Tests hold the kernels against it.
#pragma once

#include "support.hpp"

namespace deltarule::reference {

using test::Matrix;
using test::Vector;

inline Matrix<double> product(const Matrix<double>& left, const Matrix<double>& right) {
  Matrix<double> result = Matrix<double>::Zero(left.rows(), right.cols());
  for (Index i = 0; i < left.rows(); ++i)
    for (Index j = 0; j < right.cols(); ++j)
      for (Index k = 0; k < left.cols(); ++k) result(i, j) += left(i, k) * right(k, j);
  return result;
}

inline Matrix<double> dense_forward(const Matrix<double>& W, const Vector<double>& b,
                                    const Matrix<double>& A_prev) {
  Matrix<double> Z = product(W, A_prev);
  for (Index j = 0; j < Z.cols(); ++j)
    for (Index i = 0; i < Z.rows(); ++i) Z(i, j) += b(i);
  return Z;
}

inline Vector<double> sum_columns(const Matrix<double>& dZ) {
  Vector<double> sum = Vector<double>::Zero(dZ.rows());
  for (Index j = 0; j < dZ.cols(); ++j)
    for (Index i = 0; i < dZ.rows(); ++i) sum(i) += dZ(i, j);
  return sum;
}

}  // namespace deltarule::reference
