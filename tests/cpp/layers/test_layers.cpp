#include "base/sizes.hpp"
#include "layers/layer.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <variant>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

LayerSizes sizes(const Layer& layer, Index n_prev) { return layer.sizes(n_prev, "this"); }

void check_sizes(const Layer& layer, Index n_prev, const LayerSizes& expected) {
  const LayerSizes made = sizes(layer, n_prev);
  CHECK(made.n == expected.n);
  CHECK(made.parameters == expected.parameters);
  CHECK(made.statistics == expected.statistics);
  CHECK(made.cached == expected.cached);
}

// One of each kind, as it is without a word about it.
template <class... Kinds>
std::vector<Kind> one_of_each(std::type_identity<std::variant<Kinds...>>) {
  return {Kinds{}...};
}
std::vector<Kind> all_kinds() { return one_of_each(std::type_identity<Kind>{}); }

std::string_view name_of(const Kind& kind) {
  return std::visit([](const auto& of) { return std::string_view(of.name); }, kind);
}

// What a kind has to have -------------------------------------------------------------------------

// A kind; the others lack something.
struct Whole {
  static constexpr const char* name = "whole";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{};
  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }
  template <class Scalar>
  void forward(const ForwardContext<Scalar>&) const {}
  template <class Scalar>
  void backward(const InputContext<Scalar>&) const {}
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}
};

struct WithoutGradient {
  static constexpr const char* name = "without gradient";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{};
  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }
  template <class Scalar>
  void forward(const ForwardContext<Scalar>&) const {}
  template <class Scalar>
  void backward(const InputContext<Scalar>&) const {}
};

struct WithoutFloat {
  static constexpr const char* name = "of double alone";
  static constexpr std::tuple<> fields{};
  static constexpr LayerTraits traits{};
  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }
  void forward(const ForwardContext<double>&) const {}
  void backward(const InputContext<double>&) const {}
  void gradient(const GradientContext<double>&) const {}
};

struct WithoutTraits {
  static constexpr const char* name = "without traits";
  static constexpr std::tuple<> fields{};
  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }
  template <class Scalar>
  void forward(const ForwardContext<Scalar>&) const {}
  template <class Scalar>
  void backward(const InputContext<Scalar>&) const {}
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}
};

struct WithoutFields {
  static constexpr const char* name = "without fields";
  static constexpr LayerTraits traits{};
  LayerSizes sizes(Index n_prev, const std::string&) const { return {.n = n_prev}; }
  template <class Scalar>
  void forward(const ForwardContext<Scalar>&) const {}
  template <class Scalar>
  void backward(const InputContext<Scalar>&) const {}
  template <class Scalar>
  void gradient(const GradientContext<Scalar>&) const {}
};

static_assert(LayerKind<Whole>);
static_assert(!LayerKind<WithoutGradient>);
static_assert(SaysItsSizes<WithoutFloat> && SaysItsTraits<WithoutFloat>);
static_assert(!LayerKind<WithoutFloat>);
static_assert(!LayerKind<WithoutTraits>);
static_assert(!LayerKind<WithoutFields>);
static_assert(!LayerKind<int>);

static_assert(LayerKind<Dense> && LayerKind<Identity> && LayerKind<Dropout> &&
              LayerKind<BatchNorm> && LayerKind<LayerNorm> && LayerKind<PRelu> &&
              LayerKind<Standardize> && LayerKind<Embedding> && LayerKind<PiecewiseLinear> &&
              LayerKind<Periodic> && LayerKind<Add>);

// Units are a dense layer's own to say.
static_assert(std::is_empty_v<PRelu>);

}  // namespace

TEST_CASE("a layer's sizes") {
  for (const Index n : {1, 7}) {
    CAPTURE(n);
    check_sizes(dense(3, "relu"), n, {3, 3 * n + 3, 0, 0});
    check_sizes(just(Identity{}), n, {n, 0, 0, 0});
    check_sizes(just(Dropout{0.5}), n, {n, 0, 0, n});
    check_sizes(just(Dropout{0.0}), n, {n, 0, 0, n});
    check_sizes(just(BatchNorm{}), n, {n, 2 * n, 2 * n, 0});
    check_sizes(just(LayerNorm{}), n, {n, 2 * n, 0, 2});
    check_sizes(just(PRelu{}), n, {n, n, 0, 0});
    check_sizes(just(Standardize{}), n, {n, 0, 2 * n, 0});
    check_sizes(just(Add{0}), n, {n, 0, 0, 0});
  }
  // Two of five columns become vectors of 4 and of 1; tables of 3 x 4 and 9 x 1.
  check_sizes(just(Embedding{{{0, 3, 4}, {4, 9, 1}}}), 5, {3 + 4 + 1, 12 + 9, 0, 0});
  check_sizes(just(Embedding{}), 5, {5, 0, 0, 0});
  check_sizes(just(PRelu{}), 7, {7, 7, 0, 0});
  // Three bins of each of two columns.
  const Bins bins = bins_of({0, 4});
  check_sizes(just(PiecewiseLinear{bins, 0, true}), 5, {3 + 6, 0, 0, 0});
  check_sizes(just(PiecewiseLinear{bins, 7, false}), 5, {3 + 14, 7 * 6 + 14, 0, 0});
  check_sizes(just(PiecewiseLinear{bins, 7, true}), 5, {3 + 14, 7 * 6 + 28, 0, 0});
  // Four frequencies of each of two columns.
  check_sizes(just(Periodic{{0, 4}, 4, 0}), 5, {3 + 16, 8, 0, 16});
  check_sizes(just(Periodic{{0, 4}, 4, 3}), 5, {3 + 6, 8 + 2 * (24 + 3), 0, 16 + 6});
  check_sizes(just(Periodic{{0, 4}, 4, 3, PeriodicForm::plr, true}), 5,
              {3 + 6, 8 + 24 + 3, 0, 16 + 6});
  check_sizes(just(Periodic{{0, 4}, 4, 3, PeriodicForm::pbld}), 5,
              {3 + 6, 16 + 2 * (8 + 2), 0, 16});
  check_sizes(just(Periodic{{0, 4}, 4, 0, PeriodicForm::cosine}), 5, {3 + 10, 16 + 20, 0, 16});
}

TEST_CASE("a layer of the greatest sizes is counted without an overflow") {
  check_sizes(dense(most_units), most_units, {most_units, most_units * (most_units + 1), 0, 0});
  check_sizes(just(BatchNorm{}), most_units, {most_units, 2 * most_units, 2 * most_units, 0});
  check_sizes(just(LayerNorm{}), most_units, {most_units, 2 * most_units, 0, 2});
  check_sizes(just(Standardize{}), most_units, {most_units, 0, 2 * most_units, 0});
  // All that the tables may hold, and one more.
  const Index half = most_parameters / 2, categories = Index{1} << 30;
  check_sizes(just(Embedding{{{0, categories, half / categories}, {1, categories, 512}}}), 2,
              {1024, most_parameters, 0, 0});
  CHECK_THROWS_WITH(
      sizes(just(Embedding{{{0, categories, 512}, {1, categories, 512}, {2, 1, 1}}}), 3),
      doctest::Contains("1099511627776 numbers or fewer in all tables"));
  check_sizes(just(Embedding{{{0, most_units, 1}}}), 1, {1, most_units, 0, 0});
  check_sizes(just(Embedding{{{0, 1, most_units}}}), 1, {most_units, most_units, 0, 0});
}

TEST_CASE("a layer that cannot be is refused by name, and told why") {
  const auto check = [](const Layer& layer, const char* message) {
    CAPTURE(message);
    CHECK_THROWS_AS(sizes(layer, 5), std::invalid_argument);
    CHECK_THROWS_WITH(sizes(layer, 5), doctest::Contains("this "));
    CHECK_THROWS_WITH(sizes(layer, 5), doctest::Contains(message));
  };
  constexpr Index huge = std::numeric_limits<Index>::max() / 2;
  check(dense(0, "relu"), "has 0 units: expected 1 to 2147483647");
  check(dense(-3, "relu"), "has -3 units: expected 1 to 2147483647");
  check(dense(huge, "relu"), " units: expected 1 to 2147483647");
  check(dense(most_units + 1), "has 2147483648 units: expected 1 to 2147483647");
  for (const double rate : {-0.1, 1.0, 1.5, not_a_number<double>})
    check(just(Dropout{rate}), "expected 0 or more, and less than 1");
  check(just(Embedding{{{5, 3, 2}}}), "embeds column 5 of 5");
  check(just(Embedding{{{-1, 3, 2}}}), "embeds column -1 of 5");
  check(just(Embedding{{{1, 3, 2}, {1, 3, 2}}}), "in ascending order");
  check(just(Embedding{{{3, 3, 2}, {1, 3, 2}}}), "in ascending order");
  check(just(Embedding{{{1, 0, 2}}}), "0 categories in 2 dimensions: expected 1 to 2147483647");
  check(just(Embedding{{{1, 3, 0}}}), "3 categories in 0 dimensions: expected 1 to 2147483647");
  check(just(Embedding{{{1, huge, 100}}}), "expected 1 to 2147483647 of each");
  check(just(Embedding{{{1, 3, most_units + 1}}}), "expected 1 to 2147483647 of each");
  check(just(Embedding{{{1, huge / 64, 1}, {2, huge / 64, 1}, {3, huge / 64, 1}}}), "expected 1");
  check(just(Embedding{{{1, most_units, 513}}}), "1099511627776 numbers or fewer");
  check(just(PiecewiseLinear{bins_of({1, 5})}), "embeds column 5 of 5");
  check(just(PiecewiseLinear{bins_of({1, 1})}), "in ascending order");
  check(just(PiecewiseLinear{bins_of({1}), -1}), "has -1 dimensions: expected 0 to 2147483647");
  check(just(PiecewiseLinear{bins_of({1}), huge}), "1099511627776 numbers or fewer");
  for (const std::vector<double>& edges : std::vector<std::vector<double>>{
           {}, {1}, {1, 1}, {2, 1}, {0, not_a_number<double>}, {0, infinity<double>}}) {
    Bins bins;
    bins.add(2, edges);
    check(just(PiecewiseLinear{bins, 3, true}), "edges for column 2: expected 2 or more finite");
  }
  check(just(Periodic{{-1}, 3}), "embeds column -1 of 5");
  check(just(Periodic{{3, 3}, 3}), "in ascending order");
  for (const Index frequencies : {Index{0}, Index{-1}, huge, most_units + 1})
    check(just(Periodic{{1}, frequencies}), " frequencies and 0 dimensions: expected 1 or more");
  for (const Index dimension : {Index{-1}, huge, most_units})
    check(just(Periodic{{1}, 1000, dimension}), "1000 frequencies and ");
  check(just(Periodic{{1}, 3, 1, PeriodicForm::pbld}),
        "1 dimensions: expected 1 or more, and 2 or");
}

TEST_CASE("every kind has a name of its own, and its traits are those of its layer") {
  std::set<std::string_view> names;
  for (const Kind& kind : all_kinds()) {
    const std::string_view name = name_of(kind);
    CAPTURE(name);
    CHECK(names.insert(name).second);
    const LayerTraits traits = just(kind).traits();
    CHECK(traits.dense == (name == "dense"));
    CHECK(traits.activation_alone == (name == "activation"));
    CHECK(traits.passes_back == (name == "activation" || name == "dropout"));
    CHECK(traits.normalizes_units == (name == "batch_norm" || name == "standardize"));
    CHECK(traits.couples_examples == (name == "batch_norm"));
    CHECK(traits.embeds == (name == "embedding"));
  }
  CHECK(names.size() == std::variant_size_v<Kind>);
  CHECK(just(Identity{}).activation == identity);
  CHECK(just(Identity{}, "tanh").activation == act("tanh"));
}

TEST_CASE("fields are a kind's numbers by the names that descriptions have for them") {
  BatchNorm norm;
  const auto& [momentum, epsilon] = BatchNorm::fields;
  CHECK(std::string_view(momentum.name) == "momentum");
  CHECK(std::string_view(epsilon.name) == "epsilon");
  norm.*momentum.value = 0.25;
  norm.*epsilon.value = 0.5;
  CHECK(norm.momentum == 0.25);
  CHECK(norm.epsilon == 0.5);
  CHECK(&(norm.*std::get<0>(BatchNorm::fields).value) == &norm.momentum);
  const auto names_of = []<class Of>(std::type_identity<Of>) {
    return std::apply(
        [](const auto&... field) { return std::vector<std::string_view>{field.name...}; },
        Of::fields);
  };
  using Names = std::vector<std::string_view>;
  CHECK(names_of(std::type_identity<Dense>{}) == Names{"units"});
  CHECK(names_of(std::type_identity<Dropout>{}) == Names{"rate"});
  CHECK(names_of(std::type_identity<LayerNorm>{}) == Names{"epsilon"});
  CHECK(names_of(std::type_identity<Embedding>{}) == Names{"columns"});
  CHECK(names_of(std::type_identity<PiecewiseLinear>{}) == Names{"bins", "dimension", "linear"});
  CHECK(names_of(std::type_identity<Periodic>{}) ==
        Names{"columns", "frequencies", "dimension", "form", "shared"});
  CHECK(names_of(std::type_identity<Add>{}) == Names{"from"});
  CHECK(names_of(std::type_identity<PRelu>{}).empty());
  CHECK(names_of(std::type_identity<Standardize>{}).empty());
  CHECK(names_of(std::type_identity<Identity>{}).empty());
}
