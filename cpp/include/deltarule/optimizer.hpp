// Optimizers: an update of a range of the flat parameter vector from its gradient and its state.
#pragma once

#include "deltarule/types.hpp"

#include <cstdint>
#include <variant>

namespace deltarule {

// p := p - learning_rate g;  with momentum, v := momentum v + g and p := p - learning_rate v;
// with Nesterov's, p := p - learning_rate (g + momentum v)
struct Sgd {
  static constexpr int state_vectors = 1;
  double learning_rate = 0.01, momentum = 0.0;
  bool nesterov = false;
};

// Kingma & Ba 2015, algorithm 1, with both bias corrections; epsilon stands outside the root.
struct Adam {
  static constexpr int state_vectors = 2;
  double learning_rate = 1e-3, beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8;
};

using Optimizer = std::variant<Sgd, Adam>;

// The state vectors that an optimizer keeps; each is as long as the parameters.
int state_vector_count(const Optimizer& optimizer);

// The flat vectors of one network. `state` holds the optimizer's vectors one after another.
template <class Scalar>
struct FlatVectors {
  Scalar* parameters;
  const Scalar* gradients;
  Scalar* state;
  Index size;
};

// Updates parameters [first, last); `step` counts from 1. Elements do not touch one another, so
// ranges may be updated in any order and on any thread.
template <class Scalar>
void optimizer_update(const Optimizer& optimizer, std::int64_t step,
                      const FlatVectors<Scalar>& vectors, Index first, Index last);

}  // namespace deltarule
