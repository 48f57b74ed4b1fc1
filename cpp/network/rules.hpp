// What a layer's share of an update has of its own, and what follows from it for the network.
#pragma once

#include "network/layout.hpp"

#include <cstddef>
#include <vector>

namespace deltarule {

struct LayerRule {
  bool frozen = false;        // no update; a batch norm then keeps to its running moments
  double rate = 1.0;          // times the learning rate
  double l1 = 0.0, l2 = 0.0;  // the objective gains l1 sum |w| + l2/2 sum w^2 over W[l]
  double max_norm = 0.0;      // of a unit's weights, a row of W[l]; 0: none

  bool penalizes() const { return l1 != 0.0 || l2 != 0.0; }
};

class Rules {
 public:
  explicit Rules(const Layout& layout);

  const LayerRule& operator()(Index l) const { return rules_[static_cast<std::size_t>(l)]; }
  void set(const Layout& layout, Index l, const LayerRule& rule);

  // The lowest layer that an update reaches; beyond L where none does.
  Index lowest_trained() const { return lowest_trained_; }
  // The layers that need a whole batch in training before one of its examples can pass.
  const std::vector<Index>& couplings() const { return couplings_; }
  bool penalizes() const { return penalizes_; }
  bool limits_norms() const { return limits_norms_; }

 private:
  std::vector<LayerRule> rules_;  // that of index 0 is unused
  std::vector<Index> couplings_;
  Index lowest_trained_ = 1;
  bool penalizes_ = false, limits_norms_ = false;
};

}  // namespace deltarule
