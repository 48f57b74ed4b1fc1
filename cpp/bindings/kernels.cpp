// The kernels by themselves, on (n, m) arrays: what deltarule.blocks is made of.
#include "arrays.hpp"
#include "deltarule/activation.hpp"
#include "deltarule/dense.hpp"
#include "deltarule/loss.hpp"
#include "gil.hpp"
#include "register.hpp"

#include <pybind11/stl.h>

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace deltarule::bindings {
namespace {

template <class Row>
std::vector<std::string> names_of(std::span<const Row> rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

py::array py_activation_forward(const std::string& name, const py::array& Z) {
  constexpr const char* where = "activation_forward";
  const Activation g = activation_named(name);
  return with_scalar_of(Z, where, "Z", [&](auto scalar) -> py::array {
    using Scalar = decltype(scalar);
    const auto z = matrix<Scalar>(Z, where, "Z");
    auto A = new_matrix<Scalar>(z.shape(0), z.shape(1));
    activation_forward<Scalar>(g, view(z), mutable_view(A));
    return A;
  });
}

py::array py_activation_backward(const std::string& name, const py::array& dA, const py::array& Z) {
  constexpr const char* where = "activation_backward";
  const Activation g = activation_named(name);
  return with_scalar_of(dA, where, "dA", [&](auto scalar) -> py::array {
    using Scalar = decltype(scalar);
    const auto da = matrix<Scalar>(dA, where, "dA");
    const auto z = matrix<Scalar>(Z, where, "Z");
    if (da.shape(0) != z.shape(0) || da.shape(1) != z.shape(1))
      refuse(where, "dA has shape " + shape_text(dA) + " but Z has shape " + shape_text(Z) +
                        ": expected the same");
    auto dZ = new_matrix<Scalar>(z.shape(0), z.shape(1));
    if (derivative_from(g) == DerivativeFrom::Z) {
      activation_backward<Scalar>(g, view(da), view(z), mutable_view(dZ));
    } else {
      auto A = new_matrix<Scalar>(z.shape(0), z.shape(1));
      activation_forward<Scalar>(g, view(z), mutable_view(A));
      activation_backward<Scalar>(g, view(da), view(A), mutable_view(dZ));
    }
    return dZ;
  });
}

py::array py_dense_forward(const py::array& W, const py::array& b, const py::array& A_prev) {
  constexpr const char* where = "dense_forward";
  return with_scalar_of(W, where, "W", [&](auto scalar) -> py::array {
    using Scalar = decltype(scalar);
    const auto w = matrix<Scalar>(W, where, "W");
    const auto bias = matrix<Scalar>(b, where, "b");
    const auto a = matrix<Scalar>(A_prev, where, "A_prev");
    const Index n = w.shape(0);
    if (w.shape(1) != a.shape(0))
      refuse(where, "W is " + shape_text(W) + " but A_prev is " + shape_text(A_prev) +
                        ": expected W (n_l, " + std::to_string(a.shape(0)) + ")");
    if (bias.shape(0) != n || bias.shape(1) != 1)
      refuse(where, "W is " + shape_text(W) + " but b is " + shape_text(b) + ": expected b (" +
                        std::to_string(n) + ", 1)");
    auto Z = new_matrix<Scalar>(n, a.shape(1));
    dense_forward<Scalar>(view(w), ConstVectorMap<Scalar>(bias.data(), n), view(a),
                          mutable_view(Z));
    return Z;
  });
}

py::tuple py_dense_backward(const py::array& W, const py::array& A_prev, const py::array& dZ,
                            double scale, bool input_gradient) {
  constexpr const char* where = "dense_backward";
  return with_scalar_of(W, where, "W", [&](auto scalar) -> py::tuple {
    using Scalar = decltype(scalar);
    const auto w = matrix<Scalar>(W, where, "W");
    const auto a = matrix<Scalar>(A_prev, where, "A_prev");
    const auto dz = matrix<Scalar>(dZ, where, "dZ");
    const Index n = w.shape(0), n_prev = w.shape(1), m = a.shape(1);
    if (a.shape(0) != n_prev)
      refuse(where, "W is " + shape_text(W) + " but A_prev is " + shape_text(A_prev) +
                        ": expected A_prev (" + std::to_string(n_prev) + ", m)");
    if (dz.shape(0) != n || dz.shape(1) != m)
      refuse(where, "dZ is " + shape_text(dZ) + ": expected " + deltarule::shape_text(n, m) +
                        " for W " + shape_text(W) + " and A_prev " + shape_text(A_prev));
    auto dW = new_matrix<Scalar>(n, n_prev);
    auto db = new_matrix<Scalar>(n, 1);
    dense_backward_weights<Scalar>(view(dz), view(a), static_cast<Scalar>(scale), mutable_view(dW));
    dense_backward_bias<Scalar>(view(dz), static_cast<Scalar>(scale),
                                VectorMap<Scalar>(db.mutable_data(), n));
    py::object dA_prev = py::none();
    if (input_gradient) {
      auto da = new_matrix<Scalar>(n_prev, m);
      dense_backward_input<Scalar>(view(w), view(dz), mutable_view(da));
      dA_prev = std::move(da);
    }
    return py::make_tuple(std::move(dA_prev), std::move(dW), std::move(db));
  });
}

std::string name_of(const Loss& loss) {
  for (const LossName& row : loss_names())
    if (row.loss == loss.kind) return std::string(row.name);
  return "custom";
}

bool fused_with_any_output(const Loss& loss) {
  for (const ActivationName& row : activation_names())
    if (fused_with_output(loss, row.activation)) return true;
  return false;
}

Loss make_loss(const std::string& name, double delta, double gamma, std::optional<double> alpha,
               double label_smoothing, const std::vector<double>& levels, double cost_factor,
               double gradient_factor) {
  Loss loss = loss_named(name);
  loss.delta = delta;
  loss.gamma = gamma;
  loss.alpha = alpha;
  loss.label_smoothing = label_smoothing;
  if (levels.empty()) refuse("Loss", "levels is empty: expected 1 or more");
  loss.levels = levels;
  loss.cost_factor = cost_factor;
  loss.gradient_factor = gradient_factor;
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
double call(const py::function& function, const ConstMatrixRef<Scalar>& A,
            const Target<Scalar>& target, MatrixRef<Scalar> dA) {
  using Rows = py::array_t<Scalar, py::array::c_style>;
  const GilHeld held;
  const Index n = A.rows(), m = A.cols();
  Rows outputs({m, n}), targets({m, n});
  MatrixMap<Scalar>(outputs.mutable_data(), n, m) = A;
  MatrixMap<Scalar>(targets.mutable_data(), n, m) = ConstMatrixMap<Scalar>(target.Y, n, m);
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
  const auto derivatives = returned<Scalar>(pair[1], "dA", deltarule::shape_text(m, n));
  dA = ConstMatrixMap<Scalar>(derivatives.data(), n, m);
  double total = 0.0;
  for (Index j = 0; j < m; ++j) {
    const Scalar weight = target.weights ? target.weights[j] : Scalar(1);
    total += static_cast<double>(weight) * losses.data()[j];
    dA.col(j) *= weight;
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
  return Loss(CustomLoss{[function](const auto& A, const auto& target, auto dA) {
                           return call<float>(*function, A, target, dA);
                         },
                         [function](const auto& A, const auto& target, auto dA) {
                           return call<double>(*function, A, target, dA);
                         }});
}

// Both forms of a loss: from the output A, or from the logits Z of a fused pair.
template <bool from_logits>
py::tuple py_loss_backward(const Loss& loss, const py::array& A_or_Z, const py::array& Y,
                           const std::optional<py::array>& weights) {
  constexpr const char* where = from_logits ? "loss_backward_from_logits" : "loss_backward";
  if (from_logits && !fused_with_any_output(loss))
    refuse(where, name_of(loss) + " is not fused with an output activation");
  return with_scalar_of(A_or_Z, where, "A", [&](auto scalar) -> py::tuple {
    using Scalar = decltype(scalar);
    const auto a = matrix<Scalar>(A_or_Z, where, from_logits ? "Z" : "A");
    const Index n = a.shape(0), m = a.shape(1);
    Target<Scalar> target;
    ColumnMajor<Scalar> y;
    py::array_t<std::int64_t> labels;
    py::array_t<Scalar> w;
    if (py::isinstance<py::array_t<std::int64_t>>(Y) && Y.ndim() == 1) {
      if (!takes_labels(loss))
        refuse(where, "Y is of labels: expected one number an output, as " + name_of(loss) +
                          " takes no labels");
      labels = py::array_t<std::int64_t, py::array::c_style>::ensure(Y);
      if (labels.size() != m)
        refuse(where,
               "Y has " + std::to_string(labels.size()) + " labels: expected " + std::to_string(m));
      for (Index j = 0; j < m; ++j)
        if (labels.at(j) < 0 || labels.at(j) >= n)
          refuse(where, "label " + std::to_string(labels.at(j)) + " at " + std::to_string(j) +
                            ": expected 0 to " + std::to_string(n - 1));
      target.labels = labels.data();
    } else {
      y = matrix<Scalar>(Y, where, "Y");
      if (y.shape(0) != n || y.shape(1) != m)
        refuse(where, "Y has shape " + shape_text(Y) + ": expected " + deltarule::shape_text(n, m));
      target.Y = y.data();
    }
    if (weights) {
      w = py::array_t<Scalar, py::array::c_style | py::array::forcecast>::ensure(*weights);
      if (!w || w.ndim() != 1 || w.size() != m)
        refuse(where, "weights have shape " + shape_text(*weights) + ": expected (" +
                          std::to_string(m) + ",)");
      target.weights = w.data();
    }
    auto gradient = new_matrix<Scalar>(n, m);
    const double sum =
        from_logits
            ? loss_backward_from_logits<Scalar>(loss, view(a), target, mutable_view(gradient))
            : loss_backward<Scalar>(loss, view(a), target, mutable_view(gradient));
    return py::make_tuple(sum, std::move(gradient));
  });
}

std::optional<py::tuple> py_find_non_finite(const py::array& X, const py::dtype& dtype) {
  const Index features = X.ndim() == 2 ? X.shape(1) : 0;
  const Examples rows = examples(X, features, "find_non_finite", "X");
  const bool single = dtype.num() == py::detail::npy_format_descriptor<float>::value;
  std::optional<NonFinite> found;
  {
    const GilReleased released;
    found = single ? find_non_finite<float>(rows) : find_non_finite<double>(rows);
  }
  if (!found) return std::nullopt;
  return py::make_tuple(found->example, found->feature, found->value);
}

}  // namespace

void register_kernels(py::module_& module) {
  using py::arg;
  const Loss defaults;
  py::class_<Loss>(module, "Loss", py::module_local())
      .def(py::init(&make_loss), arg("name"), py::kw_only(), arg("delta") = defaults.delta,
           arg("gamma") = defaults.gamma, arg("alpha") = defaults.alpha,
           arg("label_smoothing") = defaults.label_smoothing, arg("levels") = defaults.levels,
           arg("cost_factor") = defaults.cost_factor,
           arg("gradient_factor") = defaults.gradient_factor)
      .def(py::init(&custom_loss), arg("function"));
  module.def("activation_names", [] { return names_of(activation_names()); });
  module.def("loss_names", [] { return names_of(loss_names()); });
  module.def(
      "fused_with_output",
      [](const Loss& loss, const std::string& output) {
        return fused_with_output(loss, activation_named(output));
      },
      arg("loss"), arg("output"));
  module.def("takes_labels", &takes_labels, arg("loss"));
  module.def("activation_forward", &py_activation_forward, arg("name"), arg("Z"));
  module.def("activation_backward", &py_activation_backward, arg("name"), arg("dA"), arg("Z"));
  module.def("dense_forward", &py_dense_forward, arg("W"), arg("b"), arg("A_prev"));
  module.def("dense_backward", &py_dense_backward, arg("W"), arg("A_prev"), arg("dZ"), arg("scale"),
             arg("input_gradient"));
  module.def("loss_backward", &py_loss_backward<false>, arg("loss"), arg("A"), arg("Y"),
             arg("weights") = py::none());
  module.def("loss_backward_from_logits", &py_loss_backward<true>, arg("loss"), arg("Z"), arg("Y"),
             arg("weights") = py::none());
  module.def("find_non_finite", &py_find_non_finite, arg("X"), arg("dtype"));
}

}  // namespace deltarule::bindings
