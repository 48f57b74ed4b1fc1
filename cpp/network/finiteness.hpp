// Is every number of the examples finite, as a Scalar too? Shared out over the threads.
#pragma once

#include "kernels/gather.hpp"

namespace deltarule {

// The first that is not, in the order of the rows; its example is -1 where there is none.
template <class Scalar>
NonFinite find_non_finite(const Examples& examples);

}  // namespace deltarule
