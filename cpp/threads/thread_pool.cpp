#include "threads/thread_pool.hpp"

#include "threads/thread_count.hpp"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace deltarule {
namespace {

// A ticket's fields, from the low bits up: next task, end of the share, threads, generation.
constexpr int task_bits = 18, thread_bits = 12, generation_shift = 2 * task_bits + thread_bits;
constexpr Index most_tasks = (Index{1} << task_bits) - 1;
static_assert(ThreadPool::most_threads == (1 << thread_bits) - 1);

Index next_task(std::uint64_t ticket) { return static_cast<Index>(ticket) & most_tasks; }
Index end_of_share(std::uint64_t ticket) {
  return static_cast<Index>(ticket >> task_bits) & most_tasks;
}
int thread_count(std::uint64_t ticket) {
  return static_cast<int>(ticket >> (2 * task_bits)) & ThreadPool::most_threads;
}
bool open_to(int thread, std::uint64_t ticket) {
  return next_task(ticket) < end_of_share(ticket) && thread < thread_count(ticket);
}
std::uint64_t new_ticket(std::uint64_t last, int threads, Index first, Index end) {
  const std::uint64_t generation = (last >> generation_shift) + 1;
  return (generation << generation_shift) |
         (static_cast<std::uint64_t>(threads) << (2 * task_bits)) |
         (static_cast<std::uint64_t>(end) << task_bits) | static_cast<std::uint64_t>(first);
}

// How often to look before parking: about 20 us, which is longer than the gap between two loops of
// one training step and shorter than a time slice that somebody else could use.
constexpr int looks_before_parking = 1000;

void relax() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

int default_size() {
  const int asked_for =
      threads_asked_for(std::getenv("OMP_NUM_THREADS"), ThreadPool::most_threads).value_or(0);
  return asked_for > 0 ? asked_for : std::min(available_processors(), ThreadPool::most_threads);
}

// The pool of this process. Never destroyed: its threads are parked when the process exits, and
// after fork the child has the parent's pool in memory but none of its threads, so it lets go of it.
struct Process {
  std::mutex mutex;
  std::atomic<ThreadPool*> pool{nullptr};
  std::atomic<int> size{0};
};

Process& process() {
  static Process* const instance = [] {
    auto* const made = new Process;
#if defined(__unix__) || defined(__APPLE__)
    // The mutex is held across fork, so that no child inherits it locked by a thread it lacks.
    pthread_atfork([] { process().mutex.lock(); }, [] { process().mutex.unlock(); },
                   [] {
                     process().pool.store(nullptr);
                     process().mutex.unlock();
                   });
#endif
    return made;
  }();
  return *instance;
}

[[gnu::tls_model("initial-exec")]] thread_local int own_size = 0;

void expect_size(const char* where, int n, int least) {
  if (n < least || n > ThreadPool::most_threads)
    throw std::invalid_argument(std::string(where) + ": got " + std::to_string(n) + ": expected " +
                                std::to_string(least) + " to " +
                                std::to_string(ThreadPool::most_threads));
}

}  // namespace

int ThreadPool::size() {
  if (own_size > 0) return own_size;
  Process& own = process();
  int size = own.size.load(std::memory_order_relaxed);
  if (size == 0) {
    const std::lock_guard lock(own.mutex);
    if (own.size.load() == 0) own.size.store(default_size());
    size = own.size.load();
  }
  return size;
}

void ThreadPool::resize(int n) {
  expect_size("set_num_threads", n, 1);
  Process& own = process();
  const std::lock_guard lock(own.mutex);
  own.size.store(n);
}

int ThreadPool::limit(int n) {
  expect_size("limit_threads", n, 0);
  return std::exchange(own_size, n);
}

ThreadPool& ThreadPool::instance() {
  Process& own = process();
  if (ThreadPool* const pool = own.pool.load(std::memory_order_acquire)) return *pool;
  const std::lock_guard lock(own.mutex);
  if (!own.pool.load()) own.pool.store(new ThreadPool, std::memory_order_release);
  return *own.pool.load();
}

// A system that has no room for another thread gets the loop done with those that are there.
void ThreadPool::grow(int threads) {
  try {
    for (; workers_ < threads - 1; ++workers_)
      std::thread([this, thread = workers_ + 1] { work(thread); }).detach();
  } catch (const std::system_error&) {
    return;
  } catch (const std::bad_alloc&) {
    return;
  }
}

void ThreadPool::run(int threads, Index tasks, Task task, const void* context) {
  if (threads <= 1 || tasks <= 1 || in_use_.exchange(true, std::memory_order_acquire)) {
    for (Index t = 0; t < tasks; ++t) task(context, t, 0);
    return;
  }
  struct Release {
    std::atomic<bool>& in_use;
    ~Release() { in_use.store(false, std::memory_order_release); }
  } const release{in_use_};
  grow(threads);
  for (Index first = 0; first < tasks; first += most_tasks)
    run_job(threads, std::min(tasks - first, most_tasks), {task, context, first});
}

void ThreadPool::run_job(int threads, Index tasks, const Job& job) {
  job_ = job;
  tasks_ = tasks;
  done_.store(0, std::memory_order_relaxed);
  const int shares = std::min(threads, most_shares);
  for (int share = 0; share < shares; ++share) {
    std::atomic<std::uint64_t>& ticket = shares_[static_cast<std::size_t>(share)].ticket;
    ticket.store(new_ticket(ticket.load(std::memory_order_relaxed), threads, tasks * share / shares,
                            tasks * (share + 1) / shares),
                 std::memory_order_release);
  }
  share_count_.store(shares, std::memory_order_relaxed);
  jobs_.fetch_add(1, std::memory_order_seq_cst);
  if (parked_.load(std::memory_order_seq_cst) > 0) jobs_.notify_all();

  for (Index t = 0; take(0, t);) perform(t, 0);
  for (int looks = 0;;) {
    const Index done = done_.load(std::memory_order_acquire);
    if (done == tasks) break;
    if (++looks < looks_before_parking)
      relax();
    else
      done_.wait(done, std::memory_order_acquire);
  }
  if (failed_.load(std::memory_order_acquire)) {
    failed_.store(false, std::memory_order_relaxed);
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

// A task of the thread's own share first, then of the others'.
bool ThreadPool::take(int thread, Index& task) {
  const int shares = share_count_.load(std::memory_order_relaxed);
  for (int k = 0; k < shares; ++k) {
    std::atomic<std::uint64_t>& share =
        shares_[static_cast<std::size_t>((thread + k) % shares)].ticket;
    std::uint64_t ticket = share.load(std::memory_order_acquire);
    while (open_to(thread, ticket)) {
      if (share.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acq_rel,
                                      std::memory_order_acquire)) {
        task = next_task(ticket);
        return true;
      }
    }
  }
  return false;
}

void ThreadPool::perform(Index task, int thread) {
  try {
    job_.task(job_.context, job_.first + task, thread);
  } catch (...) {
    // The first to fail tells; the others' tales are lost, as in every parallel loop.
    if (!failing_.test_and_set(std::memory_order_acquire)) {
      if (!failed_.load(std::memory_order_relaxed)) {
        failure_ = std::current_exception();
        failed_.store(true, std::memory_order_release);
      }
      failing_.clear(std::memory_order_release);
    }
  }
  const Index tasks = tasks_;  // before the task counts as done: then the next job may begin
  if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == tasks) done_.notify_one();
}

void ThreadPool::work(int thread) {
  for (;;) {
    const std::uint32_t seen = jobs_.load(std::memory_order_acquire);
    for (Index t = 0; take(thread, t);) perform(t, thread);
    int looks = 0;
    while (jobs_.load(std::memory_order_acquire) == seen && ++looks < looks_before_parking) relax();
    if (looks < looks_before_parking) continue;
    parked_.fetch_add(1, std::memory_order_seq_cst);
    jobs_.wait(seen, std::memory_order_seq_cst);
    parked_.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace deltarule
