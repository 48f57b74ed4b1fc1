#include "bindings/arrays.hpp"

#include "base/sizes.hpp"

#include <cstdint>

namespace deltarule::bindings {

NumberType number_type(const py::array& array, const char* where, const char* what) {
  const bool is_aligned = (array.flags() & aligned) != 0;
  if (is_aligned) {
    if (py::isinstance<py::array_t<float>>(array)) return NumberType::float32;
    if (py::isinstance<py::array_t<double>>(array)) return NumberType::float64;
    if (py::isinstance<py::array_t<std::uint8_t>>(array)) return NumberType::uint8;
    if (py::isinstance<py::array_t<std::int32_t>>(array)) return NumberType::int32;
    if (py::isinstance<py::array_t<std::int64_t>>(array)) return NumberType::int64;
  }
  throw py::type_error(std::string(where) + ": " + what + " is " +
                       (is_aligned ? "" : "unaligned ") + dtype_text(array) +
                       ": expected float32, float64, uint8, int32 or int64");
}

Examples examples(const py::object& rows, Index features, const char* where, const char* what) {
  if (py::isinstance<SparseRows>(rows)) {
    const Examples& sparse = rows.cast<const SparseRows&>().examples;
    if (sparse.features != features)
      refuse(where, std::string(what) + " has " + std::to_string(sparse.features) +
                        " columns: expected " + std::to_string(features));
    return sparse;
  }
  if (!py::isinstance<py::array>(rows))
    throw py::type_error(std::string(where) + ": " + what + " is not an array");
  const auto array = py::reinterpret_borrow<py::array>(rows);
  const NumberType type = number_type(array, where, what);
  if (array.ndim() != 2 || array.shape(1) != features || array.shape(0) > most_examples)
    refuse(where, std::string(what) + " has shape " + shape_text(array) + ": expected (m, " +
                      std::to_string(features) + "), m no more than " +
                      std::to_string(most_examples));
  return {array.data(), type, array.shape(0), array.shape(1), array.strides(0), array.strides(1)};
}

}  // namespace deltarule::bindings
