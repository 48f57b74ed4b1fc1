#include "stacks.hpp"
#include "support.hpp"
#include "training/problem.hpp"

#include <doctest/doctest.h>

#include <random>
#include <utility>
#include <variant>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("where a pass goes layer by layer, it agrees with the naive reference", Scalar,
                   float, double) {
  std::mt19937 engine(21);
  const std::vector<std::pair<Index, std::vector<Layer>>> networks{
      {300,
       {dense(250, "tanh"), dense(9, "relu"), dense(3, "softmax")}},  // halves, and a layer without
      {300, {dense(250, "gelu"), dense(130, "silu"), dense(70, "sigmoid"), dense(3, "softmax")}},
      {300,
       {dense(250, "softmax"), dense(70, "tanh"),
        dense(3, "softmax")}},  // whose units need one another
      {9, {dense(700, "tanh"), dense(601, "elu"), dense(3, "softmax")}},  // beyond a core's cache
  };
  for (const auto& [inputs, layers] : networks) {
    for (const Index m : {1, 21, 90}) {
      CAPTURE(std::get<Dense>(layers[0].kind).units);
      CAPTURE(m);
      const Problem<Scalar> problem(engine, inputs, layers, "categorical_cross_entropy", m);
      CHECK(problem.model.network.plan().goes_layerwise());
      check_against_reference(problem, {1, 2, 3});
    }
  }
}
