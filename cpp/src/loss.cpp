#include "deltarule/loss.hpp"

#include "deltarule/elementary.hpp"
#include "elementwise.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace deltarule {
namespace {

constexpr std::array names{
    LossName{"mean_squared_error", Loss::mean_squared_error},
    LossName{"binary_cross_entropy", Loss::binary_cross_entropy},
    LossName{"categorical_cross_entropy", Loss::categorical_cross_entropy},
};

// -y log a, with 0 log 0 = 0
template <class Scalar>
Scalar cross_entropy_term(Scalar y, Scalar a) {
  return y == Scalar(0) && !std::isnan(a) ? Scalar(0) : -y * std::log(a);
}

// y / a, with 0 / 0 = 0: what is certain and right pulls at nothing
template <class Scalar>
Scalar ratio(Scalar y, Scalar a) {
  return y == Scalar(0) && !std::isnan(a) ? Scalar(0) : y / a;
}

// One row a loss: the loss of one output and its derivative with respect to it.
template <class Scalar>
struct SquaredError {
  static Scalar value(Scalar a, Scalar y) { return (a - y) * (a - y); }
  static Scalar derivative(Scalar a, Scalar y) { return Scalar(2) * (a - y); }
};

template <class Scalar>
struct BinaryCrossEntropy {
  static Scalar value(Scalar a, Scalar y) {
    return cross_entropy_term(y, a) + cross_entropy_term(Scalar(1) - y, Scalar(1) - a);
  }
  static Scalar derivative(Scalar a, Scalar y) {
    return ratio(Scalar(1) - y, Scalar(1) - a) - ratio(y, a);
  }
};

template <class Scalar>
struct CategoricalCrossEntropy {
  static Scalar value(Scalar a, Scalar y) { return cross_entropy_term(y, a); }
  static Scalar derivative(Scalar a, Scalar y) { return -ratio(y, a); }
};

// Y of column j as a function of the row: a number of Y, or 1 at the label.
template <class Scalar>
struct TargetColumn {
  const Scalar* y;
  Index label;
  Scalar weight;

  TargetColumn(const Target<Scalar>& target, Index n, Index j)
      : y(target.Y ? target.Y + j * n : nullptr),
        label(target.labels ? static_cast<Index>(target.labels[j]) : -1),
        weight(target.weights ? target.weights[j] : Scalar(1)) {}

  Scalar operator[](Index i) const { return y ? y[i] : Scalar(i == label ? 1 : 0); }
};

// Over column j: loss_j = factor sum_i value(a_i, y_i), da_i = w_j factor derivative(a_i, y_i)
template <class Formula, class Scalar>
double backward(const ConstMatrixRef<Scalar>& A, const Target<Scalar>& target, Scalar factor,
                MatrixRef<Scalar>& dA) {
  const Index n = A.rows();
  double total = 0.0;
  for (Index j = 0; j < A.cols(); ++j) {
    const TargetColumn<Scalar> y(target, n, j);
    const Scalar scale = factor * y.weight;
    double loss = 0.0;
    for (Index i = 0; i < n; ++i) {
      const Scalar a = A(i, j), y_i = y[i];
      loss += static_cast<double>(Formula::value(a, y_i));
      dA(i, j) = scale * Formula::derivative(a, y_i);
    }
    total += static_cast<double>(scale) * loss;
  }
  return total;
}

// loss = max(z, 0) - y z + log(1 + e^-|z|), dz = sigmoid(z) - y, over `size` numbers; dz times scale
template <class Scalar>
double sigmoid_binary_backward(const Scalar* z, const Scalar* y, Index size, Scalar scale,
                               Scalar* dz) {
  constexpr Index block = 64;
  std::array<Scalar, block> losses;  // apart, so that their sum has one order
  double total = 0.0;
  for (Index first = 0; first < size; first += block, z += block, y += block, dz += block) {
    const Index count = std::min(block, size - first);
#pragma omp simd
    for (Index i = 0; i < count; ++i) {
      // softplus(z) - y z = (1 - y) softplus(z) + y softplus(-z), which is exact at both ends
      losses[static_cast<std::size_t>(i)] =
          (Scalar(1) - y[i]) * elementary::softplus(z[i]) + y[i] * elementary::softplus(-z[i]);
      dz[i] = scale * (elementary::sigmoid(z[i]) - y[i]);
    }
    for (Index i = 0; i < count; ++i)
      total += static_cast<double>(losses[static_cast<std::size_t>(i)]);
  }
  return total;
}

template <class Scalar>
double sigmoid_binary_backward(const ConstMatrixRef<Scalar>& Z, const Target<Scalar>& target,
                               MatrixRef<Scalar>& dZ) {
  const Index n = Z.rows(), m = Z.cols();
  const Scalar factor = Scalar(1) / static_cast<Scalar>(n);
  // One run of numbers where every example weighs the same.
  if (!target.weights && contiguous(Z) && contiguous(dZ))
    return static_cast<double>(factor) *
           sigmoid_binary_backward(Z.data(), target.Y, n * m, factor, dZ.data());
  double total = 0.0;
  for (Index j = 0; j < m; ++j) {
    const Scalar scale = factor * (target.weights ? target.weights[j] : Scalar(1));
    total += static_cast<double>(scale) *
             sigmoid_binary_backward(Z.col(j).data(), target.Y + j * n, n, scale, dZ.col(j).data());
  }
  return total;
}

// With d = z - max z and s = sum e^d: loss = sum_i y_i (log s - d_i), dz = (e^d / s) sum y - y
template <class Scalar>
double softmax_categorical_backward(const ConstMatrixRef<Scalar>& Z, const Target<Scalar>& target,
                                    MatrixRef<Scalar>& dZ) {
  const Index n = Z.rows();
  double total = 0.0;
  for (Index j = 0; j < Z.cols(); ++j) {
    const TargetColumn<Scalar> y(target, n, j);
    const Scalar largest = largest_of(Z.col(j).data(), Z.rows());
    double weighted = 0.0, mass = 0.0;  // sum_i y_i d_i and sum_i y_i
    if (y.y) {
      for (Index i = 0; i < n; ++i) {
        if (y.y[i] == Scalar(0)) continue;  // a class of no mass may have a logit of -Inf
        weighted += static_cast<double>(y.y[i] * (Z(i, j) - largest));
        mass += static_cast<double>(y.y[i]);
      }
    } else {
      weighted = static_cast<double>(Z(y.label, j) - largest);
      mass = 1.0;
    }
    Scalar* const dz = dZ.col(j).data();
    const Scalar* const z = Z.col(j).data();
#pragma omp simd
    for (Index i = 0; i < n; ++i) dz[i] = elementary::exp(z[i] - largest);
    Scalar sum = 0;
    for (Index i = 0; i < n; ++i) sum += dz[i];
    const Scalar to_probability = y.weight * static_cast<Scalar>(mass) / sum;
    if (y.y) {
#pragma omp simd
      for (Index i = 0; i < n; ++i) dz[i] = to_probability * dz[i] - y.weight * y.y[i];
    } else {
#pragma omp simd
      for (Index i = 0; i < n; ++i) dz[i] *= to_probability;
      dz[y.label] -= y.weight;
    }
    total += static_cast<double>(y.weight) * (mass * std::log(static_cast<double>(sum)) - weighted);
  }
  return total;
}

}  // namespace

std::span<const LossName> loss_names() { return names; }

bool fused_with_output(Loss loss, Activation output) {
  return (loss == Loss::binary_cross_entropy && output == Activation::sigmoid) ||
         (loss == Loss::categorical_cross_entropy && output == Activation::softmax);
}

template <class Scalar>
double loss_backward(Loss loss, const ConstMatrixRef<Scalar>& A, const Target<Scalar>& target,
                     MatrixRef<Scalar> dA) {
  const Scalar mean_over_outputs = Scalar(1) / static_cast<Scalar>(A.rows());
  switch (loss) {
    case Loss::mean_squared_error:
      return backward<SquaredError<Scalar>>(A, target, mean_over_outputs, dA);
    case Loss::binary_cross_entropy:
      return backward<BinaryCrossEntropy<Scalar>>(A, target, mean_over_outputs, dA);
    case Loss::categorical_cross_entropy:
      return backward<CategoricalCrossEntropy<Scalar>>(A, target, Scalar(1), dA);
  }
  return 0.0;
}

template <class Scalar>
double loss_backward_from_logits(Loss loss, const ConstMatrixRef<Scalar>& Z,
                                 const Target<Scalar>& target, MatrixRef<Scalar> dZ) {
  return loss == Loss::binary_cross_entropy ? sigmoid_binary_backward(Z, target, dZ)
                                            : softmax_categorical_backward(Z, target, dZ);
}

#define DELTARULE_INSTANTIATE(Scalar)                                                    \
  template double loss_backward<Scalar>(Loss, const ConstMatrixRef<Scalar>&,             \
                                        const Target<Scalar>&, MatrixRef<Scalar>);       \
  template double loss_backward_from_logits<Scalar>(Loss, const ConstMatrixRef<Scalar>&, \
                                                    const Target<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
