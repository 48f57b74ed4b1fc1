// Layers as they are described: Z = f(A_prev) and A = g(Z), where f is of one of these kinds.
//
// A kind is a forward function, a backward function and a cache between them, in a file of its own;
// network.cpp says which function is whose.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/embedding.hpp"
#include "deltarule/types.hpp"

#include <string>
#include <variant>
#include <vector>

namespace deltarule {

// Z = W A_prev + b
struct Dense {};

// Z = A_prev: an activation alone
struct Identity {};

// Each number of A_prev is 0 with probability `rate`, and 1 / (1 - rate) times itself otherwise;
// in inference Z = A_prev (Srivastava et al. 2014, inverted).
struct Dropout {
  double rate;
};

// Each unit to mean 0 and variance 1 over the batch, then gamma times it plus beta; in inference, and
// where it is frozen, by the running mean and variance (Ioffe & Szegedy 2015).
struct BatchNorm {
  double momentum = 0.1, epsilon = 1e-5;
};

// Each example to mean 0 and variance 1 over its units, then gamma times it plus beta (Ba et al. 2016).
struct LayerNorm {
  double epsilon = 1e-5;
};

// Z = A_prev where it is above 0, else a slope of the unit's own times it (He et al. 2015).
struct PRelu {};

// Z = (A_prev - mean) / deviation, each unit's own, which no step changes
struct Standardize {};

// Columns of codes become vectors (EmbeddedColumn), the other columns pass.
struct Embedding {
  std::vector<EmbeddedColumn> columns;
};

// Z = A_prev + A[from], as many units: the end of a residual block (He et al. 2016)
struct Add {
  Index from;
};

using Kind = std::variant<Dense, Identity, Dropout, BatchNorm, LayerNorm, PRelu, Standardize,
                          Embedding, Add>;

struct Layer {
  Index units = 0;  // of a dense layer; the others have what their inputs give them
  Activation activation = Activation::identity;
  Kind kind = Dense{};
};

// How many parameters, statistics and cached numbers an example a layer of n units and n_prev inputs
// has. Statistics are what a layer keeps and no gradient reaches.
struct LayerSizes {
  Index n, parameters, statistics, cached;
};
// std::invalid_argument for what cannot be; `name` begins its message.
LayerSizes layer_sizes(const Layer& layer, Index n_prev, const std::string& name);

}  // namespace deltarule
