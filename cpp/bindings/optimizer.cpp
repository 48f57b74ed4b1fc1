#include "bindings/optimizer.hpp"

#include "bindings/register.hpp"

#include <pybind11/stl.h>

#include <map>
#include <string>

namespace deltarule::bindings {
namespace {

Optimizer make_optimizer(const std::string& name, const std::map<std::string, double>& values) {
  Optimizer optimizer{&named(kernel_table().optimizers, name, "optimizer")};
  for (const auto& [hyper_parameter, value] : values)
    optimizer.*
        named(std::span<const HyperParameter>(hyper_parameters), hyper_parameter, "hyper-parameter")
            .value = value;
  return optimizer;
}

}  // namespace

void register_optimizers(py::module_& module) {
  py::class_<Optimizer>(module, "Optimizer", py::module_local())
      .def(py::init(&make_optimizer), py::arg("name"), py::arg("hyper_parameters"));
  module.def("state_vector_count", &state_vector_count, py::arg("optimizer"));
}

}  // namespace deltarule::bindings
