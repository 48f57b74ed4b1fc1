// The short way to a prediction, for a caller who comes often with little. What needs a conversion, a message
// or a second thread does not go it: there is the long way, which answers everything.
#pragma once

#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "network/finiteness.hpp"

#include <optional>

namespace deltarule::bindings {

// X as it stands, finite, and where the outputs go: `out`, or an array of its own.
template <class Scalar>
struct ShortWay {
  Examples rows;
  py::array A;
  Scalar* a;

  // n_0 inputs, n_L outputs, and the multiply-adds of an example.
  static std::optional<ShortWay> of(const py::handle& X, const py::handle& out, Index n_0,
                                    Index n_L, double work) {
    const auto x = as_it_stands<Scalar>(X);
    if (!x || x->ndim() < 1 || x->ndim() > 2 || x->shape(x->ndim() - 1) != n_0) return {};
    const bool one_example = x->ndim() == 1;
    const Index m = one_example ? 1 : x->shape(0);
    if (m == 0 || work * static_cast<double>(m) > work_to_let_go) return {};
    constexpr auto size = static_cast<Index>(sizeof(Scalar));
    const Examples rows{x->data(), type_of<Scalar>, m, n_0, n_0 * size, size};
    if (find_non_finite<Scalar>(rows).example >= 0) return {};
    std::optional<py::array> A;
    if (out.is_none()) {
      A = one_example ? py::array_t<Scalar>(n_L) : py::array_t<Scalar>({m, n_L});
    } else {
      A = as_it_stands<Scalar>(out);
      if (!A || !A->writeable() || A->ndim() != x->ndim() || A->size() != m * n_L ||
          A->shape(A->ndim() - 1) != n_L)
        return {};
      const auto* const x_bytes = static_cast<const char*>(x->data());
      const auto* const a_bytes = static_cast<const char*>(A->data());
      if (a_bytes < x_bytes + x->nbytes() && x_bytes < a_bytes + A->nbytes()) return {};
    }
    auto* const a = static_cast<Scalar*>(A->mutable_data());
    return ShortWay{rows, *std::move(A), a};
  }
};

}  // namespace deltarule::bindings
