#include "network/network.hpp"
#include "network/rules.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("a rule decides what is trained and which layers couple examples", Scalar, float,
                   double) {
  // 1 batch norm, 2 dense, 3 activation, 4 batch norm, 5 dense
  Network<Scalar> network(3, {just(BatchNorm{}), dense(4), just(Identity{}, "tanh"),
                              just(BatchNorm{}), dense(2, "softmax")});
  using Layers = std::vector<Index>;
  CHECK(network.rules().lowest_trained() == 1);
  CHECK(network.rules().couplings() == Layers{1, 4});
  LayerRule frozen;
  frozen.frozen = true;
  network.set_rule(1, frozen);
  CHECK(network.rules().lowest_trained() == 2);
  CHECK(network.rules().couplings() == Layers{4});
  network.set_rule(2, frozen);
  CHECK(network.rules().lowest_trained() == 4);
  network.set_rule(4, frozen);
  CHECK(network.rules().lowest_trained() == 5);
  CHECK(network.plan().gradient_groups(10'000) > 1);
  network.set_rule(5, frozen);
  CHECK(network.rules().lowest_trained() == 6);
  network.set_rule(1, {});
  CHECK(network.rules().lowest_trained() == 1);
  CHECK(network.rules()(4).frozen);
  // Without parameters nothing is ever trained.
  const Network<Scalar> bare(3, {just(Identity{}, "tanh")});
  CHECK(bare.rules().lowest_trained() == 2);
  CHECK(bare.plan().gradient_groups(10'000) == 1);
}

TEST_CASE("rules know whether any of them penalizes weights or limits their norms") {
  const Layout layout(3, {dense(4), dense(2)});
  Rules rules(layout);
  CHECK_FALSE(rules.penalizes());
  CHECK_FALSE(rules.limits_norms());
  CHECK(rules(2).rate == 1.0);
  for (const LayerRule& penalty :
       {LayerRule{false, 1.0, 0.1, 0.0}, LayerRule{false, 1.0, 0.0, 0.1}}) {
    CHECK(penalty.penalizes());
    rules.set(layout, 2, penalty);
    CHECK(rules.penalizes());
    CHECK_FALSE(rules.limits_norms());
  }
  rules.set(layout, 1, {false, 1.0, 0.0, 0.0, 2.0});
  CHECK(rules.penalizes());
  CHECK(rules.limits_norms());
  rules.set(layout, 2, {});
  CHECK_FALSE(rules.penalizes());
  CHECK(rules.limits_norms());
  rules.set(layout, 1, {});
  CHECK_FALSE(rules.limits_norms());
}
