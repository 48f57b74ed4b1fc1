// How many threads a piece of work is worth.
#pragma once

#include "base/view.hpp"
#include "threads/thread_pool.hpp"

namespace deltarule {

// Below this many floating-point operations the meeting of two threads costs more than it saves.
constexpr double least_parallel_work = 400e3;

inline int threads_for(double floating_point_operations) {
  return floating_point_operations < least_parallel_work ? 1 : ThreadPool::size();
}

template <class Function>
void parallel_for(int threads, Index tasks, const Function& f) {
  ThreadPool::instance().parallel_for(threads, tasks, f);
}

}  // namespace deltarule
