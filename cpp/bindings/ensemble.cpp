// Ensembles, for float32 and float64: networks as Python holds them, predicting in one call.
#include "network/ensemble.hpp"

#include "bindings/network.hpp"
#include "bindings/register.hpp"
#include "bindings/short_way.hpp"

#include <pybind11/stl.h>

#include <cmath>
#include <memory>
#include <utility>
#include <vector>

namespace deltarule::bindings {
namespace {

// The core's ensemble, and the networks and parameters that it points into.
template <class Scalar>
struct PyEnsemble {
  std::vector<py::object> networks;
  std::vector<const PyNetwork<Scalar>*> members;
  std::vector<py::array> parameters;
  Ensemble<Scalar> core;
  bool embeds;  // codes are to be checked
};

template <class Scalar>
std::unique_ptr<PyEnsemble<Scalar>> make_ensemble(const std::vector<py::object>& networks,
                                                  const std::vector<py::array>& parameters,
                                                  const std::vector<double>& weights) {
  constexpr const char* where = "Ensemble";
  const std::size_t count = networks.size();
  if (count == 0 || parameters.size() != count || weights.size() != count)
    refuse(where, std::to_string(count) + " networks, " + std::to_string(parameters.size()) +
                      " vectors of parameters and " + std::to_string(weights.size()) +
                      " weights: expected as many of each, one or more");
  std::vector<const PyNetwork<Scalar>*> held;
  std::vector<Member<Scalar>> members;
  bool embeds = false;
  for (std::size_t k = 0; k < count; ++k) {
    const auto& of = networks[k].cast<const PyNetwork<Scalar>&>();
    const Network<Scalar>& network = of.core;
    const Scalar* const p =
        flat_vector<Scalar>(parameters[k], network.parameter_count(), where, "parameters", false);
    if (k > 0) {
      const Network<Scalar>& first = *members.front().network;
      expect_within(where, "a network's inputs", network.n(0), first.n(0), first.n(0));
      const Index n_L = first.n(first.depth());
      expect_within(where, "a network's outputs", network.n(network.depth()), n_L, n_L);
    }
    held.push_back(&of);
    members.push_back({&network, p});
    embeds = embeds || network.layout().embeds();
  }
  double total = 0.0;
  for (const double weight : weights) {
    if (!(weight >= 0.0)) refuse(where, "a weight is negative or no number: expected 0 or more");
    total += weight;
  }
  if (!(total > 0.0 && total < HUGE_VAL))
    refuse(where, "the weights add up to " + std::to_string(total) + ": expected a number above 0");
  Ensemble<Scalar> core(std::move(members), weights);
  return std::make_unique<PyEnsemble<Scalar>>(
      PyEnsemble<Scalar>{networks, std::move(held), parameters, std::move(core), embeds});
}

template <class Scalar>
void infer_mean(const PyEnsemble<Scalar>& of, const py::object& X, py::array& output) {
  const Ensemble<Scalar>& ensemble = of.core;
  const Examples rows = examples(X, ensemble.inputs(), "predict", "X");
  Scalar* const a =
      in_place_array<Scalar>(output, {rows.count, ensemble.outputs()}, "predict", "out", true);
  Interrupt interrupt = interrupted_by_signals();
  {
    const GilReleased released;
    ensemble.mean(rows, a, interrupt);
  }
  if (interrupt.requested()) throw py::error_already_set();
}

// `outputs` (k, m, n[L]) may be some rows of a larger array: each member's lie as C has them.
template <class Scalar>
void infer_all(const PyEnsemble<Scalar>& of, const py::object& X, py::array& outputs) {
  constexpr const char* where = "predict_all";
  const Ensemble<Scalar>& ensemble = of.core;
  const Examples rows = examples(X, ensemble.inputs(), where, "X");
  if (outputs.ndim() != 3 || outputs.shape(0) != ensemble.size())
    refuse(where, "outputs have shape " + shape_text(outputs) + ": expected " +
                      std::to_string(ensemble.size()) + " of them, rows each");
  const py::array first = outputs[py::int_(0)];
  Scalar* const a =
      in_place_array<Scalar>(first, {rows.count, ensemble.outputs()}, where, "outputs", true);
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  if (outputs.strides(0) % size != 0)
    refuse(where, "outputs lie " + std::to_string(outputs.strides(0)) +
                      " bytes apart: expected a multiple of " + std::to_string(size));
  const Index stride = outputs.strides(0) / size;
  Interrupt interrupt = interrupted_by_signals();
  {
    const GilReleased released;
    ensemble.all(rows, a, stride, interrupt);
  }
  if (interrupt.requested()) throw py::error_already_set();
}

template <class Scalar>
py::object predict_mean(const PyEnsemble<Scalar>& of, const py::handle& X, const py::handle& out) {
  const Ensemble<Scalar>& ensemble = of.core;
  if (of.embeds) return py::none();
  for (const PyNetwork<Scalar>* member : of.members)
    if (!member->adapted) return py::none();
  const auto short_way =
      ShortWay<Scalar>::of(X, out, ensemble.inputs(), ensemble.outputs(), ensemble.work());
  if (!short_way) return py::none();
  Interrupt never;
  ensemble.mean(short_way->rows, short_way->a, never);
  return short_way->A;
}

template <class Scalar>
void register_ensemble(py::module_& module, const std::string& suffix) {
  using py::arg;
  py::class_<PyEnsemble<Scalar>>(module, ("Ensemble" + suffix).c_str(), py::module_local())
      .def(py::init(&make_ensemble<Scalar>), arg("networks"), arg("parameters"), arg("weights"))
      .def("predict", &predict_mean<Scalar>, arg("X"), arg("out"))
      .def("infer", &infer_mean<Scalar>, arg("X"), arg("output"))
      .def("infer_all", &infer_all<Scalar>, arg("X"), arg("outputs"));
}

}  // namespace

void register_ensembles(py::module_& module) {
  register_ensemble<float>(module, "32");
  register_ensemble<double>(module, "64");
}

}  // namespace deltarule::bindings
