// Counts the heap allocations of this process, on any of its threads, and refuses some.
#pragma once

#include <cstdint>
#include <string_view>

namespace deltarule::test {

// What is counted: "malloc and its family", "operator new", or "nothing".
extern const std::string_view counted_allocations;

std::int64_t allocations_so_far();

template <class Function>
std::int64_t allocations_in(const Function& f) {
  const std::int64_t before = allocations_so_far();
  f();
  return allocations_so_far() - before;
}

// While it lives, the n-th allocation from now on fails, and with it those after, if so wanted.
class RefusedAllocation {
 public:
  RefusedAllocation(std::int64_t n, bool and_those_after);
  ~RefusedAllocation();
  RefusedAllocation(const RefusedAllocation&) = delete;
  RefusedAllocation& operator=(const RefusedAllocation&) = delete;

  bool was_asked_for() const;
};

}  // namespace deltarule::test
