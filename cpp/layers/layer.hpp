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
#include "layers/periodic.hpp"
#include "layers/piecewise_linear.hpp"
#include "layers/prelu.hpp"
#include "layers/standardize.hpp"

#include <concepts>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace deltarule {

template <class K>
concept SaysItsName = requires {
  { K::name } -> std::convertible_to<std::string_view>;
  { std::tuple_size_v<std::remove_cvref_t<decltype(K::fields)>> };
};
template <class K>
concept SaysItsTraits = requires {
  { K::traits } -> std::same_as<const LayerTraits&>;
};
template <class K>
concept SaysItsSizes = requires(const K kind, Index n_prev, const std::string where) {
  { kind.sizes(n_prev, where) } -> std::same_as<LayerSizes>;
};
template <class K>
concept GoesForward = requires(const K kind, const ForwardContext<float> context,
                               const ForwardContext<double> context_64) {
  { kind.forward(context) } -> std::same_as<void>;
  { kind.forward(context_64) } -> std::same_as<void>;
};
template <class K>
concept GoesBackward = requires(const K kind, const InputContext<float> context,
                                const InputContext<double> context_64) {
  { kind.backward(context) } -> std::same_as<void>;
  { kind.backward(context_64) } -> std::same_as<void>;
};
template <class K>
concept MakesItsGradient = requires(const K kind, const GradientContext<float> context,
                                    const GradientContext<double> context_64) {
  { kind.gradient(context) } -> std::same_as<void>;
  { kind.gradient(context_64) } -> std::same_as<void>;
};

template <class K>
concept LayerKind = SaysItsName<K> && SaysItsTraits<K> && SaysItsSizes<K> && GoesForward<K> &&
                    GoesBackward<K> && MakesItsGradient<K>;

// Refuses a kind that forgot something, and says what.
template <class K>
consteval bool expect_complete() {
  static_assert(SaysItsName<K>,
                "a kind of layer has a `name`, and its hyper-parameters in `fields`");
  static_assert(SaysItsTraits<K>, "a kind of layer has `traits`");
  static_assert(SaysItsSizes<K>, "a kind of layer has `sizes`, a LayerSizes");
  static_assert(GoesForward<K>, "a kind of layer has a `forward` for float and for double");
  static_assert(GoesBackward<K>, "a kind of layer has a `backward` for float and for double");
  static_assert(MakesItsGradient<K>,
                "a kind of layer has a `gradient` for float and for double; one without parameters "
                "has an empty one");
  return true;
}

template <class... Kinds>
  requires(expect_complete<Kinds>() && ...)
using OneOf = std::variant<Kinds...>;

using Kind = OneOf<Dense, Identity, Dropout, BatchNorm, LayerNorm, PRelu, Standardize, Embedding,
                   PiecewiseLinear, Periodic, Add>;

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
