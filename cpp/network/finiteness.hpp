// Is every number of the examples finite, as a Scalar too? Shared out over the threads.
#pragma once

#include "kernels/gather.hpp"

namespace deltarule {

// The first that is not, in the order of the rows; its example is -1 where there is none.
template <class Scalar>
NonFinite find_non_finite(const Examples& examples);

// Are all numbers of a flat vector?
template <class Scalar>
bool finite(const Scalar* vector, Index size) {
  constexpr auto bytes = static_cast<Index>(sizeof(Scalar));
  const Examples one{vector, type_of<Scalar>, 1, size, size * bytes, bytes};
  return find_non_finite<Scalar>(one).example < 0;
}

}  // namespace deltarule
