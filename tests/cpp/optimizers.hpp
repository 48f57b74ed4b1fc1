// Optimizers in few words.
#pragma once

#include "kernels/dispatch.hpp"

#include <stdexcept>
#include <string_view>

namespace deltarule::test {

// make("rmsprop", {.momentum = 0.9})
inline Optimizer make(std::string_view name, Optimizer with = {}) {
  for (const OptimizerKind& kind : kernel_table().optimizers)
    if (kind.name == name) with.kind = &kind;
  if (!with.kind) throw std::logic_error("no such optimizer");
  return with;
}

struct Sgd {
  double learning_rate = 0.01, momentum = 0.0;
  bool nesterov = false;
  operator Optimizer() const {
    return make(
        "sgd",
        {.learning_rate = learning_rate, .momentum = momentum, .nesterov = nesterov ? 1.0 : 0.0});
  }
};

struct Adam {
  double learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
  operator Optimizer() const {
    return make(
        "adam",
        {.learning_rate = learning_rate, .beta_1 = beta_1, .beta_2 = beta_2, .epsilon = epsilon});
  }
};

}  // namespace deltarule::test
