#include "kernels/dispatch.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// Takes the members of an aggregate apart, as so many pointers to functions.
template <class Group>
void check_full(const Group& group) {
  static_assert(sizeof(Group) % sizeof(void*) == 0 && std::is_trivially_copyable_v<Group>);
  std::array<const void*, sizeof(Group) / sizeof(void*)> members{};
  std::memcpy(members.data(), &group, sizeof group);
  for (std::size_t k = 0; k < members.size(); ++k) {
    CAPTURE(k);
    CHECK(members[k] != nullptr);
  }
}

template <class Scalar>
void check_all_full() {
  const Kernels<Scalar>& all = kernels<Scalar>();
  check_full(all.dense);
  check_full(all.activation);
  check_full(all.loss);
  check_full(all.optimizer);
  check_full(all.normalization);
  check_full(all.dropout);
  check_full(all.prelu);
  check_full(all.embedding);
  check_full(all.periodic);
  check_full(all.piecewise_linear);
  check_full(all.gather);
  check_full(all.vectors);
  const KernelTable& table = kernel_table();
  for (std::size_t row = 0; row < table.activations.size(); ++row) {
    CAPTURE(table.activations[row].name);
    CHECK(bool(all.activation.forward[row]));
    CHECK(bool(all.activation.backward[row]));
  }
  for (std::size_t row = 0; row < table.losses.size(); ++row) {
    CAPTURE(table.losses[row].name);
    CHECK(bool(all.loss.from_output[row]));
    CHECK(bool(all.loss.from_logits[row]) == bool(table.losses[row].fused_output));
  }
}

template <class Rows>
void check_names(const Rows& rows) {
  std::set<std::string_view> names;
  for (const auto& row : rows) names.insert(row.name);
  CHECK(names.size() == rows.size());
  CHECK(!names.contains(""));
}

}  // namespace

TEST_CASE("the table is full") {
  check_all_full<float>();
  check_all_full<double>();
  for (const OptimizerKind& kind : kernel_table().optimizers) {
    CAPTURE(kind.name);
    CHECK(bool(kind.state_vectors));
    CHECK(bool(kind.rule_float));
    CHECK(bool(kind.rule_double));
  }
}

TEST_CASE("no two rows of a table have one name") {
  check_names(kernel_table().activations);
  check_names(kernel_table().losses);
  check_names(kernel_table().optimizers);
}

TEST_CASE("a loss is fused with an activation that there is") {
  for (const LossRow& row : kernel_table().losses)
    if (row.fused_output) CHECK(activation_named(row.fused_output).has_value());
}

TEST_CASE("the library is of this build and of a level that this CPU runs") {
  CHECK(kernel_table().build == kernel_build);
  const std::vector<std::string> supported = supported_levels();
  CHECK(std::ranges::find(supported, kernel_table().level) != supported.end());
}

TEST_CASE("a level is chosen among those that are built and that the CPU runs") {
  using Levels = std::vector<std::string>;
  const Levels all{"portable", "avx2", "avx512"}, two{"portable", "avx2"};
  CHECK(choose_level(all, all, "avx512", "") == "avx512");
  CHECK(choose_level(all, all, "avx2", "") == "avx2");
  CHECK(choose_level(all, two, "avx2", "portable") == "portable");
  CHECK(choose_level({"portable"}, all, "avx512", "") == "portable");
  CHECK_THROWS_WITH_AS(choose_level(all, two, "avx2", "avx512"),
                       doctest::Contains("does not run on this CPU"), std::runtime_error);
  CHECK_THROWS_WITH_AS(choose_level(two, all, "avx512", "avx512"),
                       doctest::Contains("was not built"), std::runtime_error);
  CHECK_THROWS_WITH_AS(choose_level(all, all, "avx512", "sse9"), doctest::Contains("sse9"),
                       std::runtime_error);
  CHECK_THROWS_AS(choose_level({}, all, "avx512", ""), std::runtime_error);
}

TEST_CASE("a library that is not there is not loaded") {
  CHECK_THROWS_AS(use_kernels("/no/such/folder", "portable"), std::runtime_error);
  CHECK(kernel_table().build == kernel_build);  // the one before stays
}
