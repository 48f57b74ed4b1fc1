// NumPy arrays as the core's views, and the messages for those that cannot be. Everything that a caller
// hands over is checked here or by who asks for it: the core itself trusts its sizes.
#pragma once

#include "base/examples.hpp"
#include "kernels/dispatch.hpp"
#include "network/loss.hpp"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <optional>
#include <span>
#include <string>
#include <utility>

namespace deltarule::bindings {
namespace py = pybind11;

// What NumPy's flags say of an array that may be read as it lies, in C's order or in Fortran's.
constexpr int aligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
constexpr int c_order = int{py::array::c_style} | aligned,
              f_order = int{py::array::f_style} | aligned;

template <class Number>
using Rows = py::array_t<Number, c_order>;
template <class Scalar>
using ColumnMajor = py::array_t<Scalar, f_order>;

inline std::string shape_text(Index rows, Index columns) {
  return "(" + std::to_string(rows) + ", " + std::to_string(columns) + ")";
}
inline std::string shape_text(const py::array& array) {
  return py::str(array.attr("shape")).cast<std::string>();
}
inline std::string dtype_text(const py::array& array) {
  return py::str(static_cast<const py::object&>(array.dtype())).cast<std::string>();
}
template <class Number>
std::string dtype_text() {
  return py::str(py::dtype::of<Number>()).template cast<std::string>();
}

[[noreturn]] inline void refuse(const char* where, const std::string& message) {
  throw py::value_error(std::string(where) + ": " + message);
}

// first <= value <= last
inline void expect_within(const char* where, const char* what, Index value, Index first,
                          Index last) {
  if (value < first || value > last)
    refuse(where, std::string(what) + " is " + std::to_string(value) + ": expected " +
                      std::to_string(first) + " to " + std::to_string(last));
}

// The names of a table's rows, or of some of them.
template <class Row>
std::vector<std::string> names_of(std::span<const Row> rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
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

inline Activation activation_of(const std::string& name) {
  const std::span<const ActivationRow> rows = kernel_table().activations;
  return {static_cast<std::uint8_t>(&named(rows, name, "activation") - rows.data())};
}

// A 2-D array as a matrix in the core's order: its own memory where that is column-major already,
// else a copy. `where` and `what` are for the message: "dense_forward: W ...".
template <class Scalar>
ColumnMajor<Scalar> matrix(const py::array& array, const char* where, const char* what) {
  if (!py::isinstance<py::array_t<Scalar>>(array))
    throw py::type_error(std::string(where) + ": " + what + " is " + dtype_text(array) +
                         ": expected " + dtype_text<Scalar>() + ", as the other arguments are");
  if (array.ndim() != 2)
    refuse(where,
           std::string(what) + " has shape " + shape_text(array) + ": expected two dimensions");
  auto columns = ColumnMajor<Scalar>::ensure(array);
  if (!columns) throw py::error_already_set();  // there is no memory for a copy
  return columns;
}

template <class Scalar>
ColumnMajor<Scalar> new_matrix(Index rows, Index columns) {
  return ColumnMajor<Scalar>({rows, columns});
}

template <class Scalar>
View<const Scalar> view(const ColumnMajor<Scalar>& array) {
  return {array.data(), array.shape(0), array.shape(1)};
}

template <class Scalar>
View<Scalar> mutable_view(ColumnMajor<Scalar>& array) {
  return {array.mutable_data(), array.shape(0), array.shape(1)};
}

// Calls `use` with a float or a double, as the first array's dtype is.
template <class Use>
auto with_scalar_of(const py::array& array, const char* where, const char* what, Use use) {
  if (py::isinstance<py::array_t<float>>(array)) return use(float{});
  if (py::isinstance<py::array_t<double>>(array)) return use(double{});
  throw py::type_error(std::string(where) + ": " + what + " is " + dtype_text(array) +
                       ": expected float32 or float64");
}

// An array that the core reads, or writes, in place: of this type and these dimensions, row after row.
// A -1 among the dimensions stands for any number.
template <class Number>
Number* in_place_array(const py::array& array, std::initializer_list<Index> shape,
                       const char* where, const char* what, bool writes) {
  bool fits = py::isinstance<py::array_t<Number>>(array) &&
              array.ndim() == static_cast<py::ssize_t>(shape.size()) &&
              (array.flags() & c_order) == c_order && (!writes || array.writeable());
  py::ssize_t axis = 0;
  for (const Index size : shape) {
    fits = fits && (size == -1 || array.shape(axis) == size);
    ++axis;
  }
  if (!fits) {
    std::string expected;
    for (const Index size : shape)
      expected += (expected.empty() ? "" : ", ") + (size == -1 ? "m" : std::to_string(size));
    refuse(where, std::string(what) + " is " + dtype_text(array) + " of shape " +
                      shape_text(array) + ": expected " + (writes ? "writeable, " : "") +
                      "C-contiguous " + dtype_text<Number>() + " of shape (" + expected +
                      (shape.size() == 1 ? ",)" : ")"));
  }
  return const_cast<Number*>(static_cast<const Number*>(array.data()));
}

template <class Number>
Number* flat_vector(const py::array& array, Index size, const char* where, const char* what,
                    bool writes) {
  return in_place_array<Number>(array, {size}, where, what, writes);
}

// A C-ordered array of Number, or nothing: neither a conversion nor a call into Python.
template <class Number>
std::optional<py::array> as_it_stands(const py::handle& object) {
  // No subclass: one may have an opinion of its numbers, as a masked array has.
  if (!Py_IS_TYPE(object.ptr(), py::detail::npy_api::get().PyArray_Type_)) return std::nullopt;
  auto array = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = array.dtype();
  if (dtype.num() != py::detail::npy_format_descriptor<Number>::value || dtype.byteorder() != '=' ||
      (array.flags() & c_order) != c_order)
    return std::nullopt;
  return array;
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
