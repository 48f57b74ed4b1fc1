// Networks, their caches and their trainers, for float32 and float64.
#include "deltarule/network.hpp"

#include "arrays.hpp"
#include "deltarule/training.hpp"
#include "gil.hpp"
#include "register.hpp"

#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <tuple>
#include <vector>

namespace deltarule::bindings {
namespace {

// Signals wait for the interpreter; long work asks it now and then. Its exception stays set.
Interrupt interrupted_by_signals() {
  return Interrupt([] {
    const GilHeld held;
    return PyErr_CheckSignals() != 0;
  });
}

template <class Scalar>
using Rows = py::array_t<Scalar, py::array::c_style>;

// What the explicit forward step returns: the core's cache, and the arrays that it points into.
template <class Scalar>
struct PyCache {
  Cache<Scalar> cache;
  py::array parameters;
  py::object X;
};

// The other side of a loss as the caller's arrays: labels (int64), or rows of numbers.
struct PyTarget {
  std::optional<py::array> Y;
  std::optional<Rows<std::int64_t>> labels;
  std::optional<Rows<double>> weights;
};

// A layer as Python describes it: its kind by name, and what that kind has.
Layer layer_of(const py::dict& described) {
  const auto has = [&](const char* name) { return described.contains(name); };
  const auto real = [&](const char* name) { return described[name].cast<double>(); };
  const std::string kind = described["kind"].cast<std::string>();
  Layer layer;
  if (has("activation"))
    layer.activation = activation_named(described["activation"].cast<std::string>());
  if (has("units")) layer.units = described["units"].cast<Index>();
  if (kind == "dense") {
    layer.kind = Dense{};
  } else if (kind == "activation") {
    layer.kind = Identity{};
  } else if (kind == "dropout") {
    layer.kind = Dropout{real("rate")};
  } else if (kind == "batch_norm") {
    layer.kind = BatchNorm{real("momentum"), real("epsilon")};
  } else if (kind == "layer_norm") {
    layer.kind = LayerNorm{real("epsilon")};
  } else if (kind == "prelu") {
    layer.kind = PRelu{};
  } else if (kind == "standardize") {
    layer.kind = Standardize{};
  } else if (kind == "embedding") {
    Embedding embedding;
    for (const auto& [column, categories, dimension] :
         described["columns"].cast<std::vector<std::tuple<Index, Index, Index>>>())
      embedding.columns.push_back({column, categories, dimension});
    layer.kind = std::move(embedding);
  } else if (kind == "add") {
    layer.kind = Add{described["from"].cast<Index>()};
  } else {
    throw py::value_error("unknown kind of layer '" + kind + "'");
  }
  return layer;
}

template <class Scalar>
std::unique_ptr<Network<Scalar>> make_network(Index inputs, const std::vector<py::dict>& layers) {
  std::vector<Layer> described;
  for (const py::dict& layer : layers) described.push_back(layer_of(layer));
  return std::make_unique<Network<Scalar>>(inputs, described);
}

template <class Scalar>
std::unique_ptr<PyCache<Scalar>> forward(const Network<Scalar>& network,
                                         const py::array& parameters, const py::object& X,
                                         const Pass& pass) {
  const Scalar* const p =
      flat_vector<Scalar>(parameters, network.parameter_count(), "forward", "parameters", false);
  const Examples rows = examples(X, network.n(0), "forward", "X");
  auto result = std::make_unique<PyCache<Scalar>>();
  result->parameters = parameters;
  result->X = X;
  const GilReleased released;
  network.forward(p, rows, pass, result->cache);
  return result;
}

template <class Scalar>
std::optional<py::array> backward(const Network<Scalar>& network, const Rows<Scalar>& dA,
                                  PyCache<Scalar>& cache, double scale, py::array& gradients,
                                  bool input_gradient) {
  const Index P = network.parameter_count(), m = cache.cache.m(), n_L = network.n(network.depth());
  const Scalar* const p = flat_vector<Scalar>(cache.parameters, P, "backward", "parameters", false);
  Scalar* const g = flat_vector<Scalar>(gradients, P, "backward", "gradients", true);
  if (dA.ndim() != 2 || dA.shape(0) != m || dA.shape(1) != n_L)
    refuse("backward",
           "dA has shape " + shape_text(dA) + ": expected " + deltarule::shape_text(m, n_L));
  std::optional<Rows<Scalar>> dX;
  if (input_gradient) dX = Rows<Scalar>({m, network.n(0)});
  Scalar* const dx = dX ? dX->mutable_data() : nullptr;
  {
    const GilReleased released;
    network.backward(p, dA.data(), static_cast<Scalar>(scale), cache.cache, g, dx);
  }
  return dX;
}

// Rows of n numbers as a read-only view of a cache's matrix.
template <class Scalar>
py::array cached(const py::object& owner, const ConstMatrixMap<Scalar>& matrix) {
  Rows<Scalar> rows({matrix.cols(), matrix.rows()}, matrix.data(), owner);
  rows.attr("flags").attr("writeable") = false;
  return rows;
}

// A[0]: the caller's own array, or what has been gathered from sparse rows.
template <class Scalar>
py::object cached_X(const py::object& owner) {
  const auto& [cache, parameters, X] = owner.cast<PyCache<Scalar>&>();
  if (!py::isinstance<SparseRows>(X)) return X;
  return cached<Scalar>(
      owner, ConstMatrixMap<Scalar>(cache.X().data(), cache.X().rows(), cache.X().cols()));
}

template <class Scalar>
double infer(const Network<Scalar>& network, const py::array& parameters, const py::object& X,
             py::array& output, const std::optional<Loss>& loss, const PyTarget& given) {
  const Scalar* const p =
      flat_vector<Scalar>(parameters, network.parameter_count(), "predict", "parameters", false);
  const Examples rows = examples(X, network.n(0), "predict", "X");
  const Index n_L = network.n(network.depth()), m = rows.count;
  if (!py::isinstance<Rows<Scalar>>(output) || output.ndim() != 2 || output.shape(0) != m ||
      output.shape(1) != n_L || !output.writeable())
    refuse("predict", "out is " + dtype_text(output) + " of shape " + shape_text(output) +
                          ": expected writeable, C-contiguous " + dtype_text(Rows<Scalar>()) +
                          " of shape " + deltarule::shape_text(m, n_L));
  Target<Scalar> target;
  Vector<Scalar> weights;
  if (loss) {
    if (given.labels) {
      target.labels = given.labels->data();
    } else {
      if (!given.Y || !py::isinstance<Rows<Scalar>>(*given.Y) || given.Y->ndim() != 2 ||
          given.Y->shape(0) != m || given.Y->shape(1) != n_L)
        refuse("evaluate", "Y does not have the output's dtype and shape");
      target.Y = static_cast<const Scalar*>(given.Y->data());
    }
    if (given.weights) {
      weights = ConstVectorMap<double>(given.weights->data(), m).template cast<Scalar>();
      target.weights = weights.data();
    }
  }
  auto* const a = static_cast<Scalar*>(output.mutable_data());
  Interrupt interrupt = interrupted_by_signals();
  double sum = 0.0;
  {
    const GilReleased released;
    sum = network.infer(p, rows, a, loss ? &*loss : nullptr, target, interrupt);
  }
  if (interrupt.requested()) throw py::error_already_set();
  return sum;
}

// Multiply-adds below which it costs more to let go of the interpreter and to take it again.
constexpr double work_to_let_go = 1e6;

// A C-ordered array of Scalar, or nothing: neither a conversion nor a call into Python.
template <class Scalar>
std::optional<py::array> as_it_stands(const py::handle& object) {
  // No subclass: one may have an opinion of its numbers, as a masked array has.
  if (!Py_IS_TYPE(object.ptr(), py::detail::npy_api::get().PyArray_Type_)) return std::nullopt;
  auto array = py::reinterpret_borrow<py::array>(object);
  const py::dtype dtype = array.dtype();
  if (dtype.num() != py::detail::npy_format_descriptor<Scalar>::value || dtype.byteorder() != '=' ||
      (array.flags() & c_order) != c_order)
    return std::nullopt;
  return array;
}

// The short way for a caller who comes often with little. What needs a conversion, a message or a
// second thread is answered with None, and takes the long way: infer.
template <class Scalar>
py::object predict(const Network<Scalar>& network, const py::handle& parameters,
                   const py::handle& X, const py::handle& out) {
  const Index n_0 = network.n(0), n_L = network.n(network.depth());
  const auto x = as_it_stands<Scalar>(X);
  if (network.embeds()) return py::none();  // codes are for the long way to check
  if (!x || x->ndim() < 1 || x->ndim() > 2 || x->shape(x->ndim() - 1) != n_0) return py::none();
  const bool one_example = x->ndim() == 1;
  const Index m = one_example ? 1 : x->shape(0);
  if (m == 0 || network.work() * static_cast<double>(m) > work_to_let_go) return py::none();
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  const Examples rows{
      x->data(),  std::is_same_v<Scalar, float> ? NumberType::float32 : NumberType::float64,
      m,          n_0,
      n_0 * size, size};
  if (find_non_finite<Scalar>(rows)) return py::none();
  std::optional<py::array> A;
  if (out.is_none()) {
    A = one_example ? py::array_t<Scalar>(n_L) : py::array_t<Scalar>({m, n_L});
  } else {
    A = as_it_stands<Scalar>(out);
    if (!A || !A->writeable() || A->ndim() != x->ndim() || A->size() != m * n_L ||
        A->shape(A->ndim() - 1) != n_L)
      return py::none();
    const auto* const x_bytes = static_cast<const char*>(x->data());
    const auto* const a_bytes = static_cast<const char*>(A->data());
    if (a_bytes < x_bytes + x->nbytes() && x_bytes < a_bytes + A->nbytes()) return py::none();
  }
  Interrupt never;
  network.infer(static_cast<const Scalar*>(py::reinterpret_borrow<py::array>(parameters).data()),
                rows, static_cast<Scalar*>(A->mutable_data()), nullptr, {}, never);
  return *A;
}

TrainingSet training_set(const py::object& X, const PyTarget& target, Index inputs, Index outputs) {
  TrainingSet set;
  set.X = examples(X, inputs, "fit", "X");
  if (target.Y) set.Y = examples(*target.Y, outputs, "fit", "y");
  if (target.labels) set.labels = target.labels->data();
  if (target.weights) set.weights = target.weights->data();
  const Index m = set.X.count;
  if ((!target.Y && !target.labels) || (target.Y && set.Y.count != m) ||
      (target.labels && target.labels->size() != m) ||
      (target.weights && target.weights->size() != m))
    refuse("fit", "X, y and sample_weight do not have the same number of rows");
  return set;
}

// Steps made, why the run ended ("done", "non_finite", "interrupted"), and the exception if a
// signal's handler raised one.
template <class Scalar>
py::tuple run(Trainer<Scalar>& trainer, const Network<Scalar>& network, py::array& parameters,
              py::array& gradients, py::array& state, const Optimizer& optimizer, py::array& step,
              Pass& pass, const py::object& X, const PyTarget& target,
              const std::optional<Rows<std::int64_t>>& order, Index first, Index count,
              Index batch_size, Index epochs, const std::optional<Rows<double>>& learning_rates,
              bool keep_gradients, double clip_value, double clip_norm,
              std::optional<py::array>& average, double average_decay, Rows<double>& costs) {
  const Index P = network.parameter_count();
  Scalar* const p = flat_vector<Scalar>(parameters, P, "fit", "parameters", true);
  Scalar* const g = flat_vector<Scalar>(gradients, P, "fit", "gradients", true);
  Scalar* const s =
      flat_vector<Scalar>(state, P * state_vector_count(optimizer), "fit", "state", true);
  auto* const steps_made = flat_vector<std::int64_t>(step, 1, "fit", "step", true);
  const TrainingSet set = training_set(X, target, network.n(0), network.n(network.depth()));
  const Index batches = batch_size > 0 ? epochs * ((count + batch_size - 1) / batch_size) : 0;
  if (batch_size <= 0 || first < 0 || count < 0 || epochs < 0 ||
      first + count > (order ? order->size() : set.X.count))
    refuse("fit", "the run lies outside the examples");
  if (costs.ndim() != 2 || costs.shape(0) < batches || costs.shape(1) != 2)
    refuse("fit", "costs have room for " + std::to_string(costs.shape(0)) + " batches: expected " +
                      std::to_string(batches));
  if (learning_rates && learning_rates->size() < batches)
    refuse("fit", std::to_string(learning_rates->size()) + " learning rates for " +
                      std::to_string(batches) + " batches");
  StepOptions options{learning_rates ? learning_rates->data() : nullptr, keep_gradients, clip_value,
                      clip_norm, average_decay};
  if (average) options.average = flat_vector<Scalar>(*average, P, "fit", "average", true);
  static_assert(sizeof(BatchCost) == 2 * sizeof(double));
  auto* const batch_costs = reinterpret_cast<BatchCost*>(costs.mutable_data());
  const Batch examples{order ? order->data() : nullptr, first, count};
  Interrupt interrupt = interrupted_by_signals();
  RunResult result;
  {
    const GilReleased released;
    result = trainer.run(p, g, s, optimizer, *steps_made, pass, set, examples, batch_size, epochs,
                         options, batch_costs, interrupt);
  }
  py::object exception = py::none();
  if (interrupt.requested()) exception = py::error_already_set().value();
  return py::make_tuple(result.steps,
                        result.non_finite    ? "non_finite"
                        : result.interrupted ? "interrupted"
                                             : "done",
                        exception);
}

template <class Scalar>
std::pair<double, double> loss_and_gradients(Trainer<Scalar>& trainer,
                                             const Network<Scalar>& network,
                                             const py::array& parameters, const py::object& X,
                                             const PyTarget& target, const Pass& pass,
                                             py::array& gradients) {
  const Index P = network.parameter_count();
  const Scalar* const p =
      flat_vector<Scalar>(parameters, P, "loss_and_gradients", "parameters", false);
  Scalar* const g = flat_vector<Scalar>(gradients, P, "loss_and_gradients", "gradients", true);
  const TrainingSet set = training_set(X, target, network.n(0), network.n(network.depth()));
  const GilReleased released;
  const BatchCost cost = trainer.loss_and_gradients(p, set, {nullptr, 0, set.X.count}, pass, g);
  return {cost.sum, cost.weight};
}

template <class Scalar>
void register_network(py::module_& module, const std::string& suffix) {
  using py::arg;
  using Net = Network<Scalar>;
  py::class_<PyCache<Scalar>>(module, ("Cache" + suffix).c_str(), py::module_local())
      .def_property_readonly("X", &cached_X<Scalar>)
      .def_property_readonly("m", [](const PyCache<Scalar>& c) { return c.cache.m(); })
      .def(
          "A",
          [](const py::object& self, Index l) {
            return cached<Scalar>(self, std::as_const(self.cast<PyCache<Scalar>&>().cache).A(l));
          },
          arg("l"))
      .def(
          "Z",
          [](const py::object& self, Index l) {
            return cached<Scalar>(self, std::as_const(self.cast<PyCache<Scalar>&>().cache).Z(l));
          },
          arg("l"));
  py::class_<Net>(module, ("Network" + suffix).c_str(), py::module_local())
      .def(py::init(&make_network<Scalar>), arg("inputs"), arg("layers"))
      .def_property_readonly("parameter_count", &Net::parameter_count)
      .def("parameter_offset", &Net::parameter_offset, arg("l"))
      .def("n", &Net::n, arg("l"))
      .def_property_readonly("statistics",
                             [](const py::object& self) {
                               Vector<Scalar>& all = self.cast<Net&>().statistics();
                               return Rows<Scalar>({all.size()}, all.data(), self);
                             })
      .def("statistics_offset", &Net::statistics_offset, arg("l"))
      .def(
          "set_rule",
          [](Net& network, Index l, bool frozen, double rate, double l1, double l2,
             double max_norm) { network.set_rule(l, {frozen, rate, l1, l2, max_norm}); },
          arg("l"), arg("frozen"), arg("rate"), arg("l1"), arg("l2"), arg("max_norm"))
      .def(
          "keep_moments",
          [](Net& network, const PyCache<Scalar>& cache) { network.keep_moments(cache.cache); },
          arg("cache"))
      .def("forward", &forward<Scalar>, arg("parameters"), arg("X"), arg("pass_"))
      .def("backward", &backward<Scalar>, arg("dA"), arg("cache"), arg("scale"), arg("gradients"),
           arg("input_gradient"))
      .def("predict", &predict<Scalar>, arg("parameters"), arg("X"), arg("out"))
      .def(
          "update",
          [](const Net& network, const Optimizer& optimizer, py::array& step, py::array& parameters,
             const py::array& gradients, py::array& state) {
            const Index P = network.parameter_count();
            auto* const steps_made = flat_vector<std::int64_t>(step, 1, "update", "step", true);
            const FlatVectors<Scalar> vectors{
                flat_vector<Scalar>(parameters, P, "update", "parameters", true),
                flat_vector<Scalar>(state, P * state_vector_count(optimizer), "update", "state",
                                    true),
                P};
            const Scalar* const g = flat_vector<Scalar>(gradients, P, "update", "gradients", false);
            const GilReleased released;
            update_network(network, optimizer, ++*steps_made, vectors, g);
          },
          arg("optimizer"), arg("step"), arg("parameters"), arg("gradients"), arg("state"))
      .def("infer", &infer<Scalar>, arg("parameters"), arg("X"), arg("output"),
           arg("loss") = py::none(), arg("target") = PyTarget{});
  py::class_<Trainer<Scalar>>(module, ("Trainer" + suffix).c_str(), py::module_local())
      .def(py::init<Net&, const Loss&>(), arg("network"), arg("loss"), py::keep_alive<1, 2>())
      .def("run", &run<Scalar>, arg("network"), arg("parameters"), arg("gradients"), arg("state"),
           arg("optimizer"), arg("step"), arg("pass_"), arg("X"), arg("target"), arg("order"),
           arg("first"), arg("count"), arg("batch_size"), arg("epochs"), arg("learning_rates"),
           arg("keep_gradients"), arg("clip_value"), arg("clip_norm"), arg("average"),
           arg("average_decay"), arg("costs"))
      .def("loss_and_gradients", &loss_and_gradients<Scalar>, arg("network"), arg("parameters"),
           arg("X"), arg("target"), arg("pass_"), arg("gradients"));
}

}  // namespace

void register_networks(py::module_& module) {
  py::class_<Pass>(module, "Pass", py::module_local())
      .def(py::init<bool, std::uint64_t, std::uint64_t>(), py::arg("training"), py::arg("seed"),
           py::arg("number"))
      .def_readonly("training", &Pass::training)
      .def_readonly("seed", &Pass::seed)
      .def_readwrite("number", &Pass::number);
  py::class_<PyTarget>(module, "Target", py::module_local())
      .def(py::init<std::optional<py::array>, std::optional<Rows<std::int64_t>>,
                    std::optional<Rows<double>>>(),
           py::arg("Y"), py::arg("labels"), py::arg("weights"))
      .def_readonly("Y", &PyTarget::Y)
      .def_readonly("labels", &PyTarget::labels)
      .def_readonly("weights", &PyTarget::weights);
  register_network<float>(module, "32");
  register_network<double>(module, "64");
}

}  // namespace deltarule::bindings
