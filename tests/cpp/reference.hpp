// The network's mathematics once more: scalar loops in double, with no thought for speed. Tests
// hold the core against it.
#pragma once

#include "layers/layer.hpp"
#include "reference/activation.hpp"
#include "reference/dense.hpp"
#include "reference/loss.hpp"
#include "reference/optimizer.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace deltarule::reference {

// A network of dense layers, over a flat vector of W[1], b[1], W[2], b[2], ... with each W column by
// column.
struct Network {
  Index inputs;
  std::vector<Layer> layers;

  Index depth() const { return static_cast<Index>(layers.size()); }
  Index n(Index l) const { return l == 0 ? inputs : std::get<Dense>(layer(l).kind).units; }
  std::string_view g(Index l) const { return row_of(layer(l).activation).name; }
  Index offset(Index l) const {
    Index sum = 0;
    for (Index k = 1; k < l; ++k) sum += n(k) * (n(k - 1) + 1);
    return sum;
  }
  Index parameter_count() const { return offset(depth() + 1); }

  Matrix<double> W(const Vector<double>& flat, Index l) const {
    return flat.segment(offset(l), n(l) * n(l - 1)).reshaped(n(l), n(l - 1));
  }
  Vector<double> b(const Vector<double>& flat, Index l) const {
    return flat.segment(offset(l) + n(l) * n(l - 1), n(l));
  }

 private:
  const Layer& layer(Index l) const { return layers[static_cast<std::size_t>(l - 1)]; }
};

// A[0] = X ... A[L] and Z[1] ... Z[L]; Z[0] is empty.
struct Pass {
  std::vector<Matrix<double>> A, Z;
  const Matrix<double>& output() const { return A.back(); }
};

inline Pass forward(const Network& network, const Vector<double>& parameters,
                    const Matrix<double>& X) {
  Pass pass{{X}, {Matrix<double>()}};
  for (Index l = 1; l <= network.depth(); ++l) {
    pass.Z.push_back(
        dense_forward(network.W(parameters, l), network.b(parameters, l), pass.A.back()));
    pass.A.push_back(activation_forward(network.g(l), pass.Z.back()));
  }
  return pass;
}

struct Gradients {
  Vector<double> flat;
  Matrix<double> dX;
};

inline Gradients backward(const Network& network, const Vector<double>& parameters,
                          const Pass& pass, Matrix<double> dA, double scale) {
  Vector<double> flat(network.parameter_count());
  for (Index l = network.depth(); l >= 1; --l) {
    const auto layer = static_cast<std::size_t>(l);
    const Matrix<double> dZ = activation_backward(network.g(l), dA, pass.Z[layer]);
    const Matrix<double> dW = scale * product(dZ, pass.A[layer - 1].transpose());
    flat.segment(network.offset(l), dW.size()) = dW.reshaped();
    flat.segment(network.offset(l) + dW.size(), network.n(l)) = scale * sum_columns(dZ);
    dA = product(network.W(parameters, l).transpose(), dZ);
  }
  return {flat, dA};
}

// The cost of a batch, sum_j w_j loss_j / sum_j w_j, and its gradient.
struct Batch {
  Matrix<double> X, Y;
  Vector<double> weights;

  double weight() const {
    return weights.size() == 0 ? static_cast<double>(X.cols()) : weights.sum();
  }
};

inline double cost(const Network& network, const Vector<double>& parameters, const Loss& loss,
                   const Batch& batch) {
  const Pass pass = forward(network, parameters, batch.X);
  return loss_sum(loss, pass.output(), batch.Y, batch.weights) / batch.weight();
}

inline Vector<double> gradients(const Network& network, const Vector<double>& parameters,
                                const Loss& loss, const Batch& batch) {
  const Pass pass = forward(network, parameters, batch.X);
  const Matrix<double> dA = loss_gradient(loss, pass.output(), batch.Y, batch.weights);
  return backward(network, parameters, pass, dA, 1.0 / batch.weight()).flat;
}

// Examples order[0], order[1], ... of `set` in batches; the cost of each before its update.
inline std::vector<double> train(const Network& network, Vector<double>& parameters,
                                 const Loss& loss, const Optimizer& optimizer, const Batch& set,
                                 const std::vector<std::int64_t>& order, std::size_t batch_size) {
  std::vector<double> costs;
  Vector<double> state =
      Vector<double>::Zero(optimizer.kind->state_vectors(optimizer) * network.parameter_count());
  for (std::size_t first = 0; first < order.size(); first += batch_size) {
    const std::vector<std::int64_t> chosen(
        order.begin() + static_cast<std::ptrdiff_t>(first),
        order.begin() + static_cast<std::ptrdiff_t>(std::min(first + batch_size, order.size())));
    Batch batch{set.X(Eigen::all, chosen), set.Y(Eigen::all, chosen), {}};
    if (set.weights.size() > 0) batch.weights = set.weights(chosen);
    costs.push_back(cost(network, parameters, loss, batch));
    const int step = static_cast<int>(costs.size());
    update(optimizer, step, parameters, gradients(network, parameters, loss, batch), state);
  }
  return costs;
}

}  // namespace deltarule::reference
