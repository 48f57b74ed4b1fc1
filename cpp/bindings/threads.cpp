#include "bindings/register.hpp"
#include "threads/thread_pool.hpp"

namespace deltarule::bindings {

void register_threads(pybind11::module_& module) {
  module.def("get_num_threads", &ThreadPool::size);
  module.def("limit_threads", &ThreadPool::limit, pybind11::arg("n"));
  module.def("set_num_threads", &ThreadPool::resize, pybind11::arg("n"));
}

}  // namespace deltarule::bindings
