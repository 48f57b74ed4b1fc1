// Losses: those of the table with their hyper-parameters, and a function of the caller's own.
#include "network/loss.hpp"

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "bindings/register.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <vector>

namespace deltarule::bindings {
namespace {

Loss make_loss(const std::string& name, double delta, double gamma, std::optional<double> alpha,
               double label_smoothing, const std::vector<double>& levels, double cost_factor,
               double gradient_factor) {
  named(kernel_table().losses, name, "loss");
  if (levels.empty()) refuse("Loss", "levels is empty: expected 1 or more");
  Loss loss = *Loss::named(name);
  Loss::HyperParameters& with = loss.hyper_parameters;
  with.delta = delta;
  with.gamma = gamma;
  with.weight_of_one = alpha.value_or(1.0);
  with.weight_of_zero = alpha ? 1.0 - *alpha : 1.0;
  with.label_smoothing = label_smoothing;
  with.levels_in_turn = levels;
  with.cost_factor = cost_factor;
  with.gradient_factor = gradient_factor;
  return loss;
}

std::string type_text(const py::object& object) {
  return py::type::of(object).attr("__name__").cast<std::string>();
}

template <class Number>
py::array_t<Number, py::array::c_style> returned(const py::object& given, const char* what,
                                                 const std::string& shape) {
  const auto array = py::array_t<Number, py::array::c_style | py::array::forcecast>::ensure(given);
  if (!array)
    throw py::type_error(std::string("custom loss: ") + what + " is " + type_text(given) +
                         ": expected numbers of shape " + shape);
  if (!shape.starts_with(shape_text(array)))
    refuse("custom loss",
           std::string(what) + " has shape " + shape_text(array) + ": expected " + shape);
  return array;
}

// losses, dA = function(A, Y), with a row an example: copies, as the function may keep them.
template <class Scalar>
double call(const py::function& function, View<const Scalar> A, const Target<Scalar>& target,
            View<Scalar> dA) {
  const GilHeld held;
  const Index n = A.rows, m = A.columns;
  Rows<Scalar> outputs({m, n}), targets({m, n});
  const auto copy = kernels<Scalar>().vectors.copy;
  copy(A, {outputs.mutable_data(), n, m});
  copy({target.Y, n, m}, {targets.mutable_data(), n, m});
  const auto result = py::reinterpret_steal<py::object>(outlast([&] {
    return PyObject_CallFunctionObjArgs(function.ptr(), outputs.ptr(), targets.ptr(), nullptr);
  }));
  if (!result) throw py::error_already_set();
  if (!py::isinstance<py::tuple>(result) || py::len(result) != 2)
    throw py::type_error("custom loss: it returned " + type_text(result) +
                         ": expected (losses, dA)");
  const auto pair = py::reinterpret_borrow<py::tuple>(result);
  const auto losses =
      returned<double>(pair[0], "losses", "(" + std::to_string(m) + ",), one an example");
  const auto derivatives = returned<Scalar>(pair[1], "dA", shape_text(m, n));
  copy({derivatives.data(), n, m}, dA);
  double total = 0.0;
  for (Index j = 0; j < m; ++j) {
    const Scalar weight = target.weights ? target.weights[j] : Scalar(1);
    total += static_cast<double>(weight) * losses.data()[j];
    kernels<Scalar>().vectors.scale(n, weight, dA.column(j));
  }
  return total;
}

// Copies of the loss are made and dropped with or without the interpreter, the function is not.
Loss custom_loss(const py::function& given) {
  const std::shared_ptr<const py::function> function(new py::function(given),
                                                     [](const py::function* last) {
                                                       const GilHeld held;
                                                       delete last;
                                                     });
  return Loss(CustomLoss{[function](auto A, const auto& target, auto dA) {
                           return call<float>(*function, A, target, dA);
                         },
                         [function](auto A, const auto& target, auto dA) {
                           return call<double>(*function, A, target, dA);
                         }});
}

}  // namespace

void register_losses(py::module_& module) {
  using py::arg;
  const LossParameters defaults;
  py::class_<Loss>(module, "Loss", py::module_local())
      .def(py::init(&make_loss), arg("name"), py::kw_only(), arg("delta") = defaults.delta,
           arg("gamma") = defaults.gamma, arg("alpha") = py::none(),
           arg("label_smoothing") = defaults.label_smoothing,
           arg("levels") = std::vector<double>{0.5}, arg("cost_factor") = defaults.cost_factor,
           arg("gradient_factor") = defaults.gradient_factor)
      .def(py::init(&custom_loss), arg("function"));
  module.def("loss_names", [] { return names_of(kernel_table().losses); });
  module.def("takes_labels", &Loss::takes_labels, arg("loss"));
  module.def(
      "fused_with_output",
      [](const Loss& loss, const std::string& output) {
        return loss.fused_with(activation_of(output));
      },
      arg("loss"), arg("output"));
}

}  // namespace deltarule::bindings
