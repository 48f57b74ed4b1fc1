// The registrars that module.cpp lists: one a source file.
#pragma once

#include <pybind11/pybind11.h>

namespace deltarule::bindings {

void register_levels(pybind11::module_& module);
void register_threads(pybind11::module_& module);
void register_losses(pybind11::module_& module);
void register_kernels(pybind11::module_& module);
void register_optimizers(pybind11::module_& module);
void register_sparse_rows(pybind11::module_& module);
void register_networks(pybind11::module_& module);
void register_ensembles(pybind11::module_& module);
void register_trainers(pybind11::module_& module);
void register_work(pybind11::module_& module);

}  // namespace deltarule::bindings
