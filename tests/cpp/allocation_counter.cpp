#include "allocation_counter.hpp"

#include "sanitizers.hpp"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

namespace {

std::atomic<std::int64_t> count{0};

[[maybe_unused]] void count_one() { count.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

std::int64_t deltarule::test::allocations_so_far() { return count.load(); }

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

void* malloc(std::size_t size) noexcept {
  count_one();
  return __libc_malloc(size);
}

void* calloc(std::size_t number, std::size_t size) noexcept {
  count_one();
  return __libc_calloc(number, size);
}

void* realloc(void* memory, std::size_t size) noexcept {
  count_one();
  return __libc_realloc(memory, size);
}

void* memalign(std::size_t alignment, std::size_t size) noexcept {
  count_one();
  return __libc_memalign(alignment, size);
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
  count_one();
  if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

#endif
