// What every kind's file needs: the contexts, and a way to refuse a layer that cannot be.
#pragma once

#include "layers/context.hpp"

#include <stdexcept>
#include <string>
#include <tuple>

namespace deltarule {

[[noreturn]] inline void refuse(const std::string& message) {
  throw std::invalid_argument(message);
}

// Holds a column that a layer embeds to being one of its inputs, behind the one before it.
inline void expect_column(Index column, Index before, Index n_prev, const std::string& where) {
  if (column <= before || column >= n_prev)
    refuse(where + " embeds column " + std::to_string(column) + " of " + std::to_string(n_prev) +
           ": expected columns that there are, in ascending order");
}

}  // namespace deltarule
