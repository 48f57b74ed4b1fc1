#include "kernels/optimizer.hpp"

#include "base/subnormals.hpp"
#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

#include <array>
#include <cmath>
#include <new>
#include <type_traits>
#include <utility>

namespace deltarule {
namespace {

// What a rule is written in: numbers, or registers of them.

template <class Scalar>
  requires std::is_floating_point_v<Scalar>
Scalar root(Scalar x) {
  return std::sqrt(x);
}

// x / (scale root(v) + epsilon), v >= 0
template <class Scalar>
  requires std::is_floating_point_v<Scalar>
Scalar over_root(Scalar x, Scalar v, Scalar scale, Scalar epsilon) {
  return x / (std::sqrt(v) * scale + epsilon);
}

#if defined(__AVX512F__)
simd::Vec<float> root(simd::Vec<float> x) { return simd::square_root(x); }

simd::Vec<float> over_root(simd::Vec<float> x, simd::Vec<float> v, float scale, float epsilon) {
  return simd::over_root(x, v, scale, epsilon);
}
#endif

// The larger; NaN where b is.
template <class Number>
Number larger(Number a, Number b) {
  return a > b ? a : b;
}

// -1, 0 or 1, and NaN of NaN
template <class Number>
Number sign(Number x) {
  const Number zero{}, one = zero + 1.0F;
  return x > zero ? one : (x < zero ? -one : x);
}

// rule(p, g, first vector, second vector, ...) changes a parameter and the numbers of its state.
template <class Scalar, class Rule, std::size_t... k>
void update_range(const Rule& rule, Scalar* p, const Scalar* g, [[maybe_unused]] Scalar* state,
                  [[maybe_unused]] Index size, Index count, std::index_sequence<k...>) {
  [[maybe_unused]] const auto vector = [=](std::size_t index) {
    return state + static_cast<Index>(index) * size;
  };
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<Scalar, float>) {
    // The rest of a register goes the same way, so that bits do not depend on where a range begins.
    constexpr Index lanes = simd::lanes<float>;
    for (Index i = 0; i < count; i += lanes) {
      const Index rest = count - i;
      const auto load = [=](const float* from) {
        return rest >= lanes ? simd::load(from + i) : simd::load_first(from + i, rest);
      };
      const auto store = [=](float* to, simd::Vec<float> value) {
        return rest >= lanes ? simd::store(to + i, value) : simd::store_first(to + i, value, rest);
      };
      [&](auto parameter, auto... numbers) {
        rule(parameter, load(g), numbers...);
        (store(vector(k), numbers), ...);
        store(p, parameter);
      }(load(p), load(vector(k))...);
    }
    return;
  }
#endif
#pragma omp simd
  for (Index i = 0; i < count; ++i) {
    [&](auto parameter, auto... numbers) {
      rule(parameter, g[i], numbers...);
      ((vector(k)[i] = numbers), ...);
      p[i] = parameter;
    }(p[i], vector(k)[i]...);
  }
}

template <int count>
struct Vectors {};

template <class Scalar, int vectors, class Rule>
StepRule<Scalar> kept(Vectors<vectors>, Rule rule) {
  static_assert(std::is_trivially_copyable_v<Rule>);
  static_assert(sizeof(Rule) <= sizeof(StepRule<Scalar>::constants));
  StepRule<Scalar> step;
  new (step.constants) Rule(rule);
  step.update = [](const StepRule<Scalar>& of, Scalar* p, const Scalar* g, Scalar* state,
                   Index size, Index count) {
    const Rule local = *std::launder(reinterpret_cast<const Rule*>(of.constants));
    update_range(local, p, g, state, size, count, std::make_index_sequence<vectors>{});
  };
  return step;
}

// A rule that reads and writes that many vectors, with the decay of the weights before it.
template <class Scalar, int vectors, class Rule>
StepRule<Scalar> step_rule(const Optimizer& o, Vectors<vectors> of, Rule rule) {
  if (o.weight_decay == 0.0) return kept<Scalar>(of, rule);
  if (o.kind->weight_decay == WeightDecay::in_gradient)
    return kept<Scalar>(of,
                        [rule, lambda = Scalar(o.weight_decay)](auto& p, auto g, auto&... state) {
                          rule(p, g + lambda * p, state...);
                        });
  // Not p := (1 - alpha lambda) p: what is then subtracted could be fused with that product or not,
  // and a compiler decides otherwise in a register than for the rest of a range.
  return kept<Scalar>(of, [rule, share = Scalar(o.learning_rate * o.weight_decay)](auto& p, auto g,
                                                                                   auto&... state) {
    p -= share * p;
    rule(p, g, state...);
  });
}

// 1 - beta^t, by which a moment that began at 0 is too small
double correction(double beta, std::int64_t step) {
  return 1.0 - std::pow(beta, static_cast<double>(step));
}

// One function an optimizer: from its hyper-parameters and the step to the step's rule.

// p := p - alpha g;  with momentum, v := mu v + g and p := p - alpha v;  with Nesterov's,
// p := p - alpha (g + mu v)
template <class Scalar>
StepRule<Scalar> sgd(const Optimizer& o, std::int64_t /*step*/) {
  const auto alpha = Scalar(o.learning_rate), mu = Scalar(o.momentum);
  if (mu == Scalar(0))
    return step_rule<Scalar>(o, Vectors<0>{}, [=](auto& p, auto g) { p -= alpha * g; });
  if (o.nesterov == 0.0)
    return step_rule<Scalar>(o, Vectors<1>{}, [=](auto& p, auto g, auto& velocity) {
      velocity = mu * velocity + g;
      p -= alpha * velocity;
    });
  return step_rule<Scalar>(o, Vectors<1>{}, [=](auto& p, auto g, auto& velocity) {
    velocity = mu * velocity + g;
    p -= alpha * (g + mu * velocity);
  });
}

// m := beta_1 m + (1 - beta_1) g;  v := beta_2 v + (1 - beta_2) g^2
template <class Scalar>
auto moments(const Optimizer& o) {
  return [b_1 = Scalar(o.beta_1), b_2 = Scalar(o.beta_2), r_1 = Scalar(1.0 - o.beta_1),
          r_2 = Scalar(1.0 - o.beta_2)](auto& m, auto& v, auto g) {
    m = b_1 * m + r_1 * g;
    v = b_2 * v + r_2 * g * g;
  };
}

// p := p - alpha / (1 - beta_1^t) m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon);
// AMSGrad (Reddi et al. 2018): the largest v so far instead of v
template <class Scalar>
StepRule<Scalar> adam(const Optimizer& o, std::int64_t step) {
  const auto rate = Scalar(o.learning_rate / correction(o.beta_1, step));
  const double exact_scale = 1.0 / std::sqrt(correction(o.beta_2, step));
  const auto scale = Scalar(exact_scale);
  const auto epsilon = Scalar(o.epsilon_hat == 0.0 ? o.epsilon : o.epsilon * exact_scale);
  const auto of_moments = moments<Scalar>(o);
  if (o.amsgrad == 0.0)
    return step_rule<Scalar>(o, Vectors<2>{}, [=](auto& p, auto g, auto& m, auto& v) {
      of_moments(m, v, g);
      p -= over_root(rate * m, v, scale, epsilon);
    });
  return step_rule<Scalar>(o, Vectors<3>{}, [=](auto& p, auto g, auto& m, auto& v, auto& largest) {
    of_moments(m, v, g);
    largest = larger(largest, v);
    p -= over_root(rate * m, largest, scale, epsilon);
  });
}

// mu_i = beta_1 (1 - 0.96^(i psi) / 2), and the product of mu_1 ... mu_t. A product that 1 outweighs
// is as good as 0, and so is 0.96^(i psi); one of them is so after a few thousand steps at the most,
// however the hyper-parameters are chosen.
struct Momentum {
  double now, next, product;
};

Momentum scheduled_momentum(const Optimizer& o, std::int64_t step) {
  constexpr double nothing = 1e-18;
  const double ratio = std::pow(0.96, o.momentum_decay);
  double power = ratio, product = 1.0;
  std::int64_t i = 1;
  while (i <= step && product > nothing && power > nothing) {
    product *= o.beta_1 * (1.0 - 0.5 * power);
    power *= ratio;
    ++i;
  }
  if (product > nothing) product *= std::pow(o.beta_1, static_cast<double>(step + 1 - i));
  const auto mu = [&](std::int64_t t) {
    return o.beta_1 * (1.0 - 0.5 * std::pow(0.96, static_cast<double>(t) * o.momentum_decay));
  };
  return {mu(step), mu(step + 1), product};
}

// p := p - alpha ((1 - mu_t) g / (1 - prod mu_1...t) + mu_t+1 m / (1 - prod mu_1...t+1)) / divisor,
// Adam's divisor
template <class Scalar>
StepRule<Scalar> nadam(const Optimizer& o, std::int64_t step) {
  const Momentum mu = scheduled_momentum(o, step);
  const auto of_g = Scalar(o.learning_rate * (1.0 - mu.now) / (1.0 - mu.product));
  const auto of_m = Scalar(o.learning_rate * mu.next / (1.0 - mu.product * mu.next));
  const auto scale = Scalar(1.0 / std::sqrt(correction(o.beta_2, step)));
  const auto epsilon = Scalar(o.epsilon);
  const auto of_moments = moments<Scalar>(o);
  return step_rule<Scalar>(o, Vectors<2>{}, [=](auto& p, auto g, auto& m, auto& v) {
    of_moments(m, v, g);
    p -= over_root(of_g * g + of_m * m, v, scale, epsilon);
  });
}

// While the variance of 1/sqrt(v) is out of bounds, p := p - alpha m / (1 - beta_1^t); then
// p := p - r alpha / (1 - beta_1^t) m sqrt(1 - beta_2^t) / (sqrt(v) + epsilon)
template <class Scalar>
StepRule<Scalar> radam(const Optimizer& o, std::int64_t step) {
  const double rate = o.learning_rate / correction(o.beta_1, step);
  const double second_correction = correction(o.beta_2, step);
  const auto t = static_cast<double>(step);
  const double rho_inf = 2.0 / (1.0 - o.beta_2) - 1.0;
  const double rho = rho_inf - 2.0 * t * (1.0 - second_correction) / second_correction;
  const auto of_moments = moments<Scalar>(o);
  if (rho <= 5.0)
    return step_rule<Scalar>(o, Vectors<2>{},
                             [=, alpha = Scalar(rate)](auto& p, auto g, auto& m, auto& v) {
                               of_moments(m, v, g);
                               p -= alpha * m;
                             });
  const double rectification =
      std::sqrt((rho - 4.0) * (rho - 2.0) * rho_inf / ((rho_inf - 4.0) * (rho_inf - 2.0) * rho));
  const auto alpha = Scalar(rate * rectification * std::sqrt(second_correction));
  const auto epsilon = Scalar(o.epsilon);
  return step_rule<Scalar>(o, Vectors<2>{}, [=](auto& p, auto g, auto& m, auto& v) {
    of_moments(m, v, g);
    p -= over_root(alpha * m, v, Scalar(1), epsilon);
  });
}

// s := rho s + (1 - rho) g^2;  p := p - alpha g / (sqrt(s) + epsilon);  centered, with
// a := rho a + (1 - rho) g, sqrt(s - a^2) for sqrt(s);  with momentum,
// v := mu v + g / (sqrt(s) + epsilon) and p := p - alpha v
template <class Scalar>
StepRule<Scalar> rmsprop(const Optimizer& o, std::int64_t /*step*/) {
  const auto alpha = Scalar(o.learning_rate), mu = Scalar(o.momentum), epsilon = Scalar(o.epsilon);
  const auto rho = Scalar(o.decay), rest = Scalar(1.0 - o.decay);
  const auto raw = [=](auto g, auto& mean_square) {
    mean_square = rho * mean_square + rest * g * g;
    return mean_square;
  };
  const auto variance = [=](auto g, auto& mean_square, auto& mean) {
    mean_square = rho * mean_square + rest * g * g;
    mean = rho * mean + rest * g;
    // Of gradients that hardly vary rounding may leave less than 0.
    return larger(decltype(g){}, mean_square - mean * mean);
  };
  const auto plain = [&]<int vectors>(Vectors<vectors> of, auto second_moment) {
    return step_rule<Scalar>(o, of, [=](auto& p, auto g, auto&... means) {
      p -= over_root(alpha * g, second_moment(g, means...), Scalar(1), epsilon);
    });
  };
  const auto with_momentum = [&]<int vectors>(Vectors<vectors>, auto second_moment) {
    return step_rule<Scalar>(
        o, Vectors<vectors + 1>{}, [=](auto& p, auto g, auto& velocity, auto&... means) {
          velocity = mu * velocity + over_root(g, second_moment(g, means...), Scalar(1), epsilon);
          p -= alpha * velocity;
        });
  };
  const auto by = [&](auto of, auto second_moment) {
    return mu == Scalar(0) ? plain(of, second_moment) : with_momentum(of, second_moment);
  };
  return o.centered == 0.0 ? by(Vectors<1>{}, raw) : by(Vectors<2>{}, variance);
}

// s := s + g^2;  p := p - alpha / (1 + (t - 1) eta) g / (sqrt(s_0 + s) + epsilon)
template <class Scalar>
StepRule<Scalar> adagrad(const Optimizer& o, std::int64_t step) {
  const auto alpha =
      Scalar(o.learning_rate / (1.0 + static_cast<double>(step - 1) * o.learning_rate_decay));
  const auto initial = Scalar(o.initial_accumulator), epsilon = Scalar(o.epsilon);
  return step_rule<Scalar>(o, Vectors<1>{}, [=](auto& p, auto g, auto& sum) {
    sum += g * g;
    p -= over_root(alpha * g, initial + sum, Scalar(1), epsilon);
  });
}

// s := rho s + (1 - rho) g^2;  d := sqrt(u + epsilon) / sqrt(s + epsilon) g;
// u := rho u + (1 - rho) d^2;  p := p - alpha d
template <class Scalar>
StepRule<Scalar> adadelta(const Optimizer& o, std::int64_t /*step*/) {
  const auto alpha = Scalar(o.learning_rate), epsilon = Scalar(o.epsilon);
  const auto rho = Scalar(o.rho), rest = Scalar(1.0 - o.rho);
  return step_rule<Scalar>(
      o, Vectors<2>{}, [=](auto& p, auto g, auto& mean_square, auto& mean_square_change) {
        mean_square = rho * mean_square + rest * g * g;
        const auto change = over_root(root(mean_square_change + epsilon) * g, mean_square + epsilon,
                                      Scalar(1), Scalar(0));
        mean_square_change = rho * mean_square_change + rest * change * change;
        p -= alpha * change;
      });
}

// p := p - alpha sign(beta_1 m + (1 - beta_1) g);  m := beta_2 m + (1 - beta_2) g
template <class Scalar>
StepRule<Scalar> lion(const Optimizer& o, std::int64_t /*step*/) {
  const auto alpha = Scalar(o.learning_rate);
  const auto b_1 = Scalar(o.beta_1), r_1 = Scalar(1.0 - o.beta_1);
  const auto b_2 = Scalar(o.beta_2), r_2 = Scalar(1.0 - o.beta_2);
  return step_rule<Scalar>(o, Vectors<1>{}, [=](auto& p, auto g, auto& m) {
    p -= alpha * sign(b_1 * m + r_1 * g);
    m = b_2 * m + r_2 * g;
  });
}

template <int count>
int always(const Optimizer&) {
  return count;
}

int adam_vectors(const Optimizer& o) { return o.amsgrad == 0.0 ? 2 : 3; }

int rmsprop_vectors(const Optimizer& o) {
  return 1 + (o.momentum == 0.0 ? 0 : 1) + (o.centered == 0.0 ? 0 : 1);
}

using enum WeightDecay;

// SGD keeps a velocity without momentum, too, so that momentum may set in later.
constexpr std::array rows{
    OptimizerKind{"sgd", in_gradient, always<1>, sgd<float>, sgd<double>},
    OptimizerKind{"adam", in_gradient, adam_vectors, adam<float>, adam<double>},
    OptimizerKind{"adamw", decoupled, adam_vectors, adam<float>, adam<double>},
    OptimizerKind{"nadam", in_gradient, always<2>, nadam<float>, nadam<double>},
    OptimizerKind{"radam", in_gradient, always<2>, radam<float>, radam<double>},
    OptimizerKind{"rmsprop", in_gradient, rmsprop_vectors, rmsprop<float>, rmsprop<double>},
    OptimizerKind{"adagrad", in_gradient, always<1>, adagrad<float>, adagrad<double>},
    OptimizerKind{"adadelta", in_gradient, always<2>, adadelta<float>, adadelta<double>},
    OptimizerKind{"lion", decoupled, always<1>, lion<float>, lion<double>},
};

template <class Scalar>
StepRule<Scalar> rule(const Optimizer& optimizer, std::int64_t step) {
  if constexpr (std::is_same_v<Scalar, float>)
    return optimizer.kind->rule_float(optimizer, step);
  else
    return optimizer.kind->rule_double(optimizer, step);
}

template <class Scalar>
void update(const StepRule<Scalar>& rule, const FlatVectors<Scalar>& vectors,
            const Scalar* gradients, Index first, Index count) {
  const FlushSubnormals flush;
  rule.update(rule, vectors.parameters + first, gradients, vectors.state + first, vectors.size,
              count);
}

}  // namespace

std::span<const OptimizerKind> optimizer_rows() { return rows; }

template <class Scalar>
OptimizerKernels<Scalar> optimizer_kernels() {
  return {.rule = rule<Scalar>, .update = update<Scalar>};
}
template OptimizerKernels<float> optimizer_kernels();
template OptimizerKernels<double> optimizer_kernels();

}  // namespace deltarule
