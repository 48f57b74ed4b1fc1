// A way to stop long work between two of its pieces.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

namespace deltarule {

// Asks `should_stop` on the thread that owns it, at most every 20 ms; once it said yes, every
// thread sees it.
class Interrupt {
 public:
  Interrupt() = default;
  explicit Interrupt(std::function<bool()> should_stop) : should_stop_(std::move(should_stop)) {}

  bool requested() const { return requested_.load(std::memory_order_relaxed); }

  // For the owning thread, which is thread 0 of a parallel loop.
  bool poll() {
    if (!should_stop_ || requested()) return requested();
    const auto now = std::chrono::steady_clock::now();
    if (now < next_) return false;
    next_ = now + std::chrono::milliseconds(20);
    if (should_stop_()) requested_.store(true, std::memory_order_relaxed);
    return requested();
  }

  bool poll_on(int thread) { return thread == 0 ? poll() : requested(); }

 private:
  std::function<bool()> should_stop_;
  std::chrono::steady_clock::time_point next_;  // long past: the first poll asks
  std::atomic<bool> requested_{false};
};

}  // namespace deltarule
