#include "sanitizers.hpp"
#include "support.hpp"
#include "threads/thread_pool.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#if defined(__unix__) || defined(__APPLE__)
#include <sys/wait.h>
#include <unistd.h>
#endif

using deltarule::Index;
using deltarule::ThreadPool;
using deltarule::test::Threads;

namespace {

template <class Function>
void parallel_for(Index tasks, const Function& f) {
  ThreadPool::instance().parallel_for(ThreadPool::size(), tasks, f);
}

// Has each of `tasks` tasks run once, on a thread that there is?
bool runs_every_task_once(Index tasks) {
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
  std::atomic<bool> known_threads = true;
  const int threads = ThreadPool::size();
  parallel_for(tasks, [&](Index task, int thread) {
    ++runs[static_cast<std::size_t>(task)];
    if (thread < 0 || thread >= threads) known_threads = false;
  });
  return known_threads &&
         std::all_of(runs.begin(), runs.end(), [](const auto& n) { return n == 1; });
}

// Waits in each of `n` tasks until all have begun, which takes n threads. A pool that has fewer
// would wait for ever: ten seconds stand for that.
bool run_at_the_same_time(int n) {
  std::atomic<int> begun = 0;
  std::atomic<bool> met = true;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  parallel_for(n, [&](Index, int) {
    ++begun;
    while (begun < n) {
      if (std::chrono::steady_clock::now() > deadline) {
        met = false;
        return;
      }
      std::this_thread::yield();
    }
  });
  return met;
}

}  // namespace

TEST_CASE("every task runs once") {
  for (const int n : {1, 2, 3, 8}) {
    CAPTURE(n);
    const Threads threads(n);
    // 70 000 tasks are more than one ticket counts.
    for (const Index tasks : {0, 1, 2, 3, 17, 1000, 70'000}) {
      CAPTURE(tasks);
      CHECK(runs_every_task_once(tasks));
    }
  }
}

TEST_CASE("as many threads work at the same time as were asked for") {
  for (const int n : {2, 3, 5}) {
    CAPTURE(n);
    const Threads threads(n);
    CHECK(run_at_the_same_time(n));
  }
}

TEST_CASE("one thread is the caller's, in order") {
  const auto caller = std::this_thread::get_id();
  std::vector<Index> order;
  ThreadPool::instance().parallel_for(1, 5, [&](Index task, int thread) {
    CHECK(thread == 0);
    CHECK(std::this_thread::get_id() == caller);
    order.push_back(task);
  });
  CHECK(order == std::vector<Index>{0, 1, 2, 3, 4});
}

TEST_CASE("each thread index is one thread, and 0 the caller's") {
  const Threads threads(3);
  std::vector<std::thread::id> ids(1000);
  std::vector<int> indices(1000);
  parallel_for(1000, [&](Index task, int thread) {
    ids[static_cast<std::size_t>(task)] = std::this_thread::get_id();
    indices[static_cast<std::size_t>(task)] = thread;
  });
  for (std::size_t a = 0; a < ids.size(); ++a)
    REQUIRE((ids[a] == std::this_thread::get_id()) == (indices[a] == 0));
}

TEST_CASE("the first exception comes back to the caller, and the pool goes on") {
  for (const int n : {1, 3}) {
    CAPTURE(n);
    const Threads threads(n);
    for (const Index tasks : {1, 2, 100, 70'000}) {
      CAPTURE(tasks);
      const auto fail_at = [&](Index failing) {
        parallel_for(tasks, [&](Index task, int) {
          if (task == failing) throw std::runtime_error("task failed");
        });
      };
      CHECK_THROWS_WITH_AS(fail_at(0), "task failed", std::runtime_error);
      CHECK_THROWS_WITH_AS(fail_at(tasks - 1), "task failed", std::runtime_error);
      CHECK(runs_every_task_once(tasks));
    }
    const auto fail_always = [] { parallel_for(100, [](Index, int) { throw 42; }); };
    CHECK_THROWS_AS(fail_always(), int);
    CHECK(runs_every_task_once(100));
  }
}

TEST_CASE("when an exception comes back no task is running any more") {
  const Threads threads(3);
  for (int repeat = 0; repeat < 50; ++repeat) {
    std::atomic<int> running = 0;
    try {
      parallel_for(20, [&](Index task, int) {
        ++running;
        std::this_thread::yield();
        --running;
        if (task == 3) throw std::runtime_error("task failed");
      });
      FAIL("the exception was lost");
    } catch (const std::runtime_error&) {
      CHECK(running == 0);
    }
  }
}

TEST_CASE("a loop inside a loop runs on the thread it is on") {
  const Threads threads(3);
  std::atomic<int> inner = 0;
  parallel_for(10, [&](Index, int) {
    const auto here = std::this_thread::get_id();
    parallel_for(10, [&](Index, int) {
      if (std::this_thread::get_id() == here) ++inner;
    });
  });
  CHECK(inner == 100);
}

TEST_CASE("callers on several threads do not disturb one another") {
  const Threads threads(3);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int repeat = 0; repeat < 200; ++repeat) {
        const Index tasks = 1 + (repeat + caller) % 40;
        if (!runs_every_task_once(tasks)) ++wrong;
        try {
          parallel_for(tasks, [](Index, int) { throw std::runtime_error("task failed"); });
          ++wrong;
        } catch (const std::runtime_error&) {
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST_CASE("the pool takes its size between loops") {
  const Threads restore(1);
  for (int repeat = 0; repeat < 300; ++repeat) {
    const int n = 1 + repeat % 4;
    ThreadPool::resize(n);
    REQUIRE(ThreadPool::size() == n);
    REQUIRE(runs_every_task_once(16));
  }
}

TEST_CASE("a thread's own number is its own") {
  const Threads threads(4);
  CHECK(ThreadPool::limit(2) == 0);
  CHECK(ThreadPool::size() == 2);
  int of_another = 0;
  std::thread([&] { of_another = ThreadPool::size(); }).join();
  CHECK(of_another == 4);
  ThreadPool::resize(3);
  CHECK(ThreadPool::size() == 2);
  CHECK_THROWS_AS(ThreadPool::limit(-1), std::invalid_argument);
  CHECK(ThreadPool::limit(0) == 2);
  CHECK(ThreadPool::size() == 3);
}

TEST_CASE("a pool without threads is refused") {
  const Threads threads(2);
  for (const int n : {0, -1, -1000}) {
    CAPTURE(n);
    CHECK_THROWS_AS(ThreadPool::resize(n), std::invalid_argument);
    CHECK(ThreadPool::size() == 2);
  }
  CHECK_THROWS_WITH(ThreadPool::resize(-3), doctest::Contains("-3"));
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("a child has a pool of its own after fork") {
#if DELTARULE_THREAD_SANITIZER
  MESSAGE("skipped: the thread sanitizer does not let a forked child start threads");
#else
  const Threads threads(2);
  REQUIRE(run_at_the_same_time(2));
  const pid_t child = fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    alarm(60);  // a child that hangs is killed, and that fails the test
    const bool good =
        ThreadPool::size() == 2 && run_at_the_same_time(2) && runs_every_task_once(100);
    _exit(good ? 0 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(run_at_the_same_time(2));  // the parent's is still there
#endif
}
#endif
