// Where everything of a network lies: its layers in order, and their ranges of the flat vectors.
#pragma once

#include "layers/layer.hpp"

#include <cstddef>
#include <vector>

namespace deltarule {

class Layout {
 public:
  // std::invalid_argument for no layers, no inputs, or a layer that cannot be.
  Layout(Index inputs, const std::vector<Layer>& layers);

  Index depth() const { return static_cast<Index>(places_.size()) - 1; }  // L
  Index n(Index l) const { return at(l).n; }                              // n[0] = inputs
  Index widest() const { return widest_; }
  const Layer& layer(Index l) const { return at(l).layer; }
  Activation g(Index l) const { return layer(l).activation; }
  const LayerTraits& traits(Index l) const { return at(l).traits; }
  bool dense(Index l) const { return traits(l).dense; }
  bool embeds() const { return embeds_; }
  // Does X lose its mean as it is read? Where the first layer standardises, and no other reads X.
  bool standardizes() const {
    return std::holds_alternative<Standardize>(layer(1).kind) && adding(0).empty();
  }

  Index parameter_count() const { return parameter_count_; }
  // The layer's range of the parameters; l = 1 ... L.
  Index first_parameter(Index l) const { return at(l).first_parameter; }
  Index parameters(Index l) const { return at(l).parameters; }
  Index statistic_count() const { return statistic_count_; }
  Index first_statistic(Index l) const { return at(l).first_statistic; }
  Index cached(Index l) const { return at(l).cached; }

  // The layer whose output layer l adds to its input; -1 where it is no such layer.
  Index added_by(Index l) const;
  // The layers that add A[l].
  const std::vector<Index>& adding(Index l) const { return at(l).adding; }
  // How many A[l] there are that later layers add, and how many of them before A[l].
  Index kept_for_later() const { return kept_before(depth() + 1); }
  Index kept_before(Index l) const;

  // An activation alone, of what nobody reads again.
  bool overwrites_input(Index l) const;
  // Multiply-adds of one example's forward pass.
  double work() const;

 private:
  struct Place {
    Layer layer{Identity{}};
    LayerTraits traits{};
    Index n = 0;
    Index first_parameter = 0, parameters = 0;
    Index first_statistic = 0, cached = 0;
    std::vector<Index> adding;
  };
  const Place& at(Index l) const { return places_[static_cast<std::size_t>(l)]; }

  std::vector<Place> places_;  // that of index 0 is X's
  Index widest_ = 0, parameter_count_ = 0, statistic_count_ = 0;
  bool embeds_ = false;
};

}  // namespace deltarule
