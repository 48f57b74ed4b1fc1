#include "deltarule/optimizer.hpp"

#include "simd.hpp"
#include "subnormals.hpp"

#include <cmath>
#include <type_traits>
#include <utility>

namespace deltarule {
namespace {

template <class Scalar>
void update(const Sgd& sgd, std::int64_t /*step*/, const FlatVectors<Scalar>& vectors, Index first,
            Index last) {
  Scalar* const p = vectors.parameters;
  const Scalar* const g = vectors.gradients;
  Scalar* const velocity = vectors.state;
  const auto alpha = static_cast<Scalar>(sgd.learning_rate);
  const auto mu = static_cast<Scalar>(sgd.momentum);
  if (sgd.momentum == 0.0) {
#pragma omp simd
    for (Index i = first; i < last; ++i) p[i] -= alpha * g[i];
  } else if (!sgd.nesterov) {
#pragma omp simd
    for (Index i = first; i < last; ++i) {
      velocity[i] = mu * velocity[i] + g[i];
      p[i] -= alpha * velocity[i];
    }
  } else {
#pragma omp simd
    for (Index i = first; i < last; ++i) {
      velocity[i] = mu * velocity[i] + g[i];
      p[i] -= alpha * (g[i] + mu * velocity[i]);
    }
  }
}

// m := beta_1 m + (1 - beta_1) g;  v := beta_2 v + (1 - beta_2) g^2
// p := p - alpha / (1 - beta_1^t) m / (sqrt(v) / sqrt(1 - beta_2^t) + epsilon)
template <class Scalar>
void update(const Adam& adam, std::int64_t step, const FlatVectors<Scalar>& vectors, Index first,
            Index last) {
  Scalar* const p = vectors.parameters;
  const Scalar* const g = vectors.gradients;
  Scalar* const first_moment = vectors.state;
  Scalar* const second_moment = vectors.state + vectors.size;
  const auto t = static_cast<double>(step);
  const double first_correction = 1.0 - std::pow(adam.beta_1, t);
  const double second_correction = 1.0 - std::pow(adam.beta_2, t);
  const auto beta_1 = static_cast<Scalar>(adam.beta_1), beta_2 = static_cast<Scalar>(adam.beta_2);
  const auto rest_1 = static_cast<Scalar>(1.0 - adam.beta_1);
  const auto rest_2 = static_cast<Scalar>(1.0 - adam.beta_2);
  const auto rate = static_cast<Scalar>(adam.learning_rate / first_correction);
  const auto root_scale = static_cast<Scalar>(1.0 / std::sqrt(second_correction));
  const auto epsilon = static_cast<Scalar>(adam.epsilon);
  const auto moments = [=](auto m, auto v, auto gradient) {
    m = beta_1 * m + rest_1 * gradient;
    v = beta_2 * v + rest_2 * gradient * gradient;
    return std::pair{m, v};
  };
#if defined(__AVX512F__)
  if constexpr (std::is_same_v<Scalar, float>) {
    // The rest of a register goes the same way, so that bits do not depend on where a range begins.
    constexpr Index lanes = simd::lanes<float>;
    for (Index i = first; i < last; i += lanes) {
      const Index rest = last - i;
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
#pragma omp simd
  for (Index i = first; i < last; ++i) {
    const auto [m, v] = moments(first_moment[i], second_moment[i], g[i]);
    first_moment[i] = m;
    second_moment[i] = v;
    p[i] -= rate * m / (std::sqrt(v) * root_scale + epsilon);
  }
}

}  // namespace

int state_vector_count(const Optimizer& optimizer) {
  return std::visit([](const auto& o) { return o.state_vectors; }, optimizer);
}

template <class Scalar>
void optimizer_update(const Optimizer& optimizer, std::int64_t step,
                      const FlatVectors<Scalar>& vectors, Index first, Index last) {
  const FlushSubnormals flush;
  std::visit([&](const auto& o) { update(o, step, vectors, first, last); }, optimizer);
}

template void optimizer_update<float>(const Optimizer&, std::int64_t, const FlatVectors<float>&,
                                      Index, Index);
template void optimizer_update<double>(const Optimizer&, std::int64_t, const FlatVectors<double>&,
                                       Index, Index);

}  // namespace deltarule
