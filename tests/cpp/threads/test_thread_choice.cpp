#include "threads/thread_choice.hpp"

#include <doctest/doctest.h>

#include <chrono>

using namespace deltarule;

namespace {

constexpr double short_work = 1e6, long_work = 1e9;

// A clock that stands still but for what a test lets pass.
struct Clock {
  using duration = std::chrono::microseconds;
  using time_point = std::chrono::time_point<Clock, duration>;
  static inline time_point time{};
  static time_point now() { return time; }
};

using Choice = TimedThreadChoice<Clock>;

// How many of so many steps were made on several threads, where a step takes so many microseconds
// alone and so many together.
int steps_together(Choice& choice, int steps, int alone, int together) {
  int count = 0;
  for (int step = 0; step < steps; ++step) {
    const int threads = choice.begin(4, short_work);
    CHECK((threads == 1 || threads == 4));
    Clock::time += std::chrono::microseconds(threads == 1 ? alone : together);
    choice.end();
    count += threads == 4 ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("one thread is no choice, and a long step takes all") {
  Choice choice;
  for (int step = 0; step < 1000; ++step) {
    CHECK(choice.begin(1, short_work) == 1);
    choice.end();
    CHECK(choice.begin(4, long_work) == 4);
    choice.end();
  }
}

TEST_CASE("what is faster is chosen, and chosen anew when that changes") {
  Choice choice;
  // Eight steps of each kind, and then the faster.
  CHECK(steps_together(choice, 8, 20, 30) == 8);
  CHECK(steps_together(choice, 8, 20, 30) == 0);
  CHECK(steps_together(choice, 256, 20, 30) == 0);
  // The machine is no longer busy: the next trials find it out.
  CHECK(steps_together(choice, 16, 20, 15) == 8);
  CHECK(steps_together(choice, 256, 20, 15) == 256);
}

TEST_CASE("trials grow rarer while they come out as before") {
  Choice choice;
  CHECK(steps_together(choice, 16, 20, 15) == 8);
  int settled = 0;
  for (int step = 0; step < 100'000; ++step) settled += steps_together(choice, 1, 20, 15);
  CHECK(settled > 99'000);
}
