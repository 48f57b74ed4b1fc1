#include "kernels/kernels.hpp"

const deltarule::KernelTable* deltarule_kernels() {
  using namespace deltarule;
  static const KernelTable table{.build = kernel_build,
                                 .level = DELTARULE_LEVEL,
                                 .of_float = {},
                                 .of_double = {},
                                 .activations = activation_rows(),
                                 .losses = loss_rows(),
                                 .optimizers = optimizer_rows()};
  return &table;
}
