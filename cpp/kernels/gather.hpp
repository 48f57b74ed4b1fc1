// Examples as the caller holds them, brought into columns, and searched for what is not finite.
#pragma once

#include "base/examples.hpp"
#include "base/view.hpp"

#include <cstdint>

namespace deltarule {

// The first number in the order of the rows that is NaN or Inf, or would be as a Scalar.
struct NonFinite {
  Index example = -1, feature = 0;  // -1: there is none
  double value = 0.0;
};

template <class Scalar>
struct GatherKernels {
  // Column j := example order[j], or example first + j where there is no order. Numbers that are stored
  // for one feature of an example are added up.
  void (*gather)(const Examples& examples, const std::int64_t* order, Index first,
                 View<Scalar> columns);
  // The same less `origin`, a number a feature, taken off before the difference becomes a Scalar.
  void (*gather_from)(const Examples& examples, const std::int64_t* order, Index first,
                      const double* origin, View<Scalar> columns);
  NonFinite (*find_non_finite)(const Examples& examples);
};

template <class Scalar>
GatherKernels<Scalar> gather_kernels();

}  // namespace deltarule
