#include "bindings/register.hpp"
#include "threads/thread_count.hpp"
#include "threads/thread_pool.hpp"

#include <cstdlib>
#include <string>

namespace deltarule::bindings {
namespace {

// A wrong number of threads is slow and no more: nobody is kept from his work by it.
void warn_of_nonsense() {
  const char* const text = std::getenv("OMP_NUM_THREADS");
  if (threads_asked_for(text, ThreadPool::most_threads)) return;
  const std::string message = "OMP_NUM_THREADS is '" + std::string(text) + "': expected 1 to " +
                              std::to_string(ThreadPool::most_threads) +
                              ", or a list that begins with it; deltarule takes as many threads as "
                              "there are processors for this process";
  if (PyErr_WarnEx(PyExc_RuntimeWarning, message.c_str(), 1) != 0)
    throw pybind11::error_already_set();
}

}  // namespace

void register_threads(pybind11::module_& module) {
  warn_of_nonsense();
  module.def("get_num_threads", &ThreadPool::size);
  module.def("limit_threads", &ThreadPool::limit, pybind11::arg("n"));
  module.def("set_num_threads", &ThreadPool::resize, pybind11::arg("n"));
}

}  // namespace deltarule::bindings
