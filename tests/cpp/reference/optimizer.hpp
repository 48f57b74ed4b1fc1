// The optimizers' mathematics once more: scalar loops in double, with no thought for speed. Tests hold the kernels against it.
#pragma once

#include "kernels/optimizer.hpp"
#include "support.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>
#include <vector>

namespace deltarule::reference {

using test::Matrix;
using test::Vector;

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
  std::vector<double> numbers(static_cast<std::size_t>(optimizer.kind->state_vectors(optimizer)));
  for (Index i = 0; i < size; ++i) {
    for (std::size_t k = 0; k < numbers.size(); ++k)
      numbers[k] = state(static_cast<Index>(k) * size + i);
    update(optimizer, step, parameters(i), gradients(i), numbers);
    for (std::size_t k = 0; k < numbers.size(); ++k)
      state(static_cast<Index>(k) * size + i) = numbers[k];
  }
}

}  // namespace deltarule::reference
