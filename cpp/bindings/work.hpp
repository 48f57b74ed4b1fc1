// A piece of the core's work as Python holds it: checked, with all that it reads and writes, to be done at
// once or by a crew.
#pragma once

#include "bindings/gil.hpp"
#include "threads/crew.hpp"

#include <exception>

namespace deltarule::bindings {

// begin, perform and end come once, in this order; all but perform under the interpreter's lock.
class Work : public Task {
 public:
  void begin();
  void perform(Interrupt& interrupt) noexcept override;
  // `exception` is what stopped it, if it was stopped.
  void end(py::object exception);
  // All three, on this thread; signals stop it.
  void perform_here();
  // What it came to, or what was thrown meanwhile.
  py::object result();
  // How long it was at work, without the time that it waited to be begun.
  double seconds() const { return seconds_; }

 protected:
  bool interrupted() const { return interrupted_; }
  const py::object& exception() const { return exception_; }

 private:
  virtual void take() {}  // what nobody else may have meanwhile
  virtual void give_back() {}
  virtual void run(Interrupt& interrupt) = 0;
  virtual py::object outcome() = 0;

  enum class Stage { ready, begun, ended };
  Stage stage_ = Stage::ready;
  bool interrupted_ = false;
  double seconds_ = 0.0;
  py::object exception_ = py::none();
  std::exception_ptr failure_;
};

}  // namespace deltarule::bindings
