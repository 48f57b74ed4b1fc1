// Optimizers: an update of a part of the flat parameter vector from its gradient and its state.
#pragma once

#include "base/view.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
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

inline constexpr std::array hyper_parameters{
    HyperParameter{"learning_rate", &Optimizer::learning_rate},
    HyperParameter{"weight_decay", &Optimizer::weight_decay},
    HyperParameter{"momentum", &Optimizer::momentum},
    HyperParameter{"nesterov", &Optimizer::nesterov},
    HyperParameter{"beta_1", &Optimizer::beta_1},
    HyperParameter{"beta_2", &Optimizer::beta_2},
    HyperParameter{"epsilon", &Optimizer::epsilon},
    HyperParameter{"amsgrad", &Optimizer::amsgrad},
    HyperParameter{"epsilon_hat", &Optimizer::epsilon_hat},
    HyperParameter{"momentum_decay", &Optimizer::momentum_decay},
    HyperParameter{"decay", &Optimizer::decay},
    HyperParameter{"centered", &Optimizer::centered},
    HyperParameter{"rho", &Optimizer::rho},
    HyperParameter{"learning_rate_decay", &Optimizer::learning_rate_decay},
    HyperParameter{"initial_accumulator", &Optimizer::initial_accumulator},
};

// What one step does to each number, with everything computed that is the same for all of them.
template <class Scalar>
struct StepRule {
  void (*update)(const StepRule& rule, Scalar* p, const Scalar* g, Scalar* state, Index size,
                 Index count);
  alignas(double) std::byte constants[128];
};

// Where weight_decay goes: into the gradient, as the derivative of a penalty, or past it to the
// parameter (Loshchilov & Hutter 2019).
enum class WeightDecay : std::uint8_t { in_gradient, decoupled };

// A row of the table of optimizer.cpp.
struct OptimizerKind {
  const char* name;
  WeightDecay weight_decay;
  // How many vectors as long as the parameters, which begin at 0, it keeps.
  int (*state_vectors)(const Optimizer& optimizer);
  StepRule<float> (*rule_float)(const Optimizer& optimizer, std::int64_t step);
  StepRule<double> (*rule_double)(const Optimizer& optimizer, std::int64_t step);
};

// The flat vectors of one network. `state` holds the optimizer's vectors one after another.
template <class Scalar>
struct FlatVectors {
  Scalar* parameters;
  Scalar* state;
  Index size;
};

template <class Scalar>
struct OptimizerKernels {
  // The rule of a step, which counts from 1.
  StepRule<Scalar> (*rule)(const Optimizer& optimizer, std::int64_t step);
  // One update of parameters first, first + 1, ... from their `count` gradients, made range by range on
  // any thread and in any order: numbers do not touch one another.
  void (*update)(const StepRule<Scalar>& rule, const FlatVectors<Scalar>& vectors,
                 const Scalar* gradients, Index first, Index count);
};

template <class Scalar>
OptimizerKernels<Scalar> optimizer_kernels();

}  // namespace deltarule
