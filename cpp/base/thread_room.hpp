// Memory of a thread's own for as long as somebody holds it, kept for the next holder.
#pragma once

#include "base/view.hpp"

namespace deltarule {

// Room for so many bytes from the start of a cache line. A holder that finds the thread's room taken by
// another further up gets memory of its own, so that nobody's room is moved under him; each thread's is
// given back when the thread ends.
class ThreadRoom {
 public:
  explicit ThreadRoom(Index bytes);
  ~ThreadRoom();
  ThreadRoom(const ThreadRoom&) = delete;
  ThreadRoom& operator=(const ThreadRoom&) = delete;

  // Null where there is no memory.
  void* data() const { return data_; }

 private:
  void* data_ = nullptr;
  void* block_ = nullptr;  // null: there is none
  bool own_ = false;       // not the thread's
};

}  // namespace deltarule
