#include "deltarule/optimizer.hpp"

#include "register.hpp"

#include <pybind11/stl.h>

namespace deltarule::bindings {
namespace py = pybind11;

void register_optimizers(py::module_& module) {
  py::class_<Sgd>(module, "Sgd", py::module_local())
      .def(py::init<double, double, bool>(), py::arg("learning_rate"), py::arg("momentum"),
           py::arg("nesterov"));
  py::class_<Adam>(module, "Adam", py::module_local())
      .def(py::init<double, double, double, double>(), py::arg("learning_rate"), py::arg("beta_1"),
           py::arg("beta_2"), py::arg("epsilon"));
  module.def("state_vector_count", &state_vector_count, py::arg("optimizer"));
}

}  // namespace deltarule::bindings
