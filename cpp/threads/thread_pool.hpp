// One private pool of threads: a loop over tasks that returns when every task is done.
#pragma once

#include "base/view.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <exception>

namespace deltarule {

// Tasks are cut by the shape of the work, never by the number of threads, so who runs a task does
// not matter to the result. A caller who finds the pool in use runs his tasks himself; a worker who
// wakes late finds nothing left and holds nobody up.
class ThreadPool {
 public:
  static constexpr int most_threads = 4095;

  // The process's pool, made when first asked for, and made anew in a child after fork.
  static ThreadPool& instance();

  // Threads that the calling thread's loops may use, itself among them.
  static int size();
  // std::invalid_argument when n < 1.
  static void resize(int n);
  // As many for the calling thread alone, until it says otherwise: two that train side by side may
  // each have their own number. 0 is the process's. Returns the number before.
  static int limit(int n);

  // Calls f(task, thread) for task = 0 ... tasks - 1 with thread < threads; thread 0 is the caller's.
  // An exception that a task throws is thrown again here, when all tasks have ended.
  template <class Function>
  void parallel_for(int threads, Index tasks, const Function& f) {
    run(
        threads, tasks,
        [](const void* context, Index task, int thread) {
          (*static_cast<const Function*>(context))(task, thread);
        },
        &f);
  }

 private:
  using Task = void (*)(const void* context, Index task, int thread);

  ThreadPool() = default;
  void grow(int threads);
  struct Job {
    Task task;
    const void* context;
    Index first;
  };

  void run(int threads, Index tasks, Task task, const void* context);
  void run_job(int threads, Index tasks, const Job& job);
  bool take(int thread, Index& task);
  void perform(Index task, int thread);
  void work(int thread);

  // Each thread has a share of the tasks, the same one in every loop of as many tasks, so that what
  // it wrote in one loop is in its own cache in the next; when it is done it takes from the others'.
  // (generation, threads, end of the share, next task) in one word: a claim is one
  // compare-and-swap, and a thread that holds a task is the proof that `job_` is still its job.
  static constexpr int most_shares = 16;
  struct alignas(64) Share {
    std::atomic<std::uint64_t> ticket{0};
  };
  std::array<Share, most_shares> shares_;
  alignas(64) std::atomic<std::uint32_t> jobs_{0};
  std::atomic<int> share_count_{0};  // one that is out of date finds shares that are used up
  alignas(64) std::atomic<Index> done_{0};
  alignas(64) std::atomic<int> parked_{0};
  std::atomic<bool> in_use_{false};
  Job job_{};
  Index tasks_ = 0;
  int workers_ = 0;
  std::atomic_flag failing_;
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;
};

}  // namespace deltarule
