#include "base/memory.hpp"
#include "base/thread_room.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <thread>
#include <type_traits>

using namespace deltarule;

TEST_CASE("a room begins a cache line, and is there again for the next holder") {
  static_assert(!std::is_copy_constructible_v<ThreadRoom>);
  const void* first = nullptr;
  for (const Index bytes : {1000, 10, 1000}) {
    const ThreadRoom room(bytes);
    REQUIRE(room.data() != nullptr);
    CHECK(reinterpret_cast<std::uintptr_t>(room.data()) % static_cast<std::uintptr_t>(cache_line) ==
          0);
    std::memset(room.data(), 1, static_cast<std::size_t>(bytes));
    if (first) CHECK(room.data() == first);
    first = room.data();
  }
  const ThreadRoom larger(100'000);
  std::memset(larger.data(), 2, 100'000);
}

TEST_CASE("a holder further up keeps his room") {
  const ThreadRoom outer(64);
  std::memset(outer.data(), 7, 64);
  for (const Index bytes : {64, 1'000'000}) {
    const ThreadRoom inner(bytes);
    REQUIRE(inner.data() != nullptr);
    CHECK(inner.data() != outer.data());
    std::memset(inner.data(), 8, static_cast<std::size_t>(bytes));
    const ThreadRoom innermost(bytes);
    CHECK(innermost.data() != inner.data());
  }
  const auto* const bytes = static_cast<const unsigned char*>(outer.data());
  for (int k = 0; k < 64; ++k) CHECK(bytes[k] == 7);
}

TEST_CASE("each thread has a room of its own") {
  const ThreadRoom here(128);
  const void* there = nullptr;
  std::thread([&] {
    const ThreadRoom room(128);
    there = room.data();
  }).join();
  CHECK(there != nullptr);
  CHECK(there != here.data());
}

#if !defined(__SANITIZE_ADDRESS__)  // which ends the program there
TEST_CASE("where there is no memory there is no room, and the one before stays") {
  const void* before = nullptr;
  {
    const ThreadRoom room(256);
    before = room.data();
  }
  CHECK(ThreadRoom(Index{1} << 60).data() == nullptr);
  const ThreadRoom room(256);
  CHECK(room.data() == before);
}
#endif
