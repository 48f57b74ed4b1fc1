#include "base/thread_room.hpp"

#include "base/memory.hpp"

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <pthread.h>

namespace deltarule {
namespace {

// What a thread's key points to; the room itself begins a cache line later. (A thread_local object would
// end the process where there is no memory: neither its place in a loaded library nor the note that it is
// to be destroyed can be refused.)
struct Room {
  Index bytes;
  bool held;
};

std::optional<pthread_key_t> new_key() {
  pthread_key_t key;
  if (pthread_key_create(&key, std::free) != 0) return std::nullopt;
  return key;
}

Room* allocate(Index bytes) {
  constexpr auto line = static_cast<std::size_t>(cache_line);
  const auto size = static_cast<std::size_t>(whole_lines<std::byte>(bytes)) + line;
  auto* const room = static_cast<Room*>(std::aligned_alloc(line, size));
  if (room) *room = {bytes, true};
  return room;
}

// The thread's room, larger if need be; null where it is held or cannot be had.
Room* room_of_the_thread(Index bytes) {
  static const std::optional<pthread_key_t> key = new_key();
  if (!key) return nullptr;
  auto* const room = static_cast<Room*>(pthread_getspecific(*key));
  if (room && room->held) return nullptr;
  if (room && room->bytes >= bytes) {
    room->held = true;
    return room;
  }
  Room* const larger = allocate(bytes);
  if (!larger) return nullptr;
  if (pthread_setspecific(*key, larger) != 0) {
    std::free(larger);
    return nullptr;
  }
  std::free(room);
  return larger;
}

}  // namespace

ThreadRoom::ThreadRoom(Index bytes) {
  Room* room = room_of_the_thread(bytes);
  if (!room) {
    room = allocate(bytes);
    own_ = true;
  }
  if (!room) return;
  block_ = room;
  data_ = reinterpret_cast<std::byte*>(room) + cache_line;
}

ThreadRoom::~ThreadRoom() {
  if (own_)
    std::free(block_);
  else if (block_)
    static_cast<Room*>(block_)->held = false;
}

}  // namespace deltarule
