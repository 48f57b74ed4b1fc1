// How large anything may be: one bound for each kind of size, and sums and products that keep to it.
#pragma once

#include "base/view.hpp"

#include <new>

namespace deltarule {

// Units, inputs, categories: as Python's side says too.
constexpr Index most_units = (Index{1} << 31) - 1;
// Numbers in one flat vector of a network. What its sizes are added up and multiplied to stays far
// below what an Index holds.
constexpr Index most_parameters = Index{1} << 40;
// Examples; an array of rows that are all the same memory may have as many as it likes.
constexpr Index most_examples = Index{1} << 40;

// The numbers of a room, added up a matrix at a time. std::bad_alloc for more than any memory has: so an
// overflow is a lack of memory, and not a small room.
class RoomSize {
 public:
  void add(Index rows, Index columns) {
    Index numbers = 0;
    if (__builtin_mul_overflow(rows, columns, &numbers) ||
        __builtin_add_overflow(numbers_, numbers, &numbers_) || numbers_ > most)
      throw std::bad_alloc();
  }
  Index numbers() const { return numbers_; }

 private:
  static constexpr Index most = Index{1} << 48;
  Index numbers_ = 0;
};

inline Index room_for(Index rows, Index columns) {
  RoomSize size;
  size.add(rows, columns);
  return size.numbers();
}

}  // namespace deltarule
