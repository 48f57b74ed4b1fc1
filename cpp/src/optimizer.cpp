#include "deltarule/optimizer.hpp"

#include "simd.hpp"
#include "subnormals.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

namespace deltarule {

int state_vector_count(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.state_vectors; }, optimizer);
}

double learning_rate(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.learning_rate; }, optimizer);
}

Optimizer with_learning_rate(Optimizer optimizer, double learning_rate) {
  std::visit([=](auto& o) { o.learning_rate = learning_rate; }, optimizer);
  return optimizer;
}

template <class Scalar>
auto OptimizerStep<Scalar>::constants(const deltarule::Sgd& sgd, std::int64_t /*step*/) -> Sgd {
  return {static_cast<Scalar>(sgd.learning_rate), static_cast<Scalar>(sgd.momentum), sgd.nesterov};
}

template <class Scalar>
void OptimizerStep<Scalar>::Sgd::operator()(Scalar* p, const Scalar* g, Scalar* velocity,
                                            Index /*size*/, Index count) const {
  const Scalar alpha = learning_rate, mu = momentum;
  if (mu == Scalar(0)) {
#pragma omp simd
    for (Index i = 0; i < count; ++i) p[i] -= alpha * g[i];
  } else if (!nesterov) {
#pragma omp simd
    for (Index i = 0; i < count; ++i) {
      velocity[i] = mu * velocity[i] + g[i];
      p[i] -= alpha * velocity[i];
    }
  } else {
#pragma omp simd
    for (Index i = 0; i < count; ++i) {
      velocity[i] = mu * velocity[i] + g[i];
      p[i] -= alpha * (g[i] + mu * velocity[i]);
    }
  }
}

template <class Scalar>
auto OptimizerStep<Scalar>::constants(const deltarule::Adam& adam, std::int64_t step) -> Adam {
  const auto t = static_cast<double>(step);
  const double first_correction = 1.0 - std::pow(adam.beta_1, t);
  const double second_correction = 1.0 - std::pow(adam.beta_2, t);
  return {static_cast<Scalar>(adam.beta_1),
          static_cast<Scalar>(adam.beta_2),
          static_cast<Scalar>(1.0 - adam.beta_1),
          static_cast<Scalar>(1.0 - adam.beta_2),
          static_cast<Scalar>(adam.learning_rate / first_correction),
          static_cast<Scalar>(1.0 / std::sqrt(second_correction)),
          static_cast<Scalar>(adam.epsilon)};
}

// m := beta_1 m + (1 - beta_1) g;  v := beta_2 v + (1 - beta_2) g^2
// p := p - alpha / (1 - beta_1^t) m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)
template <class Scalar>
void OptimizerStep<Scalar>::Adam::operator()(Scalar* p, const Scalar* g, Scalar* first_moment,
                                             Index size, Index count) const {
  Scalar* const second_moment = first_moment + size;
  const auto moments = [b_1 = beta_1, b_2 = beta_2, r_1 = rest_1, r_2 = rest_2](auto m, auto v,
                                                                                auto gradient) {
    m = b_1 * m + r_1 * gradient;
    v = b_2 * v + r_2 * gradient * gradient;
    return std::pair{m, v};
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
      const auto [m, v] = moments(load(first_moment), load(second_moment), load(g));
      store(first_moment, m);
      store(second_moment, v);
      const simd::Vec<float> divisor = simd::square_root(v) * root_scale + epsilon;
      store(p, load(p) - simd::divide(rate * m, divisor));
    }
    return;
  }
#endif
  const Scalar alpha = rate, scale = root_scale, eps = epsilon;
#pragma omp simd
  for (Index i = 0; i < count; ++i) {
    const auto [m, v] = moments(first_moment[i], second_moment[i], g[i]);
    first_moment[i] = m;
    second_moment[i] = v;
    p[i] -= alpha * m / (std::sqrt(v) * scale + eps);
  }
}

template <class Scalar>
OptimizerStep<Scalar>::OptimizerStep(const Optimizer& optimizer, std::int64_t step)
    : rule_(std::visit([step](const auto& o) -> decltype(rule_) { return constants(o, step); },
                       optimizer)) {}

template <class Scalar>
void OptimizerStep<Scalar>::update(const FlatVectors<Scalar>& vectors, const Scalar* gradients,
                                   Index first, Index count) const {
  const FlushSubnormals flush;
  std::visit(
      [&](const auto& rule) {
        rule(vectors.parameters + first, gradients, vectors.state + first, vectors.size, count);
      },
      rule_);
}

template class OptimizerStep<float>;
template class OptimizerStep<double>;

}  // namespace deltarule
