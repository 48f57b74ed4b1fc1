// One reading of X for two steps, where both are made of the same examples: the first layer's dW of
// the one, and with the updated W the next one's product W X.
//
// In an X of many features and few examples, such as pictures, the reading takes half of the time. So X
// is copied once into blocks that lie as they are read, and while one block is worked on the next one
// is fetched.
#pragma once

#include "base/subnormals.hpp"
#include "kernels/dispatch.hpp"
#include "network/network.hpp"

#include <algorithm>

namespace deltarule {

template <class Scalar>
class OneReading {
 public:
  // Can a batch of m, of which another step is made next, be read once for both?
  static bool suits(const Network<Scalar>& network, Index m) {
    const LayerRule& rule = network.rules()(1);
    return !rule.frozen && rule.max_norm == 0.0 && network.plan().takes_inputs_in_turn() &&
           m <= most_examples &&
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
    const DenseKernels<Scalar>& dense = kernels<Scalar>().dense;
    const Index first = network_.plan().half(1, h), end = network_.plan().half(1, h + 1);
    const View<Scalar> Z = h == 0 ? cache_.workspace.Z(1) : cache_.workspace.second_Z(1);
    const View<const Scalar> dZ = cache_.dZ(1);
    for (const Tile& tile : network_.plan().tiles()) {
      if (!takes(tile) || tile.first_input < first || tile.first_input >= end) continue;
      const View<Scalar> X(blocks_ + tile.first_input * cache_.m(), tile.inputs(), cache_.m());
      if (first_reading)
        kernels<Scalar>().vectors.copy(cache_.X().middle_rows(tile.first_input, tile.inputs()), X);
      const Index inputs_after = std::min(dense.inputs_in_turn, end - tile.last_input);
      const Upcoming next{
          X.data + X.size(),
          first_reading ? 0 : inputs_after * X.columns * static_cast<Index>(sizeof(Scalar))};
      update(tile, [&](Scalar* dW) {
        const FlushSubnormals flush;
        dense.backward_weights(dZ, X, scale, {dW, network_.n(1), tile.inputs()}, false, next);
      });
      const View<const Scalar> W =
          network_.W(parameters, 1).middle_columns(tile.first_input, tile.inputs());
      const Scalar* const b = tile.first_input == 0 ? network_.b(parameters, 1) : nullptr;
      dense.forward(W, b, X, Z, tile.first_input > first);
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
