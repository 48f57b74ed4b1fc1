// Room that a kernel works in.
#pragma once

#include "base/thread_room.hpp"

#include <new>

namespace deltarule {

// So many numbers of the thread's room. std::bad_alloc where there is no memory.
template <class Scalar>
class Scratch {
 public:
  explicit Scratch(Index numbers) : room_(numbers * static_cast<Index>(sizeof(Scalar))) {
    if (!room_.data()) throw std::bad_alloc();
  }
  Scalar* data() const { return static_cast<Scalar*>(room_.data()); }

 private:
  ThreadRoom room_;
};

}  // namespace deltarule
