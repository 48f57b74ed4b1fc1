// Rows of a sparse matrix, for float32 and float64 networks alike.
#include "base/sizes.hpp"
#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "bindings/register.hpp"

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
  if (features < 0 || features > most_units)
    refuse_here("shape[1] is " + std::to_string(features) + ": expected 0 to " +
                std::to_string(most_units));
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
  part.examples = rows.examples.rows_from(first, count);
  return part;
}

py::array dense_array(const SparseRows& rows) {
  const Examples& from = rows.examples;
  py::array_t<double> array({from.count, from.features});
  kernels<double>().gather.gather(from, nullptr, 0,
                                  {array.mutable_data(), from.features, from.count});
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
      .def("dense", &dense_array);
}

}  // namespace deltarule::bindings
