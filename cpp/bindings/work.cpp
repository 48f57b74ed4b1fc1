// Work, and the crew that does it side by side.
#include "bindings/work.hpp"

#include "bindings/register.hpp"
#include "threads/thread_pool.hpp"

#include <pybind11/stl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace deltarule::bindings {

void Work::begin() {
  if (stage_ != Stage::ready)
    throw std::runtime_error("work: it has been begun before: expected to be begun once");
  take();
  stage_ = Stage::begun;
}

void Work::perform(Interrupt& interrupt) noexcept {
  const auto start = std::chrono::steady_clock::now();
  try {
    run(interrupt);
    interrupted_ = interrupt.requested();
  } catch (...) {
    failure_ = std::current_exception();
  }
  seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void Work::end(py::object exception) {
  if (interrupted_) exception_ = std::move(exception);
  stage_ = Stage::ended;
  give_back();
}

void Work::perform_here() {
  begin();
  Interrupt interrupt = interrupted_by_signals();
  {
    const GilReleased released;
    perform(interrupt);
  }
  end(interrupt.requested() ? py::error_already_set().value() : py::none());
}

py::object Work::result() {
  if (stage_ != Stage::ended)
    throw std::runtime_error("work: it has not ended: expected its result to be asked for then");
  if (failure_) std::rethrow_exception(failure_);
  return outcome();
}

namespace {

// A crew, and the pieces that it has, which Python may forget meanwhile.
class PyCrew {
 public:
  explicit PyCrew(int threads) : crew_(std::make_unique<Crew>(threads)) {}
  ~PyCrew() {
    {
      const GilReleased released;
      crew_.reset();
    }
    for (auto& [work, object] : pieces_) work->end(py::none());
  }
  PyCrew(const PyCrew&) = delete;
  PyCrew& operator=(const PyCrew&) = delete;

  void begin(const py::object& object, int threads) {
    if (threads < 1 || threads > ThreadPool::most_threads)
      throw std::invalid_argument("Crew: threads is " + std::to_string(threads) +
                                  ": expected 1 or more");
    auto& work = object.cast<Work&>();
    pieces_.reserve(pieces_.size() + 1);
    work.begin();
    pieces_.emplace_back(&work, object);
    crew_->begin(work, threads);
  }

  // With nothing to hand back and something that waits, the caller does it himself, if he helps. Signals are
  // heard meanwhile: their exception is thrown when the piece has been put with those that have ended.
  std::vector<py::object> ended(double seconds, bool helps) {
    using Seconds = std::chrono::duration<double>;
    std::vector<Task*> tasks;
    Interrupt interrupt([this] {
      if (stopped_) return true;
      const GilHeld held;
      return PyErr_CheckSignals() != 0;
    });
    {
      const GilReleased released;
      if (helps) tasks = crew_->ended(Seconds(0));
      if (tasks.empty() && !(helps && crew_->help(interrupt)))
        tasks = crew_->ended(Seconds(seconds));
    }
    if (PyErr_Occurred()) throw py::error_already_set();
    std::vector<py::object> objects;
    for (const Task* const task : tasks) {
      const auto piece = std::find_if(pieces_.begin(), pieces_.end(),
                                      [task](const auto& each) { return each.first == task; });
      piece->first->end(exception_);
      objects.push_back(std::move(piece->second));
      pieces_.erase(piece);
    }
    return objects;
  }

  void stop(const py::object& exception) {
    exception_ = exception;
    stopped_ = true;
    crew_->stop();
  }

 private:
  std::unique_ptr<Crew> crew_;
  std::vector<std::pair<Work*, py::object>> pieces_;
  py::object exception_ = py::none();
  bool stopped_ = false;
};

}  // namespace

void register_work(py::module_& module) {
  using py::arg;
  py::class_<Work>(module, "Work", py::module_local())
      .def("__call__", &Work::perform_here)
      .def("result", &Work::result)
      .def_property_readonly("seconds", &Work::seconds);
  py::class_<PyCrew>(module, "Crew", py::module_local())
      .def(py::init([](int threads) {
             if (threads < 0 || threads > ThreadPool::most_threads)
               throw std::invalid_argument("Crew: threads is " + std::to_string(threads) +
                                           ": expected 0 to " +
                                           std::to_string(ThreadPool::most_threads));
             return std::make_unique<PyCrew>(threads);
           }),
           arg("threads"))
      .def("begin", &PyCrew::begin, arg("work"), arg("threads"))
      .def("ended", &PyCrew::ended, arg("seconds"), arg("helps"))
      .def("stop", &PyCrew::stop, arg("exception"));
}

}  // namespace deltarule::bindings
