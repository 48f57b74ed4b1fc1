#include "network/layout.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <variant>

namespace deltarule {

Layout::Layout(Index inputs, const std::vector<Layer>& layers) {
  if (inputs < 1 || inputs > most_units)
    refuse("Network: input_size is " + std::to_string(inputs) + ": expected 1 to " +
           std::to_string(most_units));
  if (layers.empty()) refuse("Network: no layers: expected 1 or more");
  places_.emplace_back();
  places_.back().n = inputs;
  for (const Layer& layer : layers) {
    const Index l = depth() + 1, n_prev = places_.back().n;
    const std::string where = "Network: layer " + std::to_string(l);
    const LayerSizes sizes = layer.sizes(n_prev, where);
    if (sizes.n > most_units || sizes.parameters > most_parameters - parameter_count_ ||
        sizes.statistics > most_parameters - statistic_count_)
      refuse(where + " has " + std::to_string(sizes.n) + " units and " + std::to_string(n_prev) +
             " inputs: expected " + std::to_string(most_units) + " units or fewer, and " +
             std::to_string(most_parameters) + " weights or fewer in all layers");
    places_.push_back({.layer = layer,
                       .traits = layer.traits(),
                       .n = sizes.n,
                       .first_parameter = parameter_count_,
                       .parameters = sizes.parameters,
                       .first_statistic = statistic_count_,
                       .cached = sizes.cached,
                       .adding = {}});
    parameter_count_ += sizes.parameters;
    statistic_count_ += sizes.statistics;
    embeds_ = embeds_ || traits(l).embeds;
    const Index from = added_by(l);
    if (from == -1) continue;
    if (from < 0 || from >= l || n(from) != n_prev)
      refuse(where + " adds the output of layer " + std::to_string(from) + " to " +
             std::to_string(n_prev) + " units: expected an earlier layer of as many units");
    places_[static_cast<std::size_t>(from)].adding.push_back(l);
  }
  for (const Place& place : places_) widest_ = std::max(widest_, place.n);
}

Index Layout::added_by(Index l) const {
  const auto* const add = std::get_if<Add>(&layer(l).kind);
  if (!add) return -1;
  return add->from < 0 ? -2 : add->from;  // which the constructor refuses
}

Index Layout::kept_before(Index l) const {
  return std::count_if(places_.begin(), places_.begin() + l,
                       [](const Place& place) { return !place.adding.empty(); });
}

bool Layout::overwrites_input(Index l) const {
  return traits(l).activation_alone && g(l - 1) == identity && adding(l - 1).empty();
}

double Layout::work() const {
  double sum = 0.0;
  for (Index l = 1; l <= depth(); ++l)
    sum += static_cast<double>(n(l)) * (dense(l) ? static_cast<double>(n(l - 1)) : 1.0);
  return sum;
}

}  // namespace deltarule
