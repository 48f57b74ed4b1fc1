// Which instruction sets there are, and which one runs.
#include "bindings/register.hpp"
#include "kernels/dispatch.hpp"

#include <pybind11/stl.h>

namespace deltarule::bindings {

void register_levels(pybind11::module_& module) {
  namespace py = pybind11;
  py::tuple levels(std::size(all_levels));
  for (std::size_t i = 0; i < std::size(all_levels); ++i)
    levels[i] = py::str(std::string(all_levels[i]));
  module.attr("LEVELS") = levels;
  module.attr("isa") = kernel_table().level;
  module.def("supported_levels", &supported_levels,
             "The instruction sets that this CPU runs, from the plainest to the widest.");
  module.def("fastest_level", &fastest_level, "The one of them that a product is fastest in.");
  module.def("choose_level", &choose_level, py::arg("built"), py::arg("supported"),
             py::arg("fastest"), py::arg("wanted"),
             "The level that is loaded where these are built and supported.");
}

}  // namespace deltarule::bindings
