#include "bindings/register.hpp"
#include "kernels/dispatch.hpp"

#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <new>
#include <string>

namespace py = pybind11;

extern "C" PYBIND11_EXPORT PyObject* PyInit__core();

namespace {

// The folder that this module was loaded from; the kernels lie beside it.
std::string own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&PyInit__core), &info) == 0 || !info.dli_fname)
    return ".";
  return std::filesystem::path(info.dli_fname).parent_path().string();
}

void load_kernels() {
  using namespace deltarule;
  const std::string folder = own_folder();
  const char* const wanted = std::getenv("DELTARULE_ISA");
  use_kernels(folder, choose_level(built_levels(folder), supported_levels(), fastest_level(),
                                   wanted ? wanted : ""));
}

}  // namespace

// Of one interpreter a process, as there is one pool of threads and NumPy's arrays are no others'; and
// with its lock, which guards what Python sees of a network: nothing says that it is not needed.
PYBIND11_MODULE(core_of_the_main_interpreter, module, py::multiple_interpreters::not_supported()) {
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
  module.doc() = "The compiled core of deltarule.";
  load_kernels();
  register_levels(module);
  register_threads(module);
  register_losses(module);
  register_kernels(module);
  register_optimizers(module);
  register_sparse_rows(module);
  register_work(module);
  register_networks(module);
  register_ensembles(module);
  register_trainers(module);
}

// A second interpreter is refused here: before Python 3.12 nobody else does, and pybind11 would wait for a
// lock that the thread itself holds.
PyObject* PyInit__core() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(
        PyExc_ImportError,
        "deltarule: this is a subinterpreter: expected the main interpreter; use threads "
        "or processes instead");
    return nullptr;
  }
  return PyInit_core_of_the_main_interpreter();
}
