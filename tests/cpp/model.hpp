// A network of the core beside the reference's, over the same random parameters. The reference
// knows dense layers alone.
#pragma once

#include "base/memory.hpp"
#include "network/network.hpp"
#include "reference.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <cmath>
#include <random>
#include <stdexcept>
#include <string_view>
#include <variant>
#include <vector>

namespace deltarule::test {

// A buffer's numbers, as a vector that shares its memory.
template <class Number>
auto vector_of(Buffer<Number>& buffer) {
  return Eigen::Map<Vector<Number>>(buffer.data(), buffer.size());
}
template <class Number>
auto vector_of(const Buffer<Number>& buffer) {
  return Eigen::Map<const Vector<Number>>(buffer.data(), buffer.size());
}

// W[l] and b[l] of a flat vector, and all of a layer's part of it.
template <class Scalar>
Matrix<Scalar> W_of(const Network<Scalar>& network, const Vector<Scalar>& flat, Index l) {
  return matrix_of(network.W(flat.data(), l));
}
template <class Scalar>
Vector<Scalar> b_of(const Network<Scalar>& network, const Vector<Scalar>& flat, Index l) {
  return Eigen::Map<const Vector<Scalar>>(network.b(flat.data(), l), network.n(l));
}
template <class Scalar, class Flat>
auto part_of(const Network<Scalar>& network, Flat&& flat, Index l) {
  return flat.segment(network.layout().first_parameter(l), network.layout().parameters(l));
}

inline Loss loss_named(std::string_view name) {
  const auto loss = Loss::named(name);
  if (!loss) throw std::logic_error("no such loss");
  return *loss;
}

template <class Scalar>
struct Model {
  reference::Network naive;
  mutable Network<Scalar> network;  // a trainer keeps running moments in it
  Vector<Scalar> parameters;

  // Weights are of the size that keeps Z at that of A.
  Model(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers)
      : naive{inputs, layers}, network(inputs, layers), parameters(network.parameter_count()) {
    const deltarule::Layout& layout = network.layout();
    for (Index l = 1; l <= network.depth(); ++l) {
      const auto n_prev = static_cast<double>(network.n(l - 1));
      part_of(network, parameters, l) = random_vector<Scalar>(
          engine, layout.parameters(l), layout.dense(l) ? std::sqrt(3.0 / n_prev) : 1.0);
      if (layout.traits(l).normalizes_units) give_moments(engine, l);
    }
    // Embedded columns hold codes, which a standardising layer lets pass.
    if (!std::holds_alternative<Standardize>(layout.layer(1).kind)) return;
    for (const EmbeddedColumn& c : embedded_columns(layers)) {
      network.statistics()[c.column] = 0;
      network.statistics()[network.n(1) + c.column] = 1;
    }
  }

  Index outputs() const { return network.n(network.depth()); }

 private:
  void give_moments(std::mt19937& engine, Index l) {
    const Index n = network.n(l);
    auto both = vector_of(network.statistics()).segment(network.layout().first_statistic(l), 2 * n);
    both = random_vector<Scalar>(engine, 2 * n, 0.5);
    both.tail(n).array() += Scalar(1);
  }
};

// Rounding that has gone through the layers of a network, or through a few steps of training.
template <class Scalar>
constexpr double accumulated_rounding = 10.0 * rounding<Scalar>;

}  // namespace deltarule::test
