// Optimizers: an update of a part of the flat parameter vector from its gradient and its state.
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

double learning_rate(const Optimizer& optimizer);
// The same with another learning rate, as a schedule wants it.
Optimizer with_learning_rate(Optimizer optimizer, double learning_rate);

// The state vectors that an optimizer keeps; each is as long as the parameters.
int state_vector_count(const Optimizer& optimizer);

// The flat vectors of one network. `state` holds the optimizer's vectors one after another.
template <class Scalar>
struct FlatVectors {
  Scalar* parameters;
  Scalar* state;
  Index size;
};

// One update, made range by range, on any thread and in any order: numbers do not touch one another.
// `step` counts from 1.
template <class Scalar>
class OptimizerStep {
 public:
  OptimizerStep(const Optimizer& optimizer, std::int64_t step);
  // Of parameters first, first + 1, ... from their `count` gradients.
  void update(const FlatVectors<Scalar>& vectors, const Scalar* gradients, Index first,
              Index count) const;

 private:
  struct Sgd {
    Scalar learning_rate, momentum;
    bool nesterov;
    void operator()(Scalar* p, const Scalar* g, Scalar* state, Index size, Index count) const;
  };
  struct Adam {
    Scalar beta_1, beta_2, rest_1, rest_2;  // rest_1 = 1 - beta_1
    Scalar rate, root_scale, epsilon;       // both bias corrections are in rate and root_scale
    void operator()(Scalar* p, const Scalar* g, Scalar* state, Index size, Index count) const;
  };
  static Sgd constants(const deltarule::Sgd& sgd, std::int64_t step);
  static Adam constants(const deltarule::Adam& adam, std::int64_t step);

  std::variant<Sgd, Adam> rule_;
};

}  // namespace deltarule
