// Pieces of work side by side, each on a thread of its own, in the order in which they come.
#pragma once

#include "base/interrupt.hpp"

#include <chrono>
#include <memory>
#include <vector>

namespace deltarule {

// What a crew does.
class Task {
 public:
  virtual ~Task() = default;
  // On some thread; nothing is thrown. It ends early where the interrupt is requested.
  virtual void perform(Interrupt& interrupt) noexcept = 0;
};

// A few threads for as long as it lives, beside the pool's (thread_pool.hpp): whoever plans what is to be
// done hands pieces over, helps where he likes, and hears which have ended, in whatever order. For one
// planner.
class Crew {
 public:
  explicit Crew(int threads);
  ~Crew();  // has those at work stop, and waits for them
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // Hands over a piece that outlives its end; loops within it may use so many threads of the pool.
  void begin(Task& task, int threads);
  // The pieces that have ended since it was asked last: waits for one, but no longer than this.
  std::vector<Task*> ended(std::chrono::duration<double> most);
  // Has the planner's own thread do the piece that waits longest, if one does.
  bool help(Interrupt& interrupt);
  // Has those at work stop, and those to come end as soon as they are begun.
  void stop();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace deltarule
