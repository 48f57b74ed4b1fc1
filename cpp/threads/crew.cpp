#include "threads/crew.hpp"

#include "threads/thread_pool.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <utility>

namespace deltarule {

struct Crew::State {
  struct Piece {
    Task* task;
    int threads;
  };

  std::mutex mutex;
  std::condition_variable has_come, has_ended;
  std::deque<Piece> waiting;
  std::vector<Task*> done;
  std::atomic<bool> stopping{false};
  bool closing = false;
  std::vector<std::thread> threads;
  const pid_t process = getpid();

  // Are the threads there? A child of fork has none of them.
  bool is_here() const { return process == getpid(); }

  // The piece that waits longest; the lock is let go of meanwhile.
  void perform_first(std::unique_lock<std::mutex>& lock, Interrupt& interrupt) {
    const Piece piece = waiting.front();
    waiting.pop_front();
    lock.unlock();
    const int before = ThreadPool::limit(piece.threads);
    piece.task->perform(interrupt);
    ThreadPool::limit(before);
    lock.lock();
    done.push_back(piece.task);
  }

  void work() {
    std::unique_lock lock(mutex);
    for (;;) {
      has_come.wait(lock, [this] { return closing || !waiting.empty(); });
      if (waiting.empty()) return;
      Interrupt interrupt([this] { return stopping.load(std::memory_order_relaxed); });
      perform_first(lock, interrupt);
      has_ended.notify_one();
    }
  }
};

// A system that has no room for another thread gets the work done by those that are there.
Crew::Crew(int threads) : state_(std::make_unique<State>()) {
  try {
    for (int t = 0; t < threads; ++t)
      state_->threads.emplace_back([state = state_.get()] { state->work(); });
  } catch (const std::system_error&) {
    return;
  } catch (const std::bad_alloc&) {
    return;
  }
}

Crew::~Crew() {
  if (!state_->is_here()) {
    static_cast<void>(state_.release());  // its threads cannot be waited for
    return;
  }
  stop();
  {
    const std::lock_guard lock(state_->mutex);
    state_->closing = true;
  }
  state_->has_come.notify_all();
  for (std::thread& thread : state_->threads) thread.join();
  Interrupt stopped([] { return true; });
  while (help(stopped)) continue;  // where there were no threads
}

void Crew::begin(Task& task, int threads) {
  {
    const std::lock_guard lock(state_->mutex);
    state_->done.reserve(state_->done.size() + state_->waiting.size() + state_->threads.size() + 1);
    state_->waiting.push_back({&task, threads});
  }
  state_->has_come.notify_one();
}

std::vector<Task*> Crew::ended(std::chrono::duration<double> most) {
  if (!state_->is_here())
    throw std::runtime_error(
        "fit_many: this process was forked off the one that trains: expected it to leave the "
        "networks alone that are in training there");
  std::unique_lock lock(state_->mutex);
  state_->has_ended.wait_for(lock, most, [this] { return !state_->done.empty(); });
  return std::exchange(state_->done, {});
}

bool Crew::help(Interrupt& interrupt) {
  std::unique_lock lock(state_->mutex);
  if (state_->waiting.empty()) return false;
  state_->perform_first(lock, interrupt);
  return true;
}

void Crew::stop() { state_->stopping.store(true, std::memory_order_relaxed); }

}  // namespace deltarule
