#include "network/rules.hpp"

#include <algorithm>

namespace deltarule {

Rules::Rules(const Layout& layout) : rules_(static_cast<std::size_t>(layout.depth()) + 1) {
  set(layout, 1, {});
}

void Rules::set(const Layout& layout, Index l, const LayerRule& rule) {
  rules_[static_cast<std::size_t>(l)] = rule;
  couplings_.clear();
  penalizes_ = limits_norms_ = false;
  lowest_trained_ = layout.depth() + 1;
  for (Index k = 1; k <= layout.depth(); ++k) {
    const LayerRule& of_k = (*this)(k);
    penalizes_ = penalizes_ || of_k.penalizes();
    limits_norms_ = limits_norms_ || of_k.max_norm > 0.0;
    if (layout.traits(k).couples_examples && !of_k.frozen) couplings_.push_back(k);
    if (!of_k.frozen && layout.parameters(k) > 0) lowest_trained_ = std::min(lowest_trained_, k);
  }
}

}  // namespace deltarule
