#include "register.hpp"

PYBIND11_MODULE(DELTARULE_MODULE, module) {
  using namespace deltarule::bindings;
  module.doc() = "The compiled core of deltarule, for one instruction set.";
  module.attr("isa") = DELTARULE_ISA;
  register_threads(module);
  register_kernels(module);
  register_optimizers(module);
  register_sparse_rows(module);
  register_networks(module);
}
