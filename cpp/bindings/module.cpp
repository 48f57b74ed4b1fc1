#include "register.hpp"

#include <new>

namespace py = pybind11;

// Of one interpreter a process, as there is one pool of threads and NumPy's arrays are no others'; and
// with its lock, which guards what Python sees of a network: nothing says that it is not needed.
PYBIND11_MODULE(DELTARULE_MODULE, module, py::multiple_interpreters::not_supported()) {
  using namespace deltarule::bindings;
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::bad_alloc&) {
      PyErr_SetString(PyExc_MemoryError,
                      "deltarule: the system has no memory left for what this needs: expected a "
                      "smaller batch, fewer threads or a smaller network");
    }
  });
  module.doc() = "The compiled core of deltarule, for one instruction set.";
  module.attr("isa") = DELTARULE_ISA;
  register_threads(module);
  register_kernels(module);
  register_optimizers(module);
  register_sparse_rows(module);
  register_networks(module);
}
