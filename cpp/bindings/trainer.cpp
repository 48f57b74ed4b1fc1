// Trainers: a run of steps, or the gradients of a batch.
#include "training/trainer.hpp"

#include "base/sizes.hpp"
#include "bindings/network.hpp"
#include "bindings/optimizer.hpp"
#include "bindings/register.hpp"
#include "bindings/work.hpp"
#include "network/finiteness.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace deltarule::bindings {
namespace {

template <class Scalar>
struct PyTrainer {
  PyNetwork<Scalar>& network;
  Loss loss;
  Trainer<Scalar> core;
  Uses runs;
  std::vector<py::object> passed;  // what the shard that has passed was read from

  PyTrainer(PyNetwork<Scalar>& network_, const Loss& loss_)
      : network(network_), loss(loss_), core(network_.core, loss_) {}
};

// Makes a trainer nobody else's, and its network's rules stay as they are.
template <class Scalar>
void begin_training(PyTrainer<Scalar>& trainer) {
  if (trainer.runs.any())
    throw std::runtime_error(
        "fit: the trainer is at work in another thread: expected a trainer for each thread");
  trainer.runs.begin();
  trainer.network.trainings.begin();
}

template <class Scalar>
void end_training(PyTrainer<Scalar>& trainer) {
  trainer.network.trainings.end();
  trainer.runs.end();
}

// A trainer at work for as long as this lives.
template <class Scalar>
class AtWork {
 public:
  explicit AtWork(PyTrainer<Scalar>& trainer) : trainer_(trainer) { begin_training(trainer_); }
  ~AtWork() { end_training(trainer_); }
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;

 private:
  PyTrainer<Scalar>& trainer_;
};

template <class Scalar>
TrainingSet training_set(const char* where, const PyTrainer<Scalar>& trainer, const py::object& X,
                         const PyTarget& target) {
  const Network<Scalar>& network = trainer.network.core;
  TrainingSet set;
  set.X = examples(X, network.n(0), where, "X");
  const Index m = set.X.count;
  expect_target(where, target, trainer.loss, m);
  if (target.labels)
    set.labels = target.labels->data();
  else
    set.Y = examples(*target.Y, network.n(network.depth()), where, "y");
  if (!target.labels && set.Y.count != m)
    refuse(where, "X has " + std::to_string(m) + " rows and y " + std::to_string(set.Y.count) +
                      ": expected as many");
  if (target.weights) set.weights = target.weights->data();
  return set;
}

// Examples order[first ... first + count), or first ..., all of which are there, and their labels.
template <class Scalar>
Batch examples_of_run(const char* where, const PyTrainer<Scalar>& trainer, const TrainingSet& set,
                      const std::optional<Rows<std::int64_t>>& order, Index first, Index count) {
  const Index rows = set.X.count, places = order ? order->size() : rows;
  if (first < 0 || count < 0 || first > places || count > places - first)
    refuse(where, "the run is of examples " + std::to_string(first) + " to " +
                      std::to_string(first) + " + " + std::to_string(count) +
                      ": expected some of " + std::to_string(places));
  const Batch batch{order ? order->data() : nullptr, first, count};
  if (batch.order) {
    const auto* const begin = batch.order + first;
    const auto* const outside = std::find_if(begin, begin + count, [rows](std::int64_t example) {
      return example < 0 || example >= rows;
    });
    if (outside != begin + count)
      refuse(where, "order[" + std::to_string(outside - batch.order) + "] is " +
                        std::to_string(*outside) + ": expected 0 to " + std::to_string(rows - 1));
  }
  if (set.labels)
    expect_labels(where, set.labels, batch.order, first, count,
                  trainer.network.core.n(trainer.network.core.depth()));
  return batch;
}

// Is there room for the costs of the batches of all epochs, and a rate for each?
void expect_batches(const char* where, const Batch& examples, Index batch_size, Index epochs,
                    const py::array& costs, const std::optional<Rows<double>>& learning_rates) {
  if (batch_size < 1 || batch_size > most_examples)
    refuse(where, "batch_size is " + std::to_string(batch_size) + ": expected 1 to " +
                      std::to_string(most_examples));
  Index batches = 0;
  if (epochs < 0 || __builtin_mul_overflow(epochs, examples.batches(batch_size), &batches))
    refuse(where, "epochs is " + std::to_string(epochs) + ": expected 0 or more, and fewer steps");
  if (costs.ndim() == 2 && costs.shape(0) < batches)
    refuse(where, "costs have room for " + std::to_string(costs.shape(0)) + " batches: expected " +
                      std::to_string(batches));
  if (learning_rates && learning_rates->size() < batches)
    refuse(where, std::to_string(learning_rates->size()) + " learning rates for " +
                      std::to_string(batches) + " batches");
}

// A run of steps as a piece of work. It comes to the steps made, why it ended ("done", "non_finite",
// "interrupted"), and the exception that interrupted it, if one did.
template <class Scalar>
class RunWork : public Work {
 public:
  // `held` is what owns the memory that the run reads and writes.
  RunWork(PyTrainer<Scalar>& trainer, const Run<Scalar>& run, std::int64_t& step, Pass& pass,
          std::vector<py::object> held)
      : held_(std::move(held)), trainer_(trainer), run_(run), step_(step), pass_(pass) {}

 private:
  void take() override {
    begin_training(trainer_);
    trainer_.passed.clear();
  }
  void give_back() override { end_training(trainer_); }
  void run(Interrupt& interrupt) override {
    result_ = trainer_.core.run(run_, step_, pass_, interrupt);
  }
  py::object outcome() override {
    return py::make_tuple(result_.steps,
                          result_.non_finite    ? "non_finite"
                          : result_.interrupted ? "interrupted"
                                                : "done",
                          exception());
  }

  std::vector<py::object> held_;
  PyTrainer<Scalar>& trainer_;
  Run<Scalar> run_;
  std::int64_t& step_;
  Pass& pass_;
  RunResult result_;
};

template <class Scalar>
std::unique_ptr<Work> run_later(const py::object& self, py::array& parameters, py::array& gradients,
                                py::array& state, const Optimizer& optimizer, py::array& step,
                                const py::object& pass, const py::object& X, const PyTarget& target,
                                const std::optional<Rows<std::int64_t>>& order, Index first,
                                Index count, Index batch_size, Index epochs,
                                const std::optional<Rows<double>>& learning_rates,
                                bool keep_gradients, double clip_value, double clip_norm,
                                std::optional<py::array>& average, double average_decay,
                                bool refuse_non_finite, py::array& costs) {
  constexpr const char* where = "fit";
  auto& trainer = self.cast<PyTrainer<Scalar>&>();
  const Index P = trainer.network.core.parameter_count();
  auto* const steps_made = flat_vector<std::int64_t>(step, 1, where, "step", true);
  const TrainingSet set = training_set(where, trainer, X, target);
  const Batch batch = examples_of_run(where, trainer, set, order, first, count);
  expect_batches(where, batch, batch_size, epochs, costs, learning_rates);
  static_assert(sizeof(BatchCost) == 2 * sizeof(double));
  const Run<Scalar> of_core{
      .vectors = flat_vectors<Scalar>(parameters, state, P, optimizer, where),
      .gradients = flat_vector<Scalar>(gradients, P, where, "gradients", true),
      .optimizer = optimizer,
      .set = set,
      .examples = batch,
      .batch_size = batch_size,
      .epochs = epochs,
      .options = {learning_rates ? learning_rates->data() : nullptr, keep_gradients, clip_value,
                  clip_norm, average_decay,
                  average ? flat_vector<Scalar>(*average, P, where, "average", true) : nullptr,
                  refuse_non_finite},
      .costs = reinterpret_cast<BatchCost*>(
          in_place_array<double>(costs, {-1, 2}, where, "costs", true))};
  std::vector<py::object> held{self, parameters, gradients, state, step, pass, X, costs};
  const auto hold = [&held](const auto& array) {
    if (array) held.push_back(*array);
  };
  hold(order);
  hold(learning_rates);
  hold(average);
  hold(target.Y);
  hold(target.labels);
  hold(target.weights);
  return std::make_unique<RunWork<Scalar>>(trainer, of_core, *steps_made, pass.cast<Pass&>(),
                                           std::move(held));
}

// Are all of these numbers between the bounds, so none of them NaN?
template <class Scalar>
bool within(const Scalar* numbers, Index count, std::pair<double, double> bounds) {
  return std::all_of(numbers, numbers + count, [bounds](Scalar y) {
    return bounds.first <= y && y <= bounds.second && std::isfinite(y);
  });
}

// What y may be for the short way: numbers, one an output, within the loss's bounds; or labels.
template <class Scalar>
std::optional<TrainingSet> little_set(const PyTrainer<Scalar>& trainer, const py::array& X,
                                      const py::handle& y, std::pair<double, double> bounds) {
  const Network<Scalar>& network = trainer.network.core;
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  const Index n_0 = network.n(0), n_L = network.n(network.depth()), m = X.shape(0);
  TrainingSet set;
  set.X = {X.data(), type_of<Scalar>, m, n_0, n_0 * size, size};
  if (const auto Y = as_it_stands<Scalar>(y)) {
    const bool column = Y->ndim() == 1 && n_L == 1 && !trainer.loss.takes_labels();
    if (!column && !(Y->ndim() == 2 && Y->shape(1) == n_L)) return std::nullopt;
    const auto* const numbers = static_cast<const Scalar*>(Y->data());
    if (Y->shape(0) != m || !within(numbers, m * n_L, bounds)) return std::nullopt;
    set.Y = {numbers, type_of<Scalar>, m, n_L, n_L * size, size};
    return set;
  }
  const auto labels = as_it_stands<std::int64_t>(y);
  if (!labels || !trainer.loss.takes_labels() || labels->ndim() != 1 || labels->shape(0) != m)
    return std::nullopt;
  set.labels = static_cast<const std::int64_t*>(labels->data());
  const bool classes = std::all_of(set.labels, set.labels + m,
                                   [n_L](std::int64_t label) { return label >= 0 && label < n_L; });
  return classes ? std::optional(set) : std::nullopt;
}

// The short way to a step, for a caller who comes often with little: its cost, which is not finite where
// the step was not made. What needs a conversion, a message or other threads' leave is answered with None
// and takes the long way: run.
template <class Scalar>
std::optional<double> step_of_little(PyTrainer<Scalar>& trainer, py::array& parameters,
                                     py::array& gradients, py::array& state,
                                     const Optimizer& optimizer, py::array& step, Pass& pass,
                                     const py::handle& X, const py::handle& y,
                                     std::pair<double, double> bounds, double clip_value,
                                     double clip_norm) {
  constexpr const char* where = "train_on_batch";
  const Network<Scalar>& network = trainer.network.core;
  const Index P = network.parameter_count();
  if (network.layout().embeds() || trainer.network.trainings.any()) return std::nullopt;
  const auto x = as_it_stands<Scalar>(X);
  if (!x || x->ndim() != 2 || x->shape(1) != network.n(0) || x->shape(0) == 0) return std::nullopt;
  const Index m = x->shape(0);
  if (3 * network.layout().work() * static_cast<double>(m) > work_to_let_go) return std::nullopt;
  const auto set = little_set(trainer, *x, y, bounds);
  if (!set || find_non_finite<Scalar>(set->X).example >= 0) return std::nullopt;
  const auto vectors = flat_vectors<Scalar>(parameters, state, P, optimizer, where);
  if (!finite(vectors.parameters, P)) return std::nullopt;
  auto* const steps_made = flat_vector<std::int64_t>(step, 1, where, "step", true);
  BatchCost cost;
  const Run<Scalar> one_step{
      .vectors = vectors,
      .gradients = flat_vector<Scalar>(gradients, P, where, "gradients", true),
      .optimizer = optimizer,
      .set = *set,
      .examples = {nullptr, 0, m},
      .batch_size = m,
      .epochs = 1,
      .options = {.clip_value = clip_value, .clip_norm = clip_norm, .refuse_non_finite = true},
      .costs = &cost};
  const AtWork<Scalar> at_work(trainer);
  trainer.passed.clear();
  Interrupt never;
  const RunResult result = trainer.core.run(one_step, *steps_made, pass, never);
  return result.non_finite ? std::numeric_limits<double>::quiet_NaN() : cost.sum / cost.weight;
}

template <class Scalar>
std::pair<double, double> loss_and_gradients(PyTrainer<Scalar>& trainer,
                                             const py::array& parameters, const py::object& X,
                                             const PyTarget& target, const Pass& pass,
                                             py::array& gradients) {
  constexpr const char* where = "loss_and_gradients";
  const Index P = trainer.network.core.parameter_count();
  const Scalar* const p = flat_vector<Scalar>(parameters, P, where, "parameters", false);
  Scalar* const g = flat_vector<Scalar>(gradients, P, where, "gradients", true);
  const TrainingSet set = training_set(where, trainer, X, target);
  const Batch all = examples_of_run(where, trainer, set, std::nullopt, 0, set.X.count);
  const AtWork<Scalar> at_work(trainer);
  trainer.passed.clear();
  const GilReleased released;
  const BatchCost cost = trainer.core.loss_and_gradients(p, set, all, pass, g);
  return {cost.sum, cost.weight};
}

// A shard's way to dZ, as far as which its gradients can be had.
template <class Scalar>
std::pair<double, double> pass_shard(PyTrainer<Scalar>& trainer, const py::array& parameters,
                                     const py::object& X, const PyTarget& target,
                                     const std::optional<Rows<std::int64_t>>& order, Index first,
                                     Index count, const Pass& pass, bool copies_weights) {
  constexpr const char* where = "fit";
  const Index P = trainer.network.core.parameter_count();
  const Scalar* const p = flat_vector<Scalar>(parameters, P, where, "parameters", false);
  const TrainingSet set = training_set(where, trainer, X, target);
  const Batch shard = examples_of_run(where, trainer, set, order, first, count);
  if (count == 0) refuse(where, "the shard has no examples: expected 1 or more");
  const AtWork<Scalar> at_work(trainer);
  trainer.passed = {X};
  const GilReleased released;
  const BatchCost cost = trainer.core.pass_shard(p, set, shard, pass, copies_weights);
  return {cost.sum, cost.weight};
}

// Of layers first ... last, counted from 1, of the shard that has just passed.
template <class Scalar>
void shard_gradients(PyTrainer<Scalar>& trainer, const py::array& parameters, Index first,
                     Index last, py::array& gradients) {
  constexpr const char* where = "fit";
  const Index P = trainer.network.core.parameter_count();
  const Scalar* const p = flat_vector<Scalar>(parameters, P, where, "parameters", false);
  Scalar* const g = flat_vector<Scalar>(gradients, P, where, "gradients", true);
  if (trainer.passed.empty()) refuse(where, "no shard has passed: expected pass_shard before");
  const AtWork<Scalar> at_work(trainer);
  const GilReleased released;
  trainer.core.shard_gradients(p, first, last, g);
}

template <class Scalar>
double step_by_sums(PyTrainer<Scalar>& trainer, py::array& parameters, py::array& gradients,
                    py::array& state, double weight, Optimizer optimizer,
                    std::optional<double> learning_rate, py::array& step, double clip_value,
                    double clip_norm, std::optional<py::array>& average, double average_decay,
                    bool refuse_non_finite) {
  constexpr const char* where = "fit";
  const Index P = trainer.network.core.parameter_count();
  auto* const steps_made = flat_vector<std::int64_t>(step, 1, where, "step", true);
  const auto vectors = flat_vectors<Scalar>(parameters, state, P, optimizer, where);
  Scalar* const g = flat_vector<Scalar>(gradients, P, where, "gradients", true);
  const StepOptions options{
      .clip_value = clip_value,
      .clip_norm = clip_norm,
      .average_decay = average_decay,
      .average = average ? flat_vector<Scalar>(*average, P, where, "average", true) : nullptr,
      .refuse_non_finite = refuse_non_finite};
  if (learning_rate) optimizer.learning_rate = *learning_rate;
  const AtWork<Scalar> at_work(trainer);
  trainer.passed.clear();
  const GilReleased released;
  const double penalty =
      trainer.core.step_by_sums(vectors, g, weight, optimizer, options, *steps_made);
  if (!std::isnan(penalty)) ++*steps_made;
  return penalty;
}

template <class Scalar>
void register_trainer(py::module_& module, const char* name) {
  using py::arg;
  py::class_<PyTrainer<Scalar>>(module, name, py::module_local())
      .def(py::init<PyNetwork<Scalar>&, const Loss&>(), arg("network"), arg("loss"),
           py::keep_alive<1, 2>())
      .def("run_later", &run_later<Scalar>, arg("parameters"), arg("gradients"), arg("state"),
           arg("optimizer"), arg("step"), arg("pass_"), arg("X"), arg("target"), arg("order"),
           arg("first"), arg("count"), arg("batch_size"), arg("epochs"), arg("learning_rates"),
           arg("keep_gradients"), arg("clip_value"), arg("clip_norm"), arg("average"),
           arg("average_decay"), arg("refuse_non_finite"), arg("costs"))
      .def("step_of_little", &step_of_little<Scalar>, arg("parameters"), arg("gradients"),
           arg("state"), arg("optimizer"), arg("step"), arg("pass_"), arg("X"), arg("y"),
           arg("bounds"), arg("clip_value"), arg("clip_norm"))
      .def("pass_shard", &pass_shard<Scalar>, arg("parameters"), arg("X"), arg("target"),
           arg("order"), arg("first"), arg("count"), arg("pass_"), arg("copies_weights"))
      .def("shard_gradients", &shard_gradients<Scalar>, arg("parameters"), arg("first"),
           arg("last"), arg("gradients"))
      .def("step_by_sums", &step_by_sums<Scalar>, arg("parameters"), arg("gradients"), arg("state"),
           arg("weight"), arg("optimizer"), arg("learning_rate"), arg("step"), arg("clip_value"),
           arg("clip_norm"), arg("average"), arg("average_decay"), arg("refuse_non_finite"))
      .def("loss_and_gradients", &loss_and_gradients<Scalar>, arg("parameters"), arg("X"),
           arg("target"), arg("pass_"), arg("gradients"));
}

}  // namespace

void register_trainers(py::module_& module) {
  register_trainer<float>(module, "Trainer32");
  register_trainer<double>(module, "Trainer64");
}

}  // namespace deltarule::bindings
