// A layer as Python describes it: a dict of its kind, its activation, and what that kind has.
#pragma once

#include "layers/layer.hpp"

#include <pybind11/pybind11.h>

namespace deltarule::bindings {

Layer layer_of(const pybind11::dict& described);

}  // namespace deltarule::bindings
