// The activations' mathematics once more: scalar loops in double, with no thought for speed. Tests hold the kernels against it.
#pragma once

#include "support.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string_view>

namespace deltarule::reference {

using test::Matrix;
using test::Vector;

inline double sigmoid(double z) { return 1.0 / (1.0 + std::exp(-z)); }
inline double normal_cdf(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2.0; }
inline double normal_density(double z) {
  return std::exp(-z * z / 2.0) / std::sqrt(2.0 * std::numbers::pi);
}
inline double gelu_inner(double z) {
  return std::sqrt(2.0 / std::numbers::pi) * (z + 0.044715 * z * z * z);
}
inline double gelu_inner_derivative(double z) {
  return std::sqrt(2.0 / std::numbers::pi) * (1.0 + 3.0 * 0.044715 * z * z);
}

inline double relu(double z) { return z < 0.0 ? 0.0 : z; }

// An activation of one number, and its derivative.
struct Formula {
  std::string_view name;
  double (*g)(double z);
  double (*derivative)(double z);
};

inline const Formula formulas[] = {
    {"identity", [](double z) { return z; }, [](double) { return 1.0; }},
    {"sigmoid", sigmoid, [](double z) { return sigmoid(z) * (1.0 - sigmoid(z)); }},
    {"tanh", [](double z) { return std::tanh(z); },
     [](double z) { return 1.0 - std::tanh(z) * std::tanh(z); }},
    {"relu", relu, [](double z) { return z > 0.0 ? 1.0 : 0.0; }},
    {"leaky_relu", [](double z) { return z < 0.0 ? 0.01 * z : z; },
     [](double z) { return z > 0.0 ? 1.0 : 0.01; }},
    {"elu", [](double z) { return z < 0.0 ? std::expm1(z) : z; },
     [](double z) { return z < 0.0 ? std::exp(z) : 1.0; }},
    {"gelu", [](double z) { return z * normal_cdf(z); },
     [](double z) { return normal_cdf(z) + z * normal_density(z); }},
    {"gelu_tanh", [](double z) { return z * (1.0 + std::tanh(gelu_inner(z))) / 2.0; },
     [](double z) {
       const double u = std::tanh(gelu_inner(z));
       return (1.0 + u) / 2.0 + z / 2.0 * (1.0 - u * u) * gelu_inner_derivative(z);
     }},
    {"silu", [](double z) { return z * sigmoid(z); },
     [](double z) { return sigmoid(z) + z * sigmoid(z) * (1.0 - sigmoid(z)); }},
    {"softplus", [](double z) { return relu(z) + std::log1p(std::exp(-std::abs(z))); }, sigmoid},
    {"exponential", [](double z) { return std::exp(z); }, [](double z) { return std::exp(z); }},
};

inline const Formula& formula(std::string_view name) {
  for (const Formula& row : formulas)
    if (row.name == name) return row;
  throw std::logic_error("an activation without a reference");
}

inline Matrix<double> activation_forward(std::string_view activation, const Matrix<double>& Z) {
  Matrix<double> A(Z.rows(), Z.cols());
  for (Index j = 0; j < Z.cols(); ++j) {
    double largest = Z(0, j), sum = 0.0;
    for (Index i = 1; i < Z.rows(); ++i) largest = std::max(largest, Z(i, j));
    for (Index i = 0; i < Z.rows(); ++i) sum += std::exp(Z(i, j) - largest);
    for (Index i = 0; i < Z.rows(); ++i) {
      A(i, j) = activation == "softmax" ? std::exp(Z(i, j) - largest) / sum
                                        : formula(activation).g(Z(i, j));
    }
  }
  return A;
}

inline Matrix<double> activation_backward(std::string_view activation, const Matrix<double>& dA,
                                          const Matrix<double>& Z) {
  Matrix<double> dZ = Matrix<double>::Zero(Z.rows(), Z.cols());
  const Matrix<double> A = activation_forward(activation, Z);
  for (Index j = 0; j < Z.cols(); ++j) {
    for (Index i = 0; i < Z.rows(); ++i) {
      if (activation != "softmax") {
        dZ(i, j) = dA(i, j) * formula(activation).derivative(Z(i, j));
        continue;
      }
      // da_k / dz_i = a_k ([i = k] - a_i)
      for (Index k = 0; k < Z.rows(); ++k)
        dZ(i, j) += dA(k, j) * A(k, j) * ((i == k ? 1.0 : 0.0) - A(i, j));
    }
  }
  return dZ;
}

}  // namespace deltarule::reference
