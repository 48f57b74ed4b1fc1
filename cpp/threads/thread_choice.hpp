// Whether more than one thread pays, found out by trying.
//
// The bits of a result do not depend on the number of threads, so the number may depend on the
// machine as it is just now: where the other cores are busy with something else, a short step that
// waits for them is slower than one that does everything itself.
#pragma once

#include <algorithm>
#include <chrono>

namespace deltarule {

template <class Clock>
class TimedThreadChoice {
 public:
  // Before a step of so many floating-point operations: how many threads of `most` it should use.
  // A long step gains from every thread that there is.
  int begin(int most, double work) {
    timed_ = most > 1 && work < long_step_work;
    if (!timed_) return most;
    start_ = Clock::now();
    return together_ ? most : 1;
  }

  // After the step.
  void end() {
    if (!timed_) return;
    seconds_ += std::chrono::duration<double>(Clock::now() - start_).count();
    if (--left_ == 0) next_stage();
  }

 private:
  static constexpr double long_step_work = 30e6;  // some hundred microseconds
  static constexpr int trial_steps = 8, least_settled_steps = 256, most_settled_steps = 8192;
  enum class Stage { first_trial, second_trial, settled };

  // Two trials, one of each kind, and then the faster kind for a while: for twice as long each time
  // that the trials come out as before.
  void next_stage() {
    if (stage_ == Stage::first_trial) {
      first_trial_ = seconds_;
      together_ = !together_;
      stage_ = Stage::second_trial;
      left_ = trial_steps;
    } else if (stage_ == Stage::second_trial) {
      const bool as_before = first_trial_ <= seconds_;
      if (as_before) together_ = !together_;
      settled_steps_ =
          as_before ? std::min(2 * settled_steps_, most_settled_steps) : least_settled_steps;
      stage_ = Stage::settled;
      left_ = settled_steps_;
    } else {
      stage_ = Stage::first_trial;
      left_ = trial_steps;
    }
    seconds_ = 0.0;
  }

  Stage stage_ = Stage::first_trial;
  bool together_ = true, timed_ = false;
  int left_ = trial_steps, settled_steps_ = least_settled_steps;
  double seconds_ = 0.0, first_trial_ = 0.0;
  typename Clock::time_point start_;
};

using ThreadChoice = TimedThreadChoice<std::chrono::steady_clock>;

}  // namespace deltarule
