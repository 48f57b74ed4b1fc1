#include "base/sizes.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <new>

using namespace deltarule;

TEST_CASE("a room is the sum of its matrices") {
  RoomSize size;
  CHECK(size.numbers() == 0);
  size.add(3, 4);
  size.add(0, 1000);
  size.add(5, 1);
  CHECK(size.numbers() == 17);
  CHECK(room_for(7, 6) == 42);
  CHECK(room_for(0, most_units) == 0);
}

TEST_CASE("what no memory holds is a lack of memory") {
  constexpr Index huge = std::numeric_limits<Index>::max();
  CHECK_THROWS_AS(room_for(huge, 2), std::bad_alloc);
  CHECK_THROWS_AS(room_for(huge, huge), std::bad_alloc);
  CHECK_THROWS_AS(room_for(huge, 1), std::bad_alloc);
  CHECK_THROWS_AS(room_for(most_units, most_units), std::bad_alloc);
  RoomSize size;
  CHECK_THROWS_AS(
      [&] {
        for (int k = 0; k < 1000; ++k) size.add(Index{1} << 40, 1);
      }(),
      std::bad_alloc);
}

TEST_CASE("the largest network's numbers have room, and bytes that an Index holds") {
  CHECK(room_for(most_parameters, 1) == most_parameters);
  static_assert(most_parameters < std::numeric_limits<Index>::max() / 1024);
  static_assert(most_units < most_parameters);
}
