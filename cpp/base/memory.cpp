#include "base/memory.hpp"

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deltarule {

void ask_for_large_pages([[maybe_unused]] void* room, [[maybe_unused]] Index bytes) {
#if defined(__linux__)
  constexpr Index worth_it = 4 * 1024 * 1024;
  constexpr std::uintptr_t page = 4096;
  if (bytes < worth_it) return;
  const auto address = reinterpret_cast<std::uintptr_t>(room);
  const std::uintptr_t first = (address + page - 1) / page * page;
  madvise(reinterpret_cast<void*>(first),
          static_cast<std::size_t>(address + static_cast<std::uintptr_t>(bytes) - first),
          MADV_HUGEPAGE);
#endif
}

}  // namespace deltarule
