// A table of rows, taken apart: what a library hands out is one array a member.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace deltarule {

template <class Row, std::size_t count, class Member>
constexpr auto of_rows(const Row (&rows)[count], Member member) {
  std::array<decltype(member(rows[0])), count> members{};
  std::ranges::transform(rows, members.begin(), member);
  return members;
}

}  // namespace deltarule
