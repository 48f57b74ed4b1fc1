#include "deltarule/layer.hpp"

#include <limits>
#include <stdexcept>
#include <string>

namespace deltarule {
namespace {

constexpr Index most = std::numeric_limits<Index>::max() / 64;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument(message); }

LayerSizes dense_sizes(const Layer& layer, Index n_prev, const std::string& name) {
  const Index n = layer.units;
  if (n < 1) refuse(name + " has " + std::to_string(n) + " units: expected 1 or more");
  if (n > most / (n_prev + 1))
    refuse(name + " has " + std::to_string(n) + " units and " + std::to_string(n_prev) +
           " inputs: expected a number of weights that a computer can hold");
  return {n, n * (n_prev + 1), 0, 0};
}

LayerSizes embedding_sizes(const Embedding& embedding, Index n_prev, const std::string& name) {
  Index n = n_prev, parameters = 0, last = -1;
  for (const EmbeddedColumn& c : embedding.columns) {
    if (c.column <= last || c.column >= n_prev)
      refuse(name + " embeds column " + std::to_string(c.column) + " of " + std::to_string(n_prev) +
             ": expected columns that there are, in ascending order");
    if (c.categories < 1 || c.dimension < 1 || c.categories > most / c.dimension - parameters)
      refuse(name + " embeds " + std::to_string(c.categories) + " categories in " +
             std::to_string(c.dimension) + " dimensions: expected 1 or more of each");
    n += c.dimension - 1;
    parameters += c.categories * c.dimension;
    last = c.column;
  }
  return {n, parameters, 0, 0};
}

}  // namespace

LayerSizes layer_sizes(const Layer& layer, Index n_prev, const std::string& name) {
  struct Visitor {
    const Layer& layer;
    Index n;  // of the inputs, and of the units where a layer changes nothing about that
    const std::string& name;

    LayerSizes operator()(const Dense&) const { return dense_sizes(layer, n, name); }
    LayerSizes operator()(const Identity&) const { return {n, 0, 0, 0}; }
    LayerSizes operator()(const Dropout& dropout) const {
      if (!(dropout.rate >= 0.0 && dropout.rate < 1.0))
        refuse(name + " drops at a rate of " + std::to_string(dropout.rate) +
               ": expected 0 or more, and less than 1");
      return {n, 0, 0, n};  // the mask
    }
    LayerSizes operator()(const BatchNorm&) const { return {n, 2 * n, 2 * n, 0}; }
    LayerSizes operator()(const LayerNorm&) const { return {n, 2 * n, 0, 2}; }
    LayerSizes operator()(const PRelu&) const { return {n, n, 0, 0}; }
    LayerSizes operator()(const Standardize&) const { return {n, 0, 2 * n, 0}; }
    LayerSizes operator()(const Embedding& embedding) const {
      return embedding_sizes(embedding, n, name);
    }
    LayerSizes operator()(const Add&) const { return {n, 0, 0, 0}; }
  };
  return std::visit(Visitor{layer, n_prev, name}, layer.kind);
}

}  // namespace deltarule
