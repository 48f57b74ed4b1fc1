// The kernels by themselves, on (n, m) arrays: what deltarule.blocks is made of.
#include "base/memory.hpp"
#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "bindings/register.hpp"
#include "network/finiteness.hpp"

#include <pybind11/stl.h>

#include <optional>

namespace deltarule::bindings {
namespace {

py::array py_activation_forward(const std::string& name, const py::array& Z) {
  constexpr const char* where = "activation_forward";
  const Activation g = activation_of(name);
  return with_scalar_of(Z, where, "Z", [&](auto scalar) -> py::array {
    using Scalar = decltype(scalar);
    const auto z = matrix<Scalar>(Z, where, "Z");
    auto A = new_matrix<Scalar>(z.shape(0), z.shape(1));
    activate<Scalar>(g, view(z), mutable_view(A));
    return A;
  });
}

py::array py_activation_backward(const std::string& name, const py::array& dA, const py::array& Z) {
  constexpr const char* where = "activation_backward";
  const Activation g = activation_of(name);
  return with_scalar_of(dA, where, "dA", [&](auto scalar) -> py::array {
    using Scalar = decltype(scalar);
    const auto da = matrix<Scalar>(dA, where, "dA");
    const auto z = matrix<Scalar>(Z, where, "Z");
    if (da.shape(0) != z.shape(0) || da.shape(1) != z.shape(1))
      refuse(where, "dA has shape " + shape_text(dA) + " but Z has shape " + shape_text(Z) +
                        ": expected the same");
    auto dZ = new_matrix<Scalar>(z.shape(0), z.shape(1));
    if (row_of(g).derivative_from == DerivativeFrom::Z) {
      activate_backward<Scalar>(g, view(da), view(z), mutable_view(dZ));
    } else {
      auto A = new_matrix<Scalar>(z.shape(0), z.shape(1));
      activate<Scalar>(g, view(z), mutable_view(A));
      activate_backward<Scalar>(g, view(da), view(A), mutable_view(dZ));
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
    kernels<Scalar>().dense.forward(view(w), bias.data(), view(a), mutable_view(Z), false);
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
      refuse(where, "dZ is " + shape_text(dZ) + ": expected " + shape_text(n, m) + " for W " +
                        shape_text(W) + " and A_prev " + shape_text(A_prev));
    auto dW = new_matrix<Scalar>(n, n_prev);
    auto db = new_matrix<Scalar>(n, 1);
    const DenseKernels<Scalar>& dense = kernels<Scalar>().dense;
    const auto factor = static_cast<Scalar>(scale);
    dense.backward_weights(view(dz), view(a), factor, mutable_view(dW), false, {});
    dense.backward_bias(view(dz), factor, db.mutable_data(), false);
    py::object dA_prev = py::none();
    if (input_gradient) {
      auto da = new_matrix<Scalar>(n_prev, m);
      dense.backward_input(view(w), view(dz), mutable_view(da), nullptr, n_prev);
      dA_prev = std::move(da);
    }
    return py::make_tuple(std::move(dA_prev), std::move(dW), std::move(db));
  });
}

// Both forms of a loss: from the output A, or from the logits Z of a fused pair.
template <bool from_logits>
py::tuple py_loss_backward(const Loss& loss, const py::array& A_or_Z, const py::array& Y,
                           const std::optional<py::array>& weights) {
  constexpr const char* where = from_logits ? "loss_backward_from_logits" : "loss_backward";
  const std::string name(loss.name());
  if (from_logits && !loss.fused_with_any())
    refuse(where, name + " is not fused with an output activation");
  return with_scalar_of(A_or_Z, where, "A", [&](auto scalar) -> py::tuple {
    using Scalar = decltype(scalar);
    const auto a = matrix<Scalar>(A_or_Z, where, from_logits ? "Z" : "A");
    const Index n = a.shape(0), m = a.shape(1);
    Target<Scalar> target;
    ColumnMajor<Scalar> y;
    py::array_t<std::int64_t> labels;
    py::array_t<Scalar> w;
    if (py::isinstance<py::array_t<std::int64_t>>(Y) && Y.ndim() == 1) {
      if (!loss.takes_labels())
        refuse(where,
               "Y is of labels: expected one number an output, as " + name + " takes no labels");
      labels = Rows<std::int64_t>::ensure(Y);
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
        refuse(where, "Y has shape " + shape_text(Y) + ": expected " + shape_text(n, m));
      target.Y = y.data();
    }
    if (weights) {
      w = py::array_t<Scalar, c_order | py::array::forcecast>::ensure(*weights);
      if (!w || w.ndim() != 1 || w.size() != m)
        refuse(where, "weights have shape " + shape_text(*weights) + ": expected (" +
                          std::to_string(m) + ",)");
      target.weights = w.data();
    }
    auto gradient = new_matrix<Scalar>(n, m);
    const double sum =
        from_logits ? loss.backward_from_logits<Scalar>(view(a), target, mutable_view(gradient))
                    : loss.backward<Scalar>(view(a), target, mutable_view(gradient));
    return py::make_tuple(sum, std::move(gradient));
  });
}

// The place and the value of the first number of X that is not finite in this dtype, if there is one.
std::optional<py::tuple> py_find_non_finite(const py::object& X, const py::dtype& dtype) {
  const bool matrix = py::isinstance<py::array>(X) && X.cast<py::array>().ndim() == 2;
  const Index features = py::isinstance<SparseRows>(X) ? X.cast<SparseRows&>().examples.features
                         : matrix                      ? X.cast<py::array>().shape(1)
                                                       : 0;
  const Examples rows = examples(X, features, "find_non_finite", "X");
  const bool single = dtype.num() == py::detail::npy_format_descriptor<float>::value;
  NonFinite found;
  {
    const GilReleased released;
    found = single ? find_non_finite<float>(rows) : find_non_finite<double>(rows);
  }
  if (found.example < 0) return std::nullopt;
  return py::make_tuple(found.example, found.feature, found.value);
}

// How many bytes of an array lie before the first cache line that begins in it.
Index bytes_to_line(const py::array& array) {
  return -reinterpret_cast<std::intptr_t>(array.data()) & (cache_line - 1);
}

// A matrix of Scalar that nothing stands in the way of, or nothing: without a conversion or a call into Python.
template <class Scalar>
std::optional<py::array> matrix_at_once(PyObject* object) {
  if (!object || !Py_IS_TYPE(object, py::detail::npy_api::get().PyArray_Type_)) return std::nullopt;
  auto array = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = array.dtype();
  const bool ready = array.ndim() == 2 && array.size() > 0 && dtype.byteorder() == '=' &&
                     dtype.num() == py::detail::npy_format_descriptor<Scalar>::value &&
                     (array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_) != 0;
  return ready ? std::optional(std::move(array)) : std::nullopt;
}

// p - alpha d in an array that lies as d does; or nothing, where they do not lie alike.
template <class Scalar>
std::optional<py::array> descended(const py::array& p, const py::array& d, double alpha) {
  const bool alike = p.shape(0) == d.shape(0) && p.shape(1) == d.shape(1);
  const auto both = [&](int order) { return (p.flags() & d.flags() & order) == order; };
  const bool columns = both(py::array::f_style);
  if (!alike || !(columns || both(py::array::c_style))) return std::nullopt;
  const auto factor = static_cast<Scalar>(-alpha);
  py::array to = columns ? py::array(new_matrix<Scalar>(d.shape(0), d.shape(1)))
                         : py::array(py::array_t<Scalar>({d.shape(0), d.shape(1)}));
  const auto* const from = static_cast<const Scalar*>(p.data());
  const auto* const along = static_cast<const Scalar*>(d.data());
  auto* const step = static_cast<Scalar*>(to.mutable_data());
  for (py::ssize_t i = 0; i < d.size(); ++i) step[i] = factor * along[i] + from[i];
  return to;
}

// W := W - alpha dW and b := b - alpha db of each layer, in new arrays; or None where anything is not as the
// course has it, which the long way finds words for.
template <class Scalar>
py::object gradient_step_of(const py::dict& parameters, const py::dict& gradients, double alpha) {
  py::dict updated;
  const auto layers = static_cast<Index>(parameters.size()) / 2;
  if (layers == 0 || parameters.size() % 2 != 0) return py::none();
  for (Index l = 1; l <= layers; ++l) {
    py::ssize_t units = 0;
    for (const char* kind : {"W", "b"}) {
      const std::string name = kind + std::to_string(l);
      const py::str key(name), key_d("d" + name);
      const auto p = matrix_at_once<Scalar>(PyDict_GetItemWithError(parameters.ptr(), key.ptr()));
      const auto d = matrix_at_once<Scalar>(PyDict_GetItemWithError(gradients.ptr(), key_d.ptr()));
      if (!p || !d) return py::none();
      if (*kind == 'W')
        units = p->shape(0);
      else if (p->shape(0) != units || p->shape(1) != 1)
        return py::none();
      auto step = descended<Scalar>(*p, *d, alpha);
      if (!step) return py::none();
      updated[key] = *std::move(step);
    }
  }
  return updated;
}

py::object py_gradient_step(const py::dict& parameters, const py::dict& gradients, double alpha) {
  py::object updated = gradient_step_of<double>(parameters, gradients, alpha);
  return updated.is_none() ? gradient_step_of<float>(parameters, gradients, alpha) : updated;
}

}  // namespace

void register_kernels(py::module_& module) {
  using py::arg;
  module.def("activation_names", [] { return names_of(kernel_table().activations); });
  module.def("activation_forward", &py_activation_forward, arg("name"), arg("Z"));
  module.def("activation_backward", &py_activation_backward, arg("name"), arg("dA"), arg("Z"));
  module.def("dense_forward", &py_dense_forward, arg("W"), arg("b"), arg("A_prev"));
  module.def("dense_backward", &py_dense_backward, arg("W"), arg("A_prev"), arg("dZ"), arg("scale"),
             arg("input_gradient"));
  module.def("loss_backward", &py_loss_backward<false>, arg("loss"), arg("A"), arg("Y"),
             arg("weights") = py::none());
  module.def("loss_backward_from_logits", &py_loss_backward<true>, arg("loss"), arg("Z"), arg("Y"),
             arg("weights") = py::none());
  module.def("gradient_step", &py_gradient_step, arg("parameters"), arg("gradients"), arg("alpha"));
  module.def("find_non_finite", &py_find_non_finite, arg("X"), arg("dtype"));
  module.def("bytes_to_line", &bytes_to_line, arg("array"));
}

}  // namespace deltarule::bindings
