// One reading of X for two steps, where both are made of the same examples: the first layer's dW of
// the one, and with the updated W the next one's product W X.
//
// In an X of many features and few examples, such as pictures, the reading takes half of the time. So X
// is copied once into blocks that lie as they are read, and while one block is worked on the next one
// is fetched.
#pragma once

#include "deltarule/dense.hpp"
#include "deltarule/network.hpp"
#include "subnormals.hpp"

#include <algorithm>
#include <utility>

namespace deltarule {

template <class Scalar>
class OneReading {
 public:
  static bool suits(const Network<Scalar>& network, Index m) {
    return network.takes_inputs_in_turn() && m <= most_examples &&
           network.n(0) <= most_bytes / static_cast<Index>(sizeof(Scalar)) / std::max<Index>(m, 1);
  }
  static bool takes(const Tile& tile) { return tile.layer == 1 && !tile.with_bias; }

  // `blocks` takes X as it is read, block after block: n[0] m numbers. They are made by the first
  // reading, and serve the others.
  OneReading(const Network<Scalar>& network, Cache<Scalar>& cache, Scalar* blocks)
      : network_(network), cache_(cache), blocks_(blocks) {}

  // Half h of the first layer's inputs, a tile at a time. `update(tile, make_gradient)` is to call
  // make_gradient(dW) and to update the tile's weights; those of the bias are there already.
  template <class Update>
  void run(Index h, bool first_reading, const Scalar* parameters, Scalar scale,
           Update update) const {
    const Index first = network_.half(1, h), end = network_.half(1, h + 1);
    auto Z = h == 0 ? cache_.Z(1) : cache_.second_Z(1);
    const auto dZ = std::as_const(cache_).dZ(1);
    for (const Tile& tile : network_.tiles()) {
      if (!takes(tile) || tile.first_input < first || tile.first_input >= end) continue;
      const Index inputs = tile.last_input - tile.first_input;
      MatrixMap<Scalar> X(blocks_ + tile.first_input * cache_.m(), inputs, cache_.m());
      if (first_reading) X = cache_.X().middleRows(tile.first_input, inputs);
      const Index inputs_after = std::min(inputs_in_turn<Scalar>(), end - tile.last_input);
      const Upcoming next{
          X.data() + X.size(),
          first_reading ? 0 : inputs_after * X.cols() * static_cast<Index>(sizeof(Scalar))};
      update(tile, [&](Scalar* dW) {
        const FlushSubnormals flush;
        dense_backward_weights<Scalar>(dZ, X, scale, MatrixMap<Scalar>(dW, network_.n(1), inputs),
                                       false, next);
      });
      const auto W = network_.W(parameters, 1).middleCols(tile.first_input, inputs);
      if (tile.first_input > 0)
        dense_forward_without_bias<Scalar>(W, X, Z, tile.first_input > first);
      else
        dense_forward<Scalar>(W, network_.b(parameters, 1), X, Z);
    }
  }

 private:
  // Examples up to which a block of inputs stays in a core's second-level cache until it is used again,
  // and what the copy of X may take.
  static constexpr Index most_examples = 512;
  static constexpr Index most_bytes = 256 * 1024 * 1024;

  const Network<Scalar>& network_;
  Cache<Scalar>& cache_;
  Scalar* blocks_;
};

}  // namespace deltarule
