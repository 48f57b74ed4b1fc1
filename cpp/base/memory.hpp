// Memory that the core owns.
#pragma once

#include "base/view.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <utility>

namespace deltarule {

constexpr Index cache_line = 64;  // bytes

// Asks the system to keep a large room in large pages, in which a walk over it finds its way sooner. It
// may take no notice.
void ask_for_large_pages(void* room, Index bytes);

// So many numbers as fill whole cache lines.
template <class Number>
constexpr Index whole_lines(Index numbers) {
  constexpr Index step = cache_line / static_cast<Index>(sizeof(Number));
  return (numbers + step - 1) / step * step;
}

// Numbers from the start of a cache line. They are not set to anything before they are written.
template <class Number>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(Index size) { make_room(size); }
  Buffer(const Buffer& other) : Buffer(other.size_) { std::copy_n(other.data(), size_, data()); }
  Buffer(Buffer&& other) noexcept
      : numbers_(std::move(other.numbers_)), size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(numbers_, other.numbers_);
    std::swap(size_, other.size_);
    return *this;
  }

  Index size() const { return size_; }
  Number* data() { return numbers_.get(); }
  const Number* data() const { return numbers_.get(); }
  Number& operator[](Index i) { return numbers_.get()[i]; }
  const Number& operator[](Index i) const { return numbers_.get()[i]; }
  void fill(Number value) { std::fill_n(data(), size_, value); }

  // Room for so many numbers at least; what was there is lost where there is not enough, and where
  // memory fails (std::bad_alloc).
  void make_room(Index size) {
    if (size_ >= size) return;
    numbers_.reset();
    size_ = 0;
    const Index bytes = whole_lines<Number>(size) * static_cast<Index>(sizeof(Number));
    void* const room = std::aligned_alloc(cache_line, static_cast<std::size_t>(bytes));
    if (!room) throw std::bad_alloc();
    numbers_.reset(static_cast<Number*>(room));
    size_ = size;
    ask_for_large_pages(data(), bytes);
  }

 private:
  struct Free {
    void operator()(Number* numbers) const { std::free(numbers); }
  };

  std::unique_ptr<Number[], Free> numbers_;
  Index size_ = 0;
};

// A room whose size does not change, on the stack where no more than `few` numbers are wanted: for what is
// over before an allocation would have paid. They are not set to anything either.
template <class Number, Index few>
class BriefRoom {
 public:
  explicit BriefRoom(Index size) : size_(size) {
    if (size > few) many_.make_room(size);
  }
  BriefRoom(const BriefRoom&) = delete;
  BriefRoom& operator=(const BriefRoom&) = delete;

  Index size() const { return size_; }
  Number* data() { return size_ > few ? many_.data() : few_; }
  const Number* data() const { return size_ > few ? many_.data() : few_; }
  void fill(Number value) { std::fill_n(data(), size_, value); }

 private:
  Index size_;
  Buffer<Number> many_;
  alignas(cache_line) Number few_[few];
};

}  // namespace deltarule
