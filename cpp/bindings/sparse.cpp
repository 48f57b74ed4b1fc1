// Rows of a sparse matrix, for float32 and float64 networks alike.
#include "arrays.hpp"
#include "gil.hpp"
#include "register.hpp"

#include <pybind11/stl.h>

#include <optional>
#include <string>

namespace deltarule::bindings {
namespace {

// One contiguous array of the integers that the core reads.
bool holds_indices(const py::array& array, bool wide) {
  const bool fits = wide ? py::isinstance<py::array_t<std::int64_t>>(array)
                         : py::isinstance<py::array_t<std::int32_t>>(array);
  return fits && array.ndim() == 1 && (array.flags() & c_order) == c_order;
}

SparseRows sparse_rows(const py::array& data, const py::array& indices, const py::array& starts,
                       Index features, const std::string& where, const std::string& what) {
  const auto refuse_here = [&](const std::string& message) {
    refuse(where.c_str(), what + "." + message);
  };
  const bool wide = py::isinstance<py::array_t<std::int64_t>>(starts);
  const Index most = std::min(data.size(), indices.size());
  if (data.ndim() != 1 || (data.flags() & py::array::c_style) == 0 ||
      !holds_indices(indices, wide) || !holds_indices(starts, wide) || starts.size() == 0)
    refuse_here("indices and indptr are " + dtype_text(indices) + " and " + dtype_text(starts) +
                ": expected contiguous int32 or int64 vectors");
  Examples rows;
  rows.data = data.data();
  rows.type = number_type(data, where.c_str(), what.c_str());
  rows.count = starts.size() - 1;
  rows.features = features;
  rows.sparse = {starts.data(), indices.data(), wide};
  std::optional<SparseFault> fault;
  {
    const GilReleased released;
    fault = find_sparse_fault(rows, most);
  }
  if (fault)
    refuse_here((fault->in_starts ? "indptr[" : "indices[") + std::to_string(fault->at) + "] is " +
                std::to_string(fault->value) + ": expected " + std::to_string(fault->least) +
                (fault->least == fault->most ? "" : " to " + std::to_string(fault->most)) +
                "; the sparse matrix is broken");
  return {data, indices, starts, rows};
}

SparseRows rows_of(const SparseRows& rows, const py::slice& slice) {
  py::ssize_t first = 0, stop = 0, step = 0, count = 0;
  if (!slice.compute(rows.examples.count, &first, &stop, &step, &count))
    throw py::error_already_set();
  if (step != 1) throw py::index_error("SparseRows: expected a slice without a step");
  SparseRows part = rows;
  const Index size = rows.examples.sparse.wide ? sizeof(std::int64_t) : sizeof(std::int32_t);
  part.examples.sparse.starts =
      static_cast<const char*>(rows.examples.sparse.starts) + first * size;
  part.examples.count = count;
  return part;
}

std::optional<py::tuple> find_non_finite_in(const SparseRows& rows, const py::dtype& dtype) {
  const bool single = dtype.num() == py::detail::npy_format_descriptor<float>::value;
  std::optional<NonFinite> found;
  {
    const GilReleased released;
    found = single ? find_non_finite<float>(rows.examples) : find_non_finite<double>(rows.examples);
  }
  if (!found) return std::nullopt;
  return py::make_tuple(found->example, found->feature, found->value);
}

py::array dense(const SparseRows& rows) {
  const Examples& from = rows.examples;
  py::array_t<double> array({from.count, from.features});
  gather<double>(from, nullptr, 0,
                 MatrixMap<double>(array.mutable_data(), from.features, from.count));
  return array;
}

}  // namespace

void register_sparse_rows(py::module_& module) {
  using py::arg;
  py::class_<SparseRows>(module, "SparseRows", py::module_local())
      .def(py::init(&sparse_rows), arg("data"), arg("indices"), arg("indptr"), arg("features"),
           arg("where"), arg("what"))
      .def("__len__", [](const SparseRows& rows) { return rows.examples.count; })
      .def("__getitem__", &rows_of, arg("rows"))
      .def_property_readonly("ndim", [](const SparseRows&) { return 2; })
      .def_property_readonly("shape",
                             [](const SparseRows& rows) {
                               return std::pair(rows.examples.count, rows.examples.features);
                             })
      .def_property_readonly("itemsize",
                             [](const SparseRows& rows) { return rows.data.itemsize(); })
      .def_property_readonly("indices_ascend",
                             [](const SparseRows& rows) { return indices_ascend(rows.examples); })
      .def("dense", &dense);
  module.def("find_non_finite", &find_non_finite_in, arg("X"), arg("dtype"));
}

}  // namespace deltarule::bindings
