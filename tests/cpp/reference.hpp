// The network's mathematics once more: scalar loops in double, with no thought for speed. Tests
// hold the core against it.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/loss.hpp"
#include "deltarule/network.hpp"
#include "deltarule/optimizer.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace deltarule::reference {

// Activations.

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

inline double g(Activation activation, double z) {
  switch (activation) {
    case Activation::identity: return z;
    case Activation::sigmoid: return sigmoid(z);
    case Activation::tanh: return std::tanh(z);
    case Activation::relu: return z < 0.0 ? 0.0 : z;
    case Activation::leaky_relu: return z < 0.0 ? 0.01 * z : z;
    case Activation::elu: return z < 0.0 ? std::expm1(z) : z;
    case Activation::gelu: return z * normal_cdf(z);
    case Activation::gelu_tanh: return z * (1.0 + std::tanh(gelu_inner(z))) / 2.0;
    case Activation::silu: return z * sigmoid(z);
    case Activation::softplus: return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z)));
    case Activation::exponential: return std::exp(z);
    case Activation::softmax: break;
  }
  throw std::logic_error("softmax is no function of one number");
}

inline double derivative(Activation activation, double z) {
  const double s = sigmoid(z), t = std::tanh(z);
  switch (activation) {
    case Activation::identity: return 1.0;
    case Activation::sigmoid: return s * (1.0 - s);
    case Activation::tanh: return 1.0 - t * t;
    case Activation::relu: return z > 0.0 ? 1.0 : 0.0;
    case Activation::leaky_relu: return z > 0.0 ? 1.0 : 0.01;
    case Activation::elu: return z < 0.0 ? std::exp(z) : 1.0;
    case Activation::gelu: return normal_cdf(z) + z * normal_density(z);
    case Activation::gelu_tanh: {
      const double u = std::tanh(gelu_inner(z));
      return (1.0 + u) / 2.0 + z / 2.0 * (1.0 - u * u) * gelu_inner_derivative(z);
    }
    case Activation::silu: return s + z * s * (1.0 - s);
    case Activation::softplus: return s;
    case Activation::exponential: return std::exp(z);
    case Activation::softmax: break;
  }
  throw std::logic_error("softmax is no function of one number");
}

inline Matrix<double> activation_forward(Activation activation, const Matrix<double>& Z) {
  Matrix<double> A(Z.rows(), Z.cols());
  for (Index j = 0; j < Z.cols(); ++j) {
    double largest = Z(0, j), sum = 0.0;
    for (Index i = 1; i < Z.rows(); ++i) largest = std::max(largest, Z(i, j));
    for (Index i = 0; i < Z.rows(); ++i) sum += std::exp(Z(i, j) - largest);
    for (Index i = 0; i < Z.rows(); ++i) {
      A(i, j) = activation == Activation::softmax ? std::exp(Z(i, j) - largest) / sum
                                                  : g(activation, Z(i, j));
    }
  }
  return A;
}

inline Matrix<double> activation_backward(Activation activation, const Matrix<double>& dA,
                                          const Matrix<double>& Z) {
  Matrix<double> dZ = Matrix<double>::Zero(Z.rows(), Z.cols());
  const Matrix<double> A = activation_forward(activation, Z);
  for (Index j = 0; j < Z.cols(); ++j) {
    for (Index i = 0; i < Z.rows(); ++i) {
      if (activation != Activation::softmax) {
        dZ(i, j) = dA(i, j) * derivative(activation, Z(i, j));
        continue;
      }
      // da_k / dz_i = a_k ([i = k] - a_i)
      for (Index k = 0; k < Z.rows(); ++k)
        dZ(i, j) += dA(k, j) * A(k, j) * ((i == k ? 1.0 : 0.0) - A(i, j));
    }
  }
  return dZ;
}

// The dense layer.

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

// Losses. No weights means that each is 1.

// -y log a, with 0 log 0 = 0
inline double cross_entropy(double y, double a) { return y == 0.0 ? 0.0 : -y * std::log(a); }

inline double weight_of(const Vector<double>& weights, Index j) {
  return weights.size() == 0 ? 1.0 : weights(j);
}

inline double level(const Loss& loss, Index i) {
  return loss.levels[static_cast<std::size_t>(i) % loss.levels.size()];
}
inline double smoothed(const Loss& loss, double y, double classes) {
  return (1.0 - loss.label_smoothing) * y + loss.label_smoothing / classes;
}
// What class 1 and class 0 weigh.
inline double one(const Loss& loss) { return loss.alpha ? *loss.alpha : 1.0; }
inline double zero(const Loss& loss) { return loss.alpha ? 1.0 - *loss.alpha : 1.0; }

// The share of output i of n in its example's loss, before the mean over outputs.
inline double loss_term(const Loss& loss, double a, double y, Index i, double n) {
  const double d = a - y, gamma = loss.gamma;
  const double y_1 = smoothed(loss, y, 2.0);
  const auto focal = [&](double y_of_class, double p) {
    return std::pow(1.0 - p, gamma) * cross_entropy(y_of_class, p);
  };
  switch (loss.kind) {
    case Loss::mean_squared_error: return d * d;
    case Loss::mean_absolute_error: return std::abs(d);
    case Loss::huber:
      return std::abs(d) <= loss.delta ? d * d / 2.0
                                       : loss.delta * (std::abs(d) - loss.delta / 2.0);
    case Loss::log_cosh: return std::log(std::cosh(d));
    case Loss::quantile: return std::max(-level(loss, i) * d, (1.0 - level(loss, i)) * d);
    case Loss::poisson: return a + cross_entropy(y, a);
    case Loss::binary_cross_entropy:
      return cross_entropy(y_1, a) + cross_entropy(1.0 - y_1, 1.0 - a);
    case Loss::binary_focal: return one(loss) * focal(y, a) + zero(loss) * focal(1.0 - y, 1.0 - a);
    case Loss::categorical_cross_entropy: return cross_entropy(smoothed(loss, y, n), a);
    case Loss::categorical_focal: return focal(y, a);
    case Loss::custom: break;
  }
  throw std::logic_error("only its caller knows a custom loss");
}

// Its derivative with respect to a.
inline double loss_derivative(const Loss& loss, double a, double y, Index i, double n) {
  const double d = a - y, gamma = loss.gamma;
  const double y_1 = smoothed(loss, y, 2.0);
  const auto focal = [&](double p) {
    if (p == 1.0) return gamma == 0.0 ? -1.0 : 0.0;  // log p goes faster than any power of 1 - p
    return gamma * std::pow(1.0 - p, gamma - 1.0) * std::log(p) - std::pow(1.0 - p, gamma) / p;
  };
  switch (loss.kind) {
    case Loss::mean_squared_error: return 2.0 * d;
    case Loss::mean_absolute_error: return d > 0.0 ? 1.0 : d < 0.0 ? -1.0 : 0.0;
    case Loss::huber: return std::clamp(d, -loss.delta, loss.delta);
    case Loss::log_cosh: return std::tanh(d);
    case Loss::quantile: return d > 0.0 ? 1.0 - level(loss, i) : d < 0.0 ? -level(loss, i) : 0.0;
    case Loss::poisson: return 1.0 - y / a;
    case Loss::binary_cross_entropy: return (1.0 - y_1) / (1.0 - a) - y_1 / a;
    case Loss::binary_focal:
      return one(loss) * y * focal(a) - zero(loss) * (1.0 - y) * focal(1.0 - a);
    case Loss::categorical_cross_entropy: return -smoothed(loss, y, n) / a;
    case Loss::categorical_focal: return y * focal(a);
    case Loss::custom: break;
  }
  throw std::logic_error("only its caller knows a custom loss");
}

// What stands before the sum over the outputs.
inline double loss_factor(const Loss& loss, double n) {
  return loss.kind == Loss::categorical_cross_entropy || loss.kind == Loss::categorical_focal
             ? 1.0
             : 1.0 / n;
}

// sum_j w_j loss(a_j, y_j)
inline double loss_sum(const Loss& loss, const Matrix<double>& A, const Matrix<double>& Y,
                       const Vector<double>& weights = {}) {
  double sum = 0.0;
  const auto n = static_cast<double>(A.rows());
  for (Index j = 0; j < A.cols(); ++j)
    for (Index i = 0; i < A.rows(); ++i)
      sum += weight_of(weights, j) * loss_factor(loss, n) * loss_term(loss, A(i, j), Y(i, j), i, n);
  return sum;
}

inline Matrix<double> loss_gradient(const Loss& loss, const Matrix<double>& A,
                                    const Matrix<double>& Y, const Vector<double>& weights = {}) {
  Matrix<double> dA(A.rows(), A.cols());
  const auto n = static_cast<double>(A.rows());
  for (Index j = 0; j < A.cols(); ++j)
    for (Index i = 0; i < A.rows(); ++i)
      dA(i, j) = weight_of(weights, j) * loss_factor(loss, n) *
                 loss_derivative(loss, A(i, j), Y(i, j), i, n);
  return dA;
}

// Optimizers.

// mu_i of NAdam, and their product.
inline double scheduled_momentum(const Optimizer& o, int step) {
  return o.beta_1 * (1.0 - 0.5 * std::pow(0.96, step * o.momentum_decay));
}
inline double momentum_product(const Optimizer& o, int steps) {
  double product = 1.0;
  for (int i = 1; i <= steps; ++i) product *= scheduled_momentum(o, i);
  return product;
}

// One number: p from g and from its numbers of the state, s[0], s[1], ... as the core lays them out.
inline void update(const Optimizer& o, int step, double& p, double g, std::vector<double>& s) {
  const std::string_view name = o.kind->name;
  const double alpha = o.learning_rate;
  if (name == "adamw" || name == "lion")
    p -= alpha * o.weight_decay * p;
  else
    g += o.weight_decay * p;
  const double first_correction = 1.0 - std::pow(o.beta_1, step);
  const double second_correction = 1.0 - std::pow(o.beta_2, step);
  const auto moments = [&] {
    s[0] = o.beta_1 * s[0] + (1.0 - o.beta_1) * g;
    s[1] = o.beta_2 * s[1] + (1.0 - o.beta_2) * g * g;
  };
  if (name == "sgd") {
    // Without momentum there is no velocity, and the state stays as it is.
    const double velocity = o.momentum * s[0] + g;
    p -= alpha * (o.nesterov != 0.0 ? g + o.momentum * velocity : velocity);
    if (o.momentum != 0.0) s[0] = velocity;
  } else if (name == "adam" || name == "adamw") {
    moments();
    double second_moment = s[1];
    if (o.amsgrad != 0.0) second_moment = s[2] = std::max(s[2], s[1]);
    const double corrected = s[0] / first_correction;
    // Kingma & Ba 2015: algorithm 1, and the other order at the end of its section 2.
    if (o.epsilon_hat == 0.0)
      p -= alpha * corrected / (std::sqrt(second_moment / second_correction) + o.epsilon);
    else
      p -=
          alpha * std::sqrt(second_correction) * corrected / (std::sqrt(second_moment) + o.epsilon);
  } else if (name == "nadam") {
    moments();
    const double now = scheduled_momentum(o, step), next = scheduled_momentum(o, step + 1);
    const double n = (1.0 - now) * g / (1.0 - momentum_product(o, step)) +
                     next * s[0] / (1.0 - momentum_product(o, step + 1));
    p -= alpha * n / (std::sqrt(s[1] / second_correction) + o.epsilon);
  } else if (name == "radam") {
    moments();
    const double m_hat = s[0] / first_correction;
    const double rho_inf = 2.0 / (1.0 - o.beta_2) - 1.0;
    const double rho = rho_inf - 2.0 * step * std::pow(o.beta_2, step) / second_correction;
    const double r =
        std::sqrt((rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho));
    p -= rho > 5.0
             ? alpha * r * m_hat * std::sqrt(second_correction) / (std::sqrt(s[1]) + o.epsilon)
             : alpha * m_hat;
  } else if (name == "rmsprop") {
    const bool moving = o.momentum != 0.0;
    double& mean_square = s[moving ? 1 : 0];
    mean_square = o.decay * mean_square + (1.0 - o.decay) * g * g;
    double variance = mean_square;
    if (o.centered != 0.0) {
      double& mean = s[moving ? 2 : 1];
      mean = o.decay * mean + (1.0 - o.decay) * g;
      variance -= mean * mean;
    }
    double step_length = g / (std::sqrt(variance) + o.epsilon);
    if (moving) step_length = s[0] = o.momentum * s[0] + step_length;
    p -= alpha * step_length;
  } else if (name == "adagrad") {
    s[0] += g * g;
    p -= alpha / (1.0 + (step - 1) * o.learning_rate_decay) * g /
         (std::sqrt(o.initial_accumulator + s[0]) + o.epsilon);
  } else if (name == "adadelta") {
    s[0] = o.rho * s[0] + (1.0 - o.rho) * g * g;
    const double change = std::sqrt(s[1] + o.epsilon) / std::sqrt(s[0] + o.epsilon) * g;
    s[1] = o.rho * s[1] + (1.0 - o.rho) * change * change;
    p -= alpha * change;
  } else if (name == "lion") {
    const double direction = o.beta_1 * s[0] + (1.0 - o.beta_1) * g;
    p -= alpha * ((direction > 0.0) - (direction < 0.0));
    s[0] = o.beta_2 * s[0] + (1.0 - o.beta_2) * g;
  } else {
    throw std::logic_error("an optimizer without a reference");
  }
}

inline void update(const Optimizer& optimizer, int step, Vector<double>& parameters,
                   const Vector<double>& gradients, Vector<double>& state) {
  const Index size = parameters.size();
  std::vector<double> numbers(static_cast<std::size_t>(state_vector_count(optimizer)));
  for (Index i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < numbers.size(); ++k)
      numbers[k] = state(static_cast<Index>(k) * size + i);
    update(optimizer, step, parameters(i), gradients(i), numbers);
    for (std::size_t k = 0; k < numbers.size(); ++k)
      state(static_cast<Index>(k) * size + i) = numbers[k];
  }
}

// The network, over a flat vector of W[1], b[1], W[2], b[2], ... with each W column by column.

struct Network {
  Index inputs;
  std::vector<Layer> layers;

  Index depth() const { return static_cast<Index>(layers.size()); }
  Index n(Index l) const { return l == 0 ? inputs : layers[static_cast<std::size_t>(l - 1)].units; }
  Activation g(Index l) const { return layers[static_cast<std::size_t>(l - 1)].activation; }
  Index offset(Index l) const {
    Index sum = 0;
    for (Index k = 1; k < l; ++k) sum += n(k) * (n(k - 1) + 1);
    return sum;
  }
  Index parameter_count() const { return offset(depth() + 1); }

  Matrix<double> W(const Vector<double>& flat, Index l) const {
    return flat.segment(offset(l), n(l) * n(l - 1)).reshaped(n(l), n(l - 1));
  }
  Vector<double> b(const Vector<double>& flat, Index l) const {
    return flat.segment(offset(l) + n(l) * n(l - 1), n(l));
  }
};

// A[0] = X ... A[L] and Z[1] ... Z[L]; Z[0] is empty.
struct Pass {
  std::vector<Matrix<double>> A, Z;
  const Matrix<double>& output() const { return A.back(); }
};

inline Pass forward(const Network& network, const Vector<double>& parameters,
                    const Matrix<double>& X) {
  Pass pass{{X}, {Matrix<double>()}};
  for (Index l = 1; l <= network.depth(); ++l) {
    pass.Z.push_back(
        dense_forward(network.W(parameters, l), network.b(parameters, l), pass.A.back()));
    pass.A.push_back(activation_forward(network.g(l), pass.Z.back()));
  }
  return pass;
}

struct Gradients {
  Vector<double> flat;
  Matrix<double> dX;
};

inline Gradients backward(const Network& network, const Vector<double>& parameters,
                          const Pass& pass, Matrix<double> dA, double scale) {
  Vector<double> flat(network.parameter_count());
  for (Index l = network.depth(); l >= 1; --l) {
    const auto layer = static_cast<std::size_t>(l);
    const Matrix<double> dZ = activation_backward(network.g(l), dA, pass.Z[layer]);
    const Matrix<double> dW = scale * product(dZ, pass.A[layer - 1].transpose());
    flat.segment(network.offset(l), dW.size()) = dW.reshaped();
    flat.segment(network.offset(l) + dW.size(), network.n(l)) = scale * sum_columns(dZ);
    dA = product(network.W(parameters, l).transpose(), dZ);
  }
  return {flat, dA};
}

// The cost of a batch, sum_j w_j loss_j / sum_j w_j, and its gradient.
struct Batch {
  Matrix<double> X, Y;
  Vector<double> weights;

  double weight() const {
    return weights.size() == 0 ? static_cast<double>(X.cols()) : weights.sum();
  }
};

inline double cost(const Network& network, const Vector<double>& parameters, const Loss& loss,
                   const Batch& batch) {
  const Pass pass = forward(network, parameters, batch.X);
  return loss_sum(loss, pass.output(), batch.Y, batch.weights) / batch.weight();
}

inline Vector<double> gradients(const Network& network, const Vector<double>& parameters,
                                const Loss& loss, const Batch& batch) {
  const Pass pass = forward(network, parameters, batch.X);
  const Matrix<double> dA = loss_gradient(loss, pass.output(), batch.Y, batch.weights);
  return backward(network, parameters, pass, dA, 1.0 / batch.weight()).flat;
}

// Examples order[0], order[1], ... of `set` in batches; the cost of each before its update.
inline std::vector<double> train(const Network& network, Vector<double>& parameters,
                                 const Loss& loss, const Optimizer& optimizer, const Batch& set,
                                 const std::vector<std::int64_t>& order, std::size_t batch_size) {
  std::vector<double> costs;
  Vector<double> state =
      Vector<double>::Zero(state_vector_count(optimizer) * network.parameter_count());
  for (std::size_t first = 0; first < order.size(); first += batch_size) {
    const std::vector<std::int64_t> chosen(
        order.begin() + static_cast<std::ptrdiff_t>(first),
        order.begin() + static_cast<std::ptrdiff_t>(std::min(first + batch_size, order.size())));
    Batch batch{set.X(Eigen::all, chosen), set.Y(Eigen::all, chosen), {}};
    if (set.weights.size() > 0) batch.weights = set.weights(chosen);
    costs.push_back(cost(network, parameters, loss, batch));
    const int step = static_cast<int>(costs.size());
    update(optimizer, step, parameters, gradients(network, parameters, loss, batch), state);
  }
  return costs;
}

}  // namespace deltarule::reference
