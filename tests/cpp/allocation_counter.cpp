#include "allocation_counter.hpp"

#include "sanitizers.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

std::atomic<std::int64_t> count{0};
std::atomic<std::int64_t> first_refused{0}, last_refused{0};  // by that count

// Is this one to be had?
[[maybe_unused]] bool count_one() {
  const std::int64_t here = count.fetch_add(1, std::memory_order_relaxed) + 1;
  return here < first_refused.load(std::memory_order_relaxed) ||
         here > last_refused.load(std::memory_order_relaxed);
}

[[maybe_unused]] void* no_memory() {
  errno = ENOMEM;
  return nullptr;
}

}  // namespace

namespace deltarule::test {

std::int64_t allocations_so_far() { return count.load(); }

RefusedAllocation::RefusedAllocation(std::int64_t n, bool and_those_after) {
  first_refused = allocations_so_far() + n;
  last_refused = and_those_after ? std::numeric_limits<std::int64_t>::max() : first_refused.load();
}

RefusedAllocation::~RefusedAllocation() { last_refused = 0; }

bool RefusedAllocation::was_asked_for() const { return allocations_so_far() >= first_refused; }

}  // namespace deltarule::test

#if DELTARULE_ADDRESS_SANITIZER || DELTARULE_THREAD_SANITIZER

// A sanitizer has put its own malloc there.
const std::string_view deltarule::test::counted_allocations = "nothing";

#elif defined(__GLIBC__)

const std::string_view deltarule::test::counted_allocations = "malloc and its family";

// The program's malloc comes before the library's, which goes by a second name. What operator new
// and Eigen ask for passes here too.
extern "C" {

void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* memory, std::size_t size);
void* __libc_memalign(std::size_t alignment, std::size_t size);

void* malloc(std::size_t size) noexcept { return count_one() ? __libc_malloc(size) : no_memory(); }

void* calloc(std::size_t number, std::size_t size) noexcept {
  return count_one() ? __libc_calloc(number, size) : no_memory();
}

void* realloc(void* memory, std::size_t size) noexcept {
  return count_one() ? __libc_realloc(memory, size) : no_memory();
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  return count_one() ? __libc_memalign(alignment, size) : no_memory();
}

void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  return memalign(alignment, size);
}

int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
  if (alignment % sizeof(void*) != 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  void* const made = memalign(alignment, size);
  if (made == nullptr) return ENOMEM;
  *memory = made;
  return 0;
}

}  // extern "C"

#else

// Eigen's own memory comes from malloc, and is not seen here.
const std::string_view deltarule::test::counted_allocations = "operator new";

void* operator new(std::size_t size) {
  if (!count_one()) throw std::bad_alloc();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
