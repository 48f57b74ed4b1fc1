// Networks and their caches, for float32 and float64.
#include "bindings/network.hpp"

#include "bindings/layer_table.hpp"
#include "bindings/optimizer.hpp"
#include "bindings/register.hpp"
#include "bindings/short_way.hpp"
#include "bindings/work.hpp"
#include "network/finiteness.hpp"
#include "training/update.hpp"

#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace deltarule::bindings {
namespace {

// What the explicit forward step returns: the core's cache, and the arrays and the network that it points
// into.
template <class Scalar>
struct PyCache {
  Cache<Scalar> cache;
  py::object network;
  py::array parameters;
  py::object X;
};

template <class Scalar>
void expect_cache_of(const char* where, const py::object& network, const PyCache<Scalar>& cache) {
  if (!network.is(cache.network))
    refuse(where, "the cache is another network's: expected one of this network's forward");
}

template <class Scalar>
std::unique_ptr<PyNetwork<Scalar>> make_network(Index inputs, const std::vector<py::dict>& layers) {
  std::vector<Layer> described;
  described.reserve(layers.size());
  for (const py::dict& layer : layers) described.push_back(layer_of(layer));
  return std::make_unique<PyNetwork<Scalar>>(inputs, described);
}

template <class Scalar>
std::unique_ptr<PyCache<Scalar>> forward(const py::object& self, const py::array& parameters,
                                         const py::object& X, const Pass& pass) {
  const Network<Scalar>& network = self.cast<PyNetwork<Scalar>&>().core;
  const Scalar* const p =
      flat_vector<Scalar>(parameters, network.parameter_count(), "forward", "parameters", false);
  const Examples rows = examples(X, network.n(0), "forward", "X");
  auto result = std::make_unique<PyCache<Scalar>>();
  result->network = self;
  result->parameters = parameters;
  result->X = X;
  const GilReleased released;
  network.forward(p, rows, pass, result->cache);
  return result;
}

template <class Scalar>
std::optional<py::array> backward(const py::object& self, const Rows<Scalar>& dA,
                                  PyCache<Scalar>& cache, double scale, py::array& gradients,
                                  bool input_gradient) {
  constexpr const char* where = "backward";
  const Network<Scalar>& network = self.cast<PyNetwork<Scalar>&>().core;
  expect_cache_of(where, self, cache);
  const Index P = network.parameter_count(), m = cache.cache.m(), n_L = network.n(network.depth());
  const Scalar* const p = flat_vector<Scalar>(cache.parameters, P, where, "parameters", false);
  Scalar* const g = flat_vector<Scalar>(gradients, P, where, "gradients", true);
  if (dA.ndim() != 2 || dA.shape(0) != m || dA.shape(1) != n_L)
    refuse(where, "dA has shape " + shape_text(dA) + ": expected " + shape_text(m, n_L));
  std::optional<Rows<Scalar>> dX;
  if (input_gradient) dX = Rows<Scalar>({m, network.n(0)});
  Scalar* const dx = dX ? dX->mutable_data() : nullptr;
  {
    const GilReleased released;
    network.backward(p, dA.data(), static_cast<Scalar>(scale), cache.cache, g, dx);
  }
  return dX;
}

// A matrix of a cache as rows, a read-only view.
template <class Scalar>
py::array cached(const py::object& owner, View<const Scalar> matrix) {
  py::array_t<Scalar> rows({matrix.columns, matrix.rows}, matrix.data, owner);
  rows.attr("flags").attr("writeable") = false;
  return rows;
}

// A[0]: the caller's own array, or what has been gathered from sparse rows.
template <class Scalar>
py::object cached_X(const py::object& owner) {
  const auto& of = owner.cast<PyCache<Scalar>&>();
  if (!py::isinstance<SparseRows>(of.X)) return of.X;
  if (of.cache.means.size() > 0) return of.X.attr("dense")();  // what is gathered has lost its mean
  return cached<Scalar>(owner, of.cache.X());
}

template <class Scalar>
py::array cached_layer(const py::object& owner, Index l, const char* where,
                       View<const Scalar> (Cache<Scalar>::*matrix)(Index) const) {
  const auto& of = owner.cast<PyCache<Scalar>&>();
  expect_within(where, "l", l, 1, of.network.template cast<PyNetwork<Scalar>&>().core.depth());
  return cached<Scalar>(owner, (of.cache.*matrix)(l));
}

// Inference as a piece of work, with the loss where one is given. It comes to the sum of the losses.
template <class Scalar>
class InferenceWork : public Work {
 public:
  InferenceWork(const py::object& network, const py::array& parameters, const py::object& X,
                py::array& output, const std::optional<Loss>& loss, PyTarget target)
      : held_{network, parameters, X, output},
        network_(network.cast<PyNetwork<Scalar>&>().core),
        loss_(loss),
        given_(std::move(target)) {
    constexpr const char* where = "predict";
    parameters_ =
        flat_vector<Scalar>(parameters, network_.parameter_count(), where, "parameters", false);
    rows_ = examples(X, network_.n(0), where, "X");
    output_ = in_place_array<Scalar>(output, {rows_.count, network_.n(network_.depth())}, where,
                                     "out", true);
    if (loss_) judge_by(rows_.count, network_.n(network_.depth()));
  }

 private:
  void judge_by(Index m, Index n_L) {
    constexpr const char* where = "evaluate";
    expect_target(where, given_, *loss_, m);
    if (given_.labels) {
      target_.labels = given_.labels->data();
      expect_labels(where, target_.labels, nullptr, 0, m, n_L);
    } else {
      target_.Y = in_place_array<Scalar>(*given_.Y, {m, n_L}, where, "Y", false);
    }
    if (!given_.weights) return;
    weights_.make_room(m);
    for (Index j = 0; j < m; ++j) weights_[j] = static_cast<Scalar>(given_.weights->data()[j]);
    target_.weights = weights_.data();
  }

  void run(Interrupt& interrupt) override {
    const Loss* const loss = loss_ ? &*loss_ : nullptr;
    sum_ = network_.infer(parameters_, rows_, output_, loss, target_, interrupt);
  }
  py::object outcome() override {
    if (exception().is_none()) return py::float_(sum_);
    PyErr_SetObject(py::type::of(exception()).ptr(), exception().ptr());
    throw py::error_already_set();
  }

  std::array<py::object, 4> held_;  // what owns the memory that is read and written
  const Network<Scalar>& network_;
  std::optional<Loss> loss_;
  PyTarget given_;
  const Scalar* parameters_ = nullptr;
  Examples rows_;
  Scalar* output_ = nullptr;
  Target<Scalar> target_;
  Buffer<Scalar> weights_;
  double sum_ = 0.0;
};

template <class Scalar>
py::object infer(const py::object& network, const py::array& parameters, const py::object& X,
                 py::array& output, const std::optional<Loss>& loss, const PyTarget& target) {
  InferenceWork<Scalar> work(network, parameters, X, output, loss, target);
  work.perform_here();
  return work.result();
}

template <class Scalar>
std::unique_ptr<Work> infer_later(const py::object& network, const py::array& parameters,
                                  const py::object& X, py::array& output,
                                  const std::optional<Loss>& loss, const PyTarget& target) {
  return std::make_unique<InferenceWork<Scalar>>(network, parameters, X, output, loss, target);
}

template <class Scalar>
py::object predict(const PyNetwork<Scalar>& of, const py::handle& parameters, const py::handle& X,
                   const py::handle& out) {
  const Network<Scalar>& network = of.core;
  const auto p = as_it_stands<Scalar>(parameters);
  if (!p || p->ndim() != 1 || p->size() != network.parameter_count()) return py::none();
  if (!of.adapted || network.layout().embeds()) return py::none();  // codes are to be checked
  const auto short_way = ShortWay<Scalar>::of(X, out, network.n(0), network.n(network.depth()),
                                              network.layout().work());
  if (!short_way) return py::none();
  Interrupt never;
  network.infer(static_cast<const Scalar*>(p->data()), short_way->rows, short_way->a, nullptr, {},
                never);
  return short_way->A;
}

template <class Scalar>
void set_rule(PyNetwork<Scalar>& of, Index l, bool frozen, double rate, double l1, double l2,
              double max_norm) {
  expect_within("set_rule", "l", l, 1, of.core.depth());
  if (of.trainings.any())
    throw std::runtime_error("set_rule: the network is in training: expected to be asked after it");
  of.core.set_rule(l, {frozen, rate, l1, l2, max_norm});
}

template <class Scalar>
void update(const PyNetwork<Scalar>& of, const Optimizer& optimizer, py::array& step,
            py::array& parameters, const py::array& gradients, py::array& state) {
  constexpr const char* where = "update";
  const Index P = of.core.parameter_count();
  auto* const steps_made = flat_vector<std::int64_t>(step, 1, where, "step", true);
  const auto vectors = flat_vectors<Scalar>(parameters, state, P, optimizer, where);
  const Scalar* const g = flat_vector<Scalar>(gradients, P, where, "gradients", false);
  const GilReleased released;
  update_network(of.core, optimizer, ++*steps_made, vectors, g);
}

template <class Scalar>
void register_network(py::module_& module, const std::string& suffix) {
  using py::arg;
  using Net = PyNetwork<Scalar>;
  using OfPass = PyCache<Scalar>;
  py::class_<OfPass>(module, ("Cache" + suffix).c_str(), py::module_local())
      .def_property_readonly("X", &cached_X<Scalar>)
      .def_property_readonly("m", [](const OfPass& of) { return of.cache.m(); })
      .def(
          "A",
          [](const py::object& self, Index l) {
            return cached_layer<Scalar>(self, l, "Cache.A", &Cache<Scalar>::A);
          },
          arg("l"))
      .def(
          "Z",
          [](const py::object& self, Index l) {
            return cached_layer<Scalar>(self, l, "Cache.Z", &Cache<Scalar>::Z);
          },
          arg("l"));
  py::class_<Net>(module, ("Network" + suffix).c_str(), py::module_local())
      .def(py::init(&make_network<Scalar>), arg("inputs"), arg("layers"))
      .def_readwrite("adapted", &Net::adapted)
      .def_property_readonly("input_means",
                             [](const py::object& self) {
                               Buffer<double>& all = self.cast<Net&>().core.input_means();
                               return py::array_t<double>({all.size()}, all.data(), self);
                             })
      .def_property_readonly("parameter_count",
                             [](const Net& of) { return of.core.parameter_count(); })
      .def(
          "parameter_offset",
          [](const Net& of, Index l) {
            expect_within("parameter_offset", "l", l, 1, of.core.depth());
            return of.core.layout().first_parameter(l);
          },
          arg("l"))
      .def(
          "n",
          [](const Net& of, Index l) {
            expect_within("n", "l", l, 0, of.core.depth());
            return of.core.n(l);
          },
          arg("l"))
      .def_property_readonly("statistics",
                             [](const py::object& self) {
                               Buffer<Scalar>& all = self.cast<Net&>().core.statistics();
                               return py::array_t<Scalar>({all.size()}, all.data(), self);
                             })
      .def(
          "statistics_offset",
          [](const Net& of, Index l) {
            expect_within("statistics_offset", "l", l, 1, of.core.depth());
            return of.core.layout().first_statistic(l);
          },
          arg("l"))
      .def("set_rule", &set_rule<Scalar>, arg("l"), arg("frozen"), arg("rate"), arg("l1"),
           arg("l2"), arg("max_norm"))
      .def(
          "keep_moments",
          [](const py::object& self, const OfPass& cache) {
            expect_cache_of("keep_moments", self, cache);
            self.cast<Net&>().core.keep_moments(cache.cache);
          },
          arg("cache"))
      .def("forward", &forward<Scalar>, arg("parameters"), arg("X"), arg("pass_"))
      .def("backward", &backward<Scalar>, arg("dA"), arg("cache"), arg("scale"), arg("gradients"),
           arg("input_gradient"))
      .def("predict", &predict<Scalar>, arg("parameters"), arg("X"), arg("out"))
      .def("update", &update<Scalar>, arg("optimizer"), arg("step"), arg("parameters"),
           arg("gradients"), arg("state"))
      .def("infer", &infer<Scalar>, arg("parameters"), arg("X"), arg("output"),
           arg("loss") = py::none(), arg("target") = PyTarget{})
      .def("infer_later", &infer_later<Scalar>, arg("parameters"), arg("X"), arg("output"),
           arg("loss") = py::none(), arg("target") = PyTarget{});
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
