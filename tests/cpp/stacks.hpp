// Networks with layers of every kind, alone and together.
#pragma once

#include "layers/layer.hpp"
#include "support.hpp"

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace deltarule::test {

// A layer of any kind, and a dense one of so many units; the activation by its name.
template <class OfKind>
Layer just(OfKind kind, std::string_view activation = "identity") {
  return {std::move(kind), act(activation)};
}
inline Layer dense(Index units, std::string_view activation = "identity") {
  return just(Dense{units}, activation);
}

// Three bins of each of these columns.
inline Bins bins_of(const std::vector<Index>& columns) {
  Bins bins;
  for (const Index column : columns) bins.add(column, {-0.75, -0.25, 0.5, 1.0});
  return bins;
}

struct Stack {
  std::string name;
  Index inputs;
  std::vector<Layer> layers;
};

// Of `n` inputs, 6 or more, with three outputs for a categorical cross-entropy.
inline std::vector<Stack> stacks(Index n) {
  const Embedding embedding{{{1, 4, 3}, {4, 3, 2}}};
  constexpr PeriodicForm pbld = PeriodicForm::pbld;
  const Layer output = dense(3, "softmax");
  PiecewiseLinear pieces{bins_of({0, 3}), 4, true}, through_bins{bins_of({0, 1, n - 1})};
  return {
      {"activations alone",
       n,
       {just(Identity{}, "tanh"), dense(n), just(Identity{}, "gelu"), dense(3),
        just(Identity{}, "softmax")}},
      {"dropout first and last",
       n,
       {just(Dropout{0.2}), dense(n, "tanh"), just(Dropout{0.4}), dense(3),
        just(Dropout{0.3}, "softmax")}},
      {"batch norm right after X", n, {just(BatchNorm{}), dense(n, "tanh"), output}},
      {"batch norm before an activation", n, {dense(n), just(BatchNorm{}, "silu"), output}},
      {"batch norm twice and last",
       n,
       {just(BatchNorm{0.3, 1e-3}), just(BatchNorm{}), dense(n, "tanh"), just(BatchNorm{}),
        dense(3), just(BatchNorm{}, "softmax")}},
      {"layer norm",
       n,
       {just(LayerNorm{}), dense(n, "gelu"), just(LayerNorm{1e-3}, "tanh"), output}},
      {"parametric rectifiers", n, {just(PRelu{}), dense(n), just(PRelu{}), output}},
      {"standardize", n, {just(Standardize{}), dense(n, "tanh"), output}},
      {"embedding", n, {just(embedding), dense(n, "tanh"), output}},
      {"embedding of standardized inputs",
       n,
       {just(Standardize{}), just(embedding, "tanh"), dense(n, "tanh"), output}},
      {"pieces", n, {just(pieces), dense(n, "tanh"), output}},
      {"bins of standardized inputs",
       n,
       {just(Standardize{}), just(through_bins, "tanh"), dense(n, "tanh"), output}},
      {"waves", n, {just(Periodic{{0, 2, n - 1}, 3, 0}), dense(n, "tanh"), output}},
      {"waves that are mapped",
       n,
       {just(Standardize{}), just(Periodic{{1, 4}, 5, 3}), just(Periodic{{0}, 2, 4, pbld, true}),
        dense(n, "tanh"), output}},
      {"scaled waves and dropout",
       n,
       {just(Periodic{{1}, 4, 0, PeriodicForm::cosine}), just(Dropout{0.2}), dense(n, "tanh"),
        output}},
      {"skip from X", n, {dense(n, "tanh"), just(Add{0}), output}},
      {"residual within residual",
       n,
       {dense(n, "tanh"), dense(n, "tanh"), dense(n, "gelu"), just(Add{2}), just(Add{1}),
        just(Add{0}, "tanh"), output}},
      {"twice itself", n, {dense(n, "tanh"), just(Add{1}), just(Add{1}), output}},
      {"everything",
       n,
       {just(Standardize{}), just(embedding), dense(n), just(BatchNorm{}), just(Identity{}, "silu"),
        just(Dropout{0.25}), dense(n), just(LayerNorm{}), just(PRelu{}), just(Dropout{0.1}),
        just(Add{6}), just(BatchNorm{}), dense(3), just(Identity{}, "softmax")}},
  };
}

inline std::vector<EmbeddedColumn> embedded_columns(const std::vector<Layer>& layers) {
  for (const Layer& layer : layers)
    if (const auto* embedding = std::get_if<Embedding>(&layer.kind)) return embedding->columns;
  return {};
}

// Random X whose codes are codes. They lie half-way between two numbers that mean another, so that
// a small step changes none.
template <class Scalar>
Matrix<Scalar> inputs_of(std::mt19937& engine, Index inputs, const std::vector<Layer>& layers,
                         Index m) {
  auto X = random_matrix<Scalar>(engine, inputs, m);
  for (const EmbeddedColumn& c : embedded_columns(layers))
    for (Index j = 0; j < m; ++j)
      X(c.column, j) = static_cast<Scalar>(random_labels(engine, 1, c.categories)[0]) + Scalar(0.5);
  return X;
}

}  // namespace deltarule::test
