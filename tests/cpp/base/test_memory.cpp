#include "base/memory.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <utility>

using namespace deltarule;

namespace {

bool begins_a_line(const auto& room) {
  return reinterpret_cast<std::uintptr_t>(room.data()) % static_cast<std::uintptr_t>(cache_line) ==
         0;
}

}  // namespace

TEST_CASE("whole lines hold as many numbers and more") {
  CHECK(whole_lines<float>(0) == 0);
  CHECK(whole_lines<float>(1) == 16);
  CHECK(whole_lines<float>(16) == 16);
  CHECK(whole_lines<double>(9) == 16);
  CHECK(whole_lines<char>(65) == 128);
}

TEST_CASE_TEMPLATE("a buffer begins a cache line", Number, char, float, double) {
  for (const Index size : {1, 7, 100, 3'000'000}) {
    Buffer<Number> buffer(size);
    CHECK(buffer.size() == size);
    CHECK(begins_a_line(buffer));
    buffer.fill(Number(3));
    CHECK(
        std::all_of(buffer.data(), buffer.data() + size, [](Number x) { return x == Number(3); }));
  }
}

TEST_CASE("a buffer grows, and does not shrink") {
  Buffer<double> buffer;
  CHECK(buffer.size() == 0);
  buffer.make_room(0);
  CHECK(buffer.data() == nullptr);
  buffer.make_room(10);
  const double* const first = buffer.data();
  buffer.make_room(4);
  CHECK(buffer.data() == first);
  CHECK(buffer.size() == 10);
  buffer.make_room(1000);
  CHECK(buffer.size() == 1000);
  buffer[999] = 1.0;
  CHECK(std::as_const(buffer)[999] == 1.0);
}

TEST_CASE("a buffer is moved, and leaves none behind") {
  Buffer<float> one(5);
  const float* const memory = one.data();
  Buffer<float> other(std::move(one));
  CHECK(other.data() == memory);
  CHECK(one.size() == 0);  // NOLINT(bugprone-use-after-move)
  CHECK(one.data() == nullptr);
  one = std::move(other);
  CHECK(one.size() == 5);
  CHECK(other.size() == 0);  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("a buffer's copy is memory of its own") {
  Buffer<float> one(5);
  one.fill(1.0F);
  Buffer<float> other = one;
  CHECK(other.size() == 5);
  other[4] = 2.0F;
  CHECK(one[4] == 1.0F);
  one = other;
  CHECK(one[4] == 2.0F);
  CHECK(one.data() != other.data());
  const Buffer<float> none, as_much = none;
  CHECK(as_much.size() == 0);
  CHECK(as_much.data() == nullptr);
}

TEST_CASE_TEMPLATE("a brief room is where it may be, and as large as it is asked to be", Number,
                   float, double) {
  for (const Index size : {0, 1, 7, 8, 9, 1000}) {
    BriefRoom<Number, 8> room(size);
    const auto here = reinterpret_cast<std::uintptr_t>(&room),
               there = reinterpret_cast<std::uintptr_t>(std::as_const(room).data());
    CHECK(room.size() == size);
    CHECK((there >= here && there < here + sizeof(room)) == (size <= 8));
    CHECK(begins_a_line(room));
    room.fill(Number(3));
    CHECK(std::all_of(room.data(), room.data() + size, [](Number x) { return x == Number(3); }));
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // which ends the program there
TEST_CASE("where there is no memory a buffer is empty") {
  Buffer<double> buffer(3);
  CHECK_THROWS_AS(buffer.make_room(std::numeric_limits<Index>::max() / 16), std::bad_alloc);
  CHECK(buffer.size() == 0);
  CHECK(buffer.data() == nullptr);
  buffer.make_room(3);
  CHECK(buffer.size() == 3);
}
#endif
