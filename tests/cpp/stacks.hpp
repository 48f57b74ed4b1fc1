// Networks with layers of every kind, alone and together.
#pragma once

#include "deltarule/layer.hpp"
#include "deltarule/types.hpp"
#include "support.hpp"

#include <random>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace deltarule::test {

inline Layer just(Kind kind, Activation activation = Activation::identity) {
  return {0, activation, std::move(kind)};
}

struct Stack {
  std::string name;
  Index inputs;
  std::vector<Layer> layers;
};

// Of `n` inputs, 6 or more, with three outputs for a categorical cross-entropy.
inline std::vector<Stack> stacks(Index n) {
  using enum Activation;
  const Embedding embedding{{{1, 4, 3}, {4, 3, 2}}};
  const Layer output{3, softmax};
  return {
      {"activations alone",
       n,
       {just(Identity{}, tanh),
        {n, identity},
        just(Identity{}, gelu),
        {3, identity},
        just(Identity{}, softmax)}},
      {"dropout first and last",
       n,
       {just(Dropout{0.2}),
        {n, tanh},
        just(Dropout{0.4}),
        {3, identity},
        just(Dropout{0.3}, softmax)}},
      {"batch norm right after X", n, {just(BatchNorm{}), {n, tanh}, output}},
      {"batch norm before an activation", n, {{n, identity}, just(BatchNorm{}, silu), output}},
      {"batch norm twice and last",
       n,
       {just(BatchNorm{0.3, 1e-3}),
        just(BatchNorm{}),
        {n, tanh},
        just(BatchNorm{}),
        {3, identity},
        just(BatchNorm{}, softmax)}},
      {"layer norm", n, {just(LayerNorm{}), {n, gelu}, just(LayerNorm{1e-3}, tanh), output}},
      {"parametric rectifiers", n, {just(PRelu{}), {n, identity}, just(PRelu{}), output}},
      {"standardize", n, {just(Standardize{}), {n, tanh}, output}},
      {"embedding", n, {just(embedding), {n, tanh}, output}},
      {"embedding of standardized inputs",
       n,
       {just(Standardize{}), just(embedding, tanh), {n, tanh}, output}},
      {"skip from X", n, {{n, tanh}, just(Add{0}), output}},
      {"residual within residual",
       n,
       {{n, tanh}, {n, tanh}, {n, gelu}, just(Add{2}), just(Add{1}), just(Add{0}, tanh), output}},
      {"twice itself", n, {{n, tanh}, just(Add{1}), just(Add{1}), output}},
      {"everything",
       n,
       {just(Standardize{}),
        just(embedding),
        {n, identity},
        just(BatchNorm{}),
        just(Identity{}, silu),
        just(Dropout{0.25}),
        {n, identity},
        just(LayerNorm{}),
        just(PRelu{}),
        just(Dropout{0.1}),
        just(Add{6}),
        just(BatchNorm{}),
        {3, identity},
        just(Identity{}, softmax)}},
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
