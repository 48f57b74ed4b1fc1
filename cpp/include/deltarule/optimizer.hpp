// Optimizers: an update of a part of the flat parameter vector from its gradient and its state.
#pragma once

#include "deltarule/types.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace deltarule {

struct OptimizerKind;

// A kind of optimizer and its hyper-parameters, of which each kind has its own; docs/notation has
// the equations. Flags are 0 or 1.
struct Optimizer {
  const OptimizerKind* kind = nullptr;
  double learning_rate = 1e-3, weight_decay = 0.0;
  double momentum = 0.0, nesterov = 0.0;
  double beta_1 = 0.9, beta_2 = 0.999, epsilon = 1e-8, amsgrad = 0.0, momentum_decay = 0.0;
  double epsilon_hat = 0.0;  // whether epsilon is added to sqrt(v) before its bias is corrected
  double decay = 0.99, centered = 0.0, rho = 0.9;
  double learning_rate_decay = 0.0, initial_accumulator = 0.0;
};

struct HyperParameter {
  std::string_view name;
  double Optimizer::* value;
};
std::span<const HyperParameter> hyper_parameters();

// What one step does to each number, with everything computed that is the same for all of them.
template <class Scalar>
struct StepRule {
  void (*update)(const StepRule& rule, Scalar* p, const Scalar* g, Scalar* state, Index size,
                 Index count);
  alignas(double) std::byte constants[128];
};

// Where weight_decay goes: into the gradient, as the derivative of a penalty, or past it to the
// parameter (Loshchilov & Hutter 2019).
enum class WeightDecay { in_gradient, decoupled };

struct OptimizerKind {
  std::string_view name;
  WeightDecay weight_decay;
  int (*state_vectors)(const Optimizer& optimizer);
  StepRule<float> (*rule_float)(const Optimizer& optimizer, std::int64_t step);
  StepRule<double> (*rule_double)(const Optimizer& optimizer, std::int64_t step);
};
std::span<const OptimizerKind> optimizer_kinds();

// The same with another learning rate, as a schedule wants it.
Optimizer with_learning_rate(Optimizer optimizer, double learning_rate);

// The state vectors that an optimizer keeps; each is as long as the parameters and begins at 0.
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
  StepRule<Scalar> rule_;
};

}  // namespace deltarule
