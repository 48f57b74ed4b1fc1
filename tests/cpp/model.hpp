// A network of the core beside the reference's, over the same random parameters.
#pragma once

#include "deltarule/network.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <cmath>
#include <random>
#include <vector>

namespace deltarule::test {

template <class Scalar>
struct Model {
  reference::Network naive;
  mutable Network<Scalar> network;  // a trainer keeps running moments in it
  Vector<Scalar> parameters;

  // Weights are of the size that keeps Z at that of A.
  Model(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers)
      : naive{inputs, layers}, network(inputs, layers), parameters(naive.parameter_count()) {
    for (Index l = 1; l <= naive.depth(); ++l) {
      const Index n = naive.n(l), n_prev = naive.n(l - 1);
      const double scale = std::sqrt(3.0 / static_cast<double>(n_prev));
      parameters.segment(naive.offset(l), n * (n_prev + 1)) =
          random_vector<Scalar>(engine, n * (n_prev + 1), scale);
    }
  }

  Index outputs() const { return naive.n(naive.depth()); }
};

// Rounding that has gone through the layers of a network, or through a few steps of training.
template <class Scalar>
constexpr double accumulated_rounding = 10.0 * rounding<Scalar>;

}  // namespace deltarule::test
