// NumPy arrays as the core's views, and the messages for those that cannot be.
#pragma once

#include "deltarule/activation.hpp"
#include "deltarule/examples.hpp"
#include "deltarule/loss.hpp"
#include "deltarule/types.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <span>
#include <stdexcept>
#include <string>
#include <utility>

namespace deltarule::bindings {
namespace py = pybind11;

// What NumPy's flags say of an array that may be read as it lies, in C's order or in Fortran's.
constexpr int aligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
constexpr int c_order = int{py::array::c_style} | aligned,
              f_order = int{py::array::f_style} | aligned;

template <class Scalar>
using ColumnMajor = py::array_t<Scalar, f_order>;

inline std::string dtype_text(const py::array& array) {
  return py::str(static_cast<const py::object&>(array.dtype())).cast<std::string>();
}

inline std::string shape_text(const py::array& array) {
  return py::str(array.attr("shape")).cast<std::string>();
}

// The row of a name table, or a ValueError that lists the names.
template <class Row>
const Row& named(std::span<const Row> rows, const std::string& name, const char* what) {
  std::string names;
  for (const Row& row : rows) {
    if (row.name == name) return row;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  throw py::value_error("unknown " + std::string(what) + " '" + name + "': expected one of " +
                        names);
}

inline Activation activation_named(const std::string& name) {
  return named(activation_names(), name, "activation").activation;
}

inline LossKind loss_named(const std::string& name) {
  return named(loss_names(), name, "loss").loss;
}

// A 2-D array as a matrix in the core's order: its own memory where that is column-major already,
// else a copy. `where` and `what` are for the message: "dense_forward: W ...".
template <class Scalar>
ColumnMajor<Scalar> matrix(const py::array& array, const char* where, const char* what) {
  if (!py::isinstance<py::array_t<Scalar>>(array))
    throw py::type_error(std::string(where) + ": " + what + " is " + dtype_text(array) +
                         ": expected " + dtype_text(py::array_t<Scalar>()) +
                         ", as the other arguments are");
  if (array.ndim() != 2)
    throw py::value_error(std::string(where) + ": " + what + " has shape " + shape_text(array) +
                          ": expected two dimensions");
  return ColumnMajor<Scalar>::ensure(array);
}

template <class Scalar>
ColumnMajor<Scalar> new_matrix(Index rows, Index columns) {
  return ColumnMajor<Scalar>({rows, columns});
}

template <class Scalar>
ConstMatrixMap<Scalar> view(const ColumnMajor<Scalar>& array) {
  return {array.data(), array.shape(0), array.shape(1)};
}

template <class Scalar>
MatrixMap<Scalar> mutable_view(ColumnMajor<Scalar>& array) {
  return {array.mutable_data(), array.shape(0), array.shape(1)};
}

[[noreturn]] inline void refuse(const char* where, const std::string& message) {
  throw py::value_error(std::string(where) + ": " + message);
}

// Calls `use` with a float or a double, as the first array's dtype is.
template <class Use>
auto with_scalar_of(const py::array& array, const char* where, const char* what, Use use) {
  if (py::isinstance<py::array_t<float>>(array)) return use(float{});
  if (py::isinstance<py::array_t<double>>(array)) return use(double{});
  throw py::type_error(std::string(where) + ": " + what + " is " + dtype_text(array) +
                       ": expected float32 or float64");
}

// A flat vector that the core reads or writes in place.
template <class Scalar>
Scalar* flat_vector(const py::array& array, Index size, const char* where, const char* what,
                    bool writes) {
  const bool fits = py::isinstance<py::array_t<Scalar>>(array) && array.ndim() == 1 &&
                    array.shape(0) == size && (size <= 1 || array.strides(0) == sizeof(Scalar)) &&
                    (!writes || array.writeable());
  if (!fits)
    refuse(where, std::string(what) + " is " + dtype_text(array) + " of shape " +
                      shape_text(array) + ": expected contiguous " + (writes ? "writeable " : "") +
                      dtype_text(py::array_t<Scalar>()) + " of shape (" + std::to_string(size) +
                      ",)");
  return const_cast<Scalar*>(static_cast<const Scalar*>(array.data()));
}

// Rows of a sparse matrix whose structure has been checked. data.py makes them.
struct SparseRows {
  py::array data, indices, starts;
  Examples examples;
};

// Rows of numbers of a type that the core reads, an array or SparseRows. data.py converts the others
// beforehand.
Examples examples(const py::object& rows, Index features, const char* where, const char* what);
// Of an array's type; a TypeError for one that the core does not read.
NumberType number_type(const py::array& array, const char* where, const char* what);

}  // namespace deltarule::bindings
