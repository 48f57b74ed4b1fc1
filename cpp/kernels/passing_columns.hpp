// The inputs that pass beside those that a layer takes: above its own units, in their order.
#pragma once

#include "base/view.hpp"

#include <algorithm>
#include <iterator>

namespace deltarule {

// Which input a column that is embedded is, where it is known by more than that.
inline Index input_of(Index input) { return input; }
template <class Column>
Index input_of(const Column& column) {
  return column.column;
}

// Calls run(from, to, count) for each run of rows between those that are taken, in ascending order: where
// it begins in A_prev, and in Z. Returns how many pass.
template <class Columns, class Run>
Index for_each_run(const Columns& taken, Index n_prev, Run run) {
  Index from = 0, to = 0;
  const auto until = [&](Index end) {
    if (end > from) run(from, to, end - from);
    to += end - from;
    from = end + 1;
  };
  for (const auto& column : taken) until(input_of(column));
  until(n_prev);
  return to;
}

// The first rows of Z: those of A_prev that pass. Returns how many.
template <class Scalar, class Columns>
Index pass_forward(const Columns& taken, View<const Scalar> A_prev, View<Scalar> Z) {
  return for_each_run(taken, A_prev.rows, [&](Index from, Index to, Index count) {
    for (Index j = 0; j < A_prev.columns; ++j)
      std::copy_n(A_prev.column(j) + from, count, Z.column(j) + to);
  });
}

// And back.
template <class Scalar, class Columns>
Index pass_backward(const Columns& taken, View<const Scalar> dZ, View<Scalar> dA_prev) {
  return for_each_run(taken, dA_prev.rows, [&](Index from, Index to, Index count) {
    for (Index j = 0; j < dA_prev.columns; ++j)
      std::copy_n(dZ.column(j) + to, count, dA_prev.column(j) + from);
  });
}

// How many of n_prev inputs pass.
template <class Columns>
Index passing(const Columns& taken, Index n_prev) {
  return n_prev - static_cast<Index>(std::size(taken));
}

}  // namespace deltarule
