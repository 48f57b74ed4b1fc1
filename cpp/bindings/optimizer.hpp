// An optimizer's vectors, as arrays.
#pragma once

#include "bindings/arrays.hpp"

namespace deltarule::bindings {

inline int state_vector_count(const Optimizer& optimizer) {
  return optimizer.kind->state_vectors(optimizer);
}

// The flat vectors of a network of so many parameters, which the core changes in place.
template <class Scalar>
FlatVectors<Scalar> flat_vectors(py::array& parameters, py::array& state, Index size,
                                 const Optimizer& optimizer, const char* where) {
  return {flat_vector<Scalar>(parameters, size, where, "parameters", true),
          flat_vector<Scalar>(state, size * state_vector_count(optimizer), where, "state", true),
          size};
}

}  // namespace deltarule::bindings
