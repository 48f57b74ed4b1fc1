// How the work of a network is cut: a batch into slices of examples, parameters into tiles, inputs into
// halves. The cuts that a bit of the result depends on depend on shapes alone.
#pragma once

#include "network/layout.hpp"

#include <algorithm>
#include <vector>

namespace deltarule {

struct Slice {
  Index first, count;
};

// m examples in `count` slices, which are as wide as one another to within the columns that the
// product takes at once.
struct Slices {
  static constexpr Index columns = 8;
  Index m, count;

  static Index most(Index m) { return (m + columns - 1) / columns; }
  Index first(Index s) const { return std::min(m, most(m) * s / count * columns); }
  Slice operator[](Index s) const { return {first(s), first(s + 1) - first(s)}; }
  Index widest() const { return std::min(m, (most(m) + count - 1) / count * columns); }
};

// Columns [first_input, last_input) of W[l], and with the last of them b[l]; or all the parameters of
// a layer of another kind.
struct Tile {
  Index layer;
  Index first_input, last_input;
  bool with_bias;
  Index first, count;  // the range of the flat vectors

  Index inputs() const { return last_input - first_input; }
};

template <class Scalar>
class Plan {
 public:
  explicit Plan(Layout layout);

  const Layout& layout() const { return layout_; }
  const std::vector<Tile>& tiles() const { return tiles_; }

  // How m examples are cut into slices, each of which runs through every layer on one thread.
  Slices slices(Index m) const;
  // For training they are wide enough to make a gradient of; a group of them makes it together.
  // One group: no gradients of slices but of the whole batch, tile by tile.
  Slices training_slices(Index m) const;
  Index gradient_groups(Index m) const;
  // How many examples a core's own cache holds, forward and back, and how many slices, at least one.
  Index examples_in_cache() const;
  Index slices_in_cache(const Slices& slices) const;

  // Are the weights so many that each core had better keep to some of them?
  bool goes_layerwise() const { return layerwise_; }
  // Then the inputs of a layer are halved, where they are many: the first input of its half 0 or 1,
  // and for 2 the number of its inputs. Where they are few, half 0 has them all.
  Index half(Index l, Index h) const;
  bool halved(Index l) const { return half(l, 1) < layout_.n(l - 1); }
  // Has the first layer many inputs and few units? Then its tiles are the inputs in turn, so many at a
  // time as the forward product sums up, and a tile of their own for the biases.
  bool takes_inputs_in_turn() const;

 private:
  void cut_into_tiles();
  void cut_dense_layer(Index l, Index h, Index tile_size);
  Slices slices_of(Index m, Index widest) const;

  Layout layout_;
  bool layerwise_;
  std::vector<Tile> tiles_;
};

}  // namespace deltarule
