// Dense networks of many shapes, which the reference knows too.
#pragma once

#include "network/cache.hpp"
#include "stacks.hpp"

#include <vector>

namespace deltarule::test {

struct Architecture {
  Index inputs;
  std::vector<Layer> layers;
};

// One unit, one layer, odd sizes, every activation, and wide enough for several tiles a layer.
inline std::vector<Architecture> architectures() {
  return {{1, {dense(1)}},
          {1, {dense(3, "tanh"), dense(1, "sigmoid")}},
          {5, {dense(1, "silu"), dense(4, "softmax")}},
          {7, {dense(8, "relu"), dense(5, "leaky_relu"), dense(3, "softmax")}},
          {4,
           {dense(9, "elu"), dense(7, "gelu"), dense(6, "gelu_tanh"), dense(5, "softplus"),
            dense(2, "exponential")}},
          {2, {dense(6, "softmax"), dense(3, "sigmoid")}},
          {131, {dense(257, "tanh"), dense(10, "softmax")}}};
}

// The widest of them, and more examples than are in one slice.
inline Architecture wide() { return architectures().back(); }
constexpr Index many_examples = 203;

constexpr Pass training_pass{true, 7, 3};

}  // namespace deltarule::test
