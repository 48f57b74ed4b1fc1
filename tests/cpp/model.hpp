// A network of the core beside the reference's, over the same random parameters. The reference
// knows dense layers alone.
#pragma once

#include "deltarule/network.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <cmath>
#include <random>
#include <variant>
#include <vector>

namespace deltarule::test {

template <class Scalar>
struct Model {
  reference::Network naive;
  mutable Network<Scalar> network;  // a trainer keeps running moments in it
  Vector<Scalar> parameters;

  // Weights are of the size that keeps Z at that of A.
  Model(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers)
      : naive{inputs, layers}, network(inputs, layers), parameters(network.parameter_count()) {
    for (Index l = 1; l <= network.depth(); ++l) {
      const Index first = network.parameter_offset(l);
      const Index count = network.parameter_offset(l + 1) - first;
      const auto n_prev = static_cast<double>(network.n(l - 1));
      parameters.segment(first, count) =
          random_vector<Scalar>(engine, count, network.dense(l) ? std::sqrt(3.0 / n_prev) : 1.0);
      if (network.normalizes_units(l)) give_moments(engine, l);
    }
    // Embedded columns hold codes, which a standardising layer lets pass.
    if (!std::holds_alternative<Standardize>(network.layer(1).kind)) return;
    for (const EmbeddedColumn& c : embedded_columns(layers)) {
      network.statistics()(c.column) = 0;
      network.statistics()(network.n(1) + c.column) = 1;
    }
  }

  Index outputs() const { return network.n(network.depth()); }

 private:
  void give_moments(std::mt19937& engine, Index l) {
    const Index n = network.n(l);
    auto both = network.statistics().segment(network.statistics_offset(l), 2 * n);
    both = random_vector<Scalar>(engine, 2 * n, 0.5);
    both.tail(n).array() += Scalar(1);
  }
};

// Rounding that has gone through the layers of a network, or through a few steps of training.
template <class Scalar>
constexpr double accumulated_rounding = 10.0 * rounding<Scalar>;

}  // namespace deltarule::test
