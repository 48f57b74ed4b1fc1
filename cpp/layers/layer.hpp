// A layer as it is described: Z = f(A_prev) and A = g(Z), where f is of one of the kinds.
//
// A kind is a forward function, a backward function and what passes between them, in a file of its own;
// it is a kind by being in the list below, and by having what LayerKind asks for.
#pragma once

#include "layers/add.hpp"
#include "layers/batch_norm.hpp"
#include "layers/dense.hpp"
#include "layers/dropout.hpp"
#include "layers/embedding.hpp"
#include "layers/identity.hpp"
#include "layers/layer_norm.hpp"
#include "layers/prelu.hpp"
#include "layers/standardize.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace deltarule {

template <class Kind, class Scalar>
concept RunsForwardAndBack =
    requires(const Kind kind, const ForwardContext<Scalar> forward,
             const InputContext<Scalar> backward, const GradientContext<Scalar> gradient) {
      { kind.forward(forward) } -> std::same_as<void>;
      { kind.backward(backward) } -> std::same_as<void>;
      { kind.gradient(gradient) } -> std::same_as<void>;
    };

template <class Kind>
concept LayerKind = requires(const Kind kind, Index n_prev, const std::string where) {
  { Kind::name } -> std::convertible_to<std::string_view>;
  { std::tuple_size_v<std::remove_cvref_t<decltype(Kind::fields)>> };
  { Kind::traits } -> std::same_as<const LayerTraits&>;
  { kind.sizes(n_prev, where) } -> std::same_as<LayerSizes>;
} && RunsForwardAndBack<Kind, float> && RunsForwardAndBack<Kind, double>;

template <LayerKind... Kinds>
using OneOf = std::variant<Kinds...>;

using Kind =
    OneOf<Dense, Identity, Dropout, BatchNorm, LayerNorm, PRelu, Standardize, Embedding, Add>;

struct Layer {
  Kind kind;
  Activation activation = identity;

  LayerTraits traits() const {
    return std::visit([](const auto& of) { return of.traits; }, kind);
  }
  // std::invalid_argument for what cannot be; `where` begins its message.
  LayerSizes sizes(Index n_prev, const std::string& where) const {
    return std::visit([&](const auto& of) { return of.sizes(n_prev, where); }, kind);
  }
};

}  // namespace deltarule
