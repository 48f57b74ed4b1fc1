#include "base/memory.hpp"

#include <cstddef>
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
  const std::uintptr_t past_page = reinterpret_cast<std::uintptr_t>(room) % page;
  const auto to_page = static_cast<Index>((page - past_page) % page);
  madvise(static_cast<std::byte*>(room) + to_page, static_cast<std::size_t>(bytes - to_page),
          MADV_HUGEPAGE);
#endif
}

}  // namespace deltarule
