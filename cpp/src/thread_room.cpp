#include "thread_room.hpp"

#include <cstdlib>
#include <optional>
#include <pthread.h>

namespace deltarule {
namespace {

constexpr std::size_t line = 64;

// What a thread's key points to; the room itself begins a line later.
struct Room {
  Index bytes;
};

std::optional<pthread_key_t> new_key() {
  pthread_key_t key;
  if (pthread_key_create(&key, std::free) != 0) return std::nullopt;
  return key;
}

}  // namespace

void* thread_room(Index bytes) {
  static const std::optional<pthread_key_t> key = new_key();
  if (!key) return nullptr;
  void* room = pthread_getspecific(*key);
  if (!room || static_cast<const Room*>(room)->bytes < bytes) {
    const auto lines = (static_cast<std::size_t>(bytes) + line - 1) / line + 1;
    void* const larger = std::aligned_alloc(line, lines * line);
    if (!larger) return nullptr;
    if (pthread_setspecific(*key, larger) != 0) {
      std::free(larger);
      return nullptr;
    }
    std::free(room);
    static_cast<Room*>(larger)->bytes = bytes;
    room = larger;
  }
  return static_cast<char*>(room) + line;
}

}  // namespace deltarule
