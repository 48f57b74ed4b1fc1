#include "network/coupling.hpp"

#include "base/sizes.hpp"
#include "base/subnormals.hpp"
#include "kernels/dispatch.hpp"

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <variant>

namespace deltarule {
namespace {

double epsilon_of(const Layer& layer) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (std::remove_cvref_t<decltype(kind)>::traits.normalizes_units)
          return kind.epsilon;
        return 0.0;
      },
      layer.kind);
}

double momentum_of(const Layer& layer) {
  return std::visit(
      [](const auto& kind) {
        if constexpr (std::remove_cvref_t<decltype(kind)>::traits.couples_examples)
          return kind.momentum;
        return 0.0;
      },
      layer.kind);
}

}  // namespace

template <class Scalar>
void Coupling<Scalar>::begin(const Layout& layout, const std::vector<Index>& coupled,
                             const Scalar* statistics, Index slices) {
  coupled_ = coupled;
  rooms_.resize(static_cast<std::size_t>(layout.depth()) + 1);
  for (Index l = 1; l <= layout.depth(); ++l) {
    if (!layout.traits(l).normalizes_units) continue;
    Room& room = at(l);
    const Index n = room.n = layout.n(l);
    room.of_units.make_room(room_for(n, Room::numbers));
    if (couples(l)) {
      room.of_slices.make_room(room_for(2 * n, slices));
    } else {
      const Scalar* const mean = statistics + layout.first_statistic(l);
      if (l == 1 && layout.standardizes())  // X has lost it as it was read
        std::fill_n(room.number(Room::mean), n, Scalar(0));
      else
        std::copy_n(mean, n, room.number(Room::mean));
      kernels<Scalar>().normalization.inverse_deviation(
          n, mean + n, static_cast<Scalar>(epsilon_of(layout.layer(l))),
          room.number(Room::inverse));
    }
  }
}

template <class Scalar>
bool Coupling<Scalar>::couples(Index l) const {
  return std::find(coupled_.begin(), coupled_.end(), l) != coupled_.end();
}

template <class Scalar>
void Coupling<Scalar>::measure(Index l, Index s, View<const Scalar> A_prev) {
  Scalar* const moments = at(l).slice(s);
  kernels<Scalar>().normalization.column_moments(A_prev, moments, moments + at(l).n);
}

template <class Scalar>
void Coupling<Scalar>::put_together(const Layer& layer, Index l, const Slices& slices) {
  Room& room = at(l);
  const Index n = room.n;
  Scalar *const mean = room.number(Room::mean), *const variance = room.number(Room::variance);
  std::copy_n(room.slice(0), n, mean);
  std::copy_n(room.slice(0) + n, n, variance);  // the sum of squares, so far
  for (Index s = 1; s < slices.count; ++s)
    kernels<Scalar>().normalization.merge_moments(
        n, slices.first(s), mean, variance, slices[s].count, room.slice(s), room.slice(s) + n);
  for (Index i = 0; i < n; ++i) variance[i] /= static_cast<Scalar>(slices.m);
  kernels<Scalar>().normalization.inverse_deviation(
      n, variance, static_cast<Scalar>(epsilon_of(layer)), room.number(Room::inverse));
}

template <class Scalar>
void Coupling<Scalar>::measure_back(Index l, Index s, View<const Scalar> A_prev,
                                    View<const Scalar> dZ) {
  const FlushSubnormals flush;
  Scalar* const sums = at(l).slice(s);
  kernels<Scalar>().normalization.unit_backward_parameters(dZ, A_prev, moments(l), Scalar(1), sums,
                                                           sums + at(l).n, false);
}

template <class Scalar>
void Coupling<Scalar>::put_together_back(Index l, const Slices& slices) {
  Room& room = at(l);
  const Index n = room.n;
  Scalar *const d_gamma = room.number(Room::sum_d_gamma), *const d_beta =
                                                              room.number(Room::sum_d_beta);
  std::copy_n(room.slice(0), n, d_gamma);
  std::copy_n(room.slice(0) + n, n, d_beta);
  for (Index s = 1; s < slices.count; ++s)
    for (Index i = 0; i < n; ++i) {
      d_gamma[i] += room.slice(s)[i];
      d_beta[i] += room.slice(s)[n + i];
    }
}

template <class Scalar>
bool Coupling<Scalar>::finite() const {
  return std::all_of(coupled_.begin(), coupled_.end(), [&](Index l) {
    const Scalar* const variance = at(l).number(Room::variance);
    return std::all_of(variance, variance + at(l).n, [](Scalar v) { return std::isfinite(v); });
  });
}

template <class Scalar>
void Coupling<Scalar>::keep(const Layout& layout, Index m, Scalar* statistics) const {
  if (m < 2) return;  // which has no variance
  for (const Index l : coupled_) {
    const auto momentum = static_cast<Scalar>(momentum_of(layout.layer(l)));
    const Scalar unbiased = static_cast<Scalar>(m) / static_cast<Scalar>(m - 1);
    const Index n = at(l).n;
    Scalar* const mean = statistics + layout.first_statistic(l);
    const VectorKernels<Scalar>& vectors = kernels<Scalar>().vectors;
    vectors.move_towards(n, momentum, Scalar(1), at(l).number(Room::mean), mean);
    vectors.move_towards(n, momentum, unbiased, at(l).number(Room::variance), mean + n);
  }
}

template class Coupling<float>;
template class Coupling<double>;

}  // namespace deltarule
