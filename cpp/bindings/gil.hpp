// The interpreter's lock, for threads that may still be at work when the interpreter ends.
//
// Before Python 3.14 a thread that then asks for the lock is ended by unwinding its stack, which C++
// answers with std::terminate in the first destructor or catch-all on the way. So such a thread waits
// here for the process to end, as it does from 3.14 on.
#pragma once

#include "base/interrupt.hpp"

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>
#include <utility>

namespace deltarule::bindings {
namespace py = pybind11;

[[noreturn]] inline void wait_for_the_process_to_end() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// A call of CPython's that may take the lock. Nothing but the unwinding comes out of it as an exception.
template <class Call>
auto outlast(Call call) {
  try {
    return call();
  } catch (...) {
    wait_for_the_process_to_end();
  }
}

// Multiply-adds below which it costs more to let go of the interpreter and to take it again.
constexpr double work_to_let_go = 1e6;

// Others may run Python while this lives.
class GilReleased {
 public:
  GilReleased() : state_(PyEval_SaveThread()) {}
  ~GilReleased() {
    outlast([this] { PyEval_RestoreThread(state_); });
  }
  GilReleased(const GilReleased&) = delete;
  GilReleased& operator=(const GilReleased&) = delete;

 private:
  PyThreadState* state_;
};

// This thread, which may be one of the pool's, may run Python while this lives.
class GilHeld {
 public:
  GilHeld() : state_(take()) {}
  ~GilHeld() { PyGILState_Release(state_); }
  GilHeld(const GilHeld&) = delete;
  GilHeld& operator=(const GilHeld&) = delete;

 private:
  static PyGILState_STATE take() {
    // Without an interpreter there is nothing to make a thread's state from.
    if (!PyGILState_GetThisThreadState() && ended()) wait_for_the_process_to_end();
    return outlast([] { return PyGILState_Ensure(); });
  }
  static bool ended() {
#if PY_VERSION_HEX >= 0x030D0000
    return !Py_IsInitialized() || Py_IsFinalizing();
#else
    return !Py_IsInitialized() || _Py_IsFinalizing();
#endif
  }

  PyGILState_STATE state_;
};

// Signals wait for the interpreter; long work asks it now and then. Its exception stays set.
inline Interrupt interrupted_by_signals() {
  return Interrupt([] {
    const GilHeld held;
    return PyErr_CheckSignals() != 0;
  });
}

}  // namespace deltarule::bindings
