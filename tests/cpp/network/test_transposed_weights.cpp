#include "model.hpp"
#include "network/network.hpp"
#include "network/transposed_weights.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

TEST_CASE_TEMPLATE("weights that are worth keeping are kept transposed, tile by tile or at once",
                   Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Index n : {9, 61, 270}) {
    CAPTURE(n);
    const Model<Scalar> model(engine, n, {dense(n), just(LayerNorm{}), dense(n + 3), dense(5)});
    const Network<Scalar>& network = model.network;
    const Plan<Scalar>& plan = network.plan();
    TransposedWeights<Scalar> at_once(plan), by_tiles(plan);
    at_once.copy(model.parameters.data());
    for (auto tile = plan.tiles().rbegin(); tile != plan.tiles().rend(); ++tile)
      by_tiles.copy(model.parameters.data(), *tile);
    CHECK(at_once(1) == nullptr);  // the way back ends at dW
    CHECK(at_once(2) == nullptr);  // no weights
    for (Index l = 3; l <= 4; ++l) {
      CAPTURE(l);
      const bool wanted = kernels<Scalar>().dense.wants_transposed(network.n(l), network.n(l - 1));
      for (const TransposedWeights<Scalar>* kept : {&at_once, &by_tiles}) {
        CHECK(((*kept)(l) != nullptr) == wanted);
        if (!wanted) continue;
        const Matrix<Scalar> transposed =
            matrix_of(View<const Scalar>((*kept)(l), network.n(l - 1), network.n(l)));
        CHECK(same_bits(transposed, W_of(network, model.parameters, l).transpose()));
      }
    }
  }
}
