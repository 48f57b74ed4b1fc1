#include "training/layerwise.hpp"

#include "base/subnormals.hpp"
#include "kernels/dispatch.hpp"
#include "threads/parallel.hpp"

#include <algorithm>

namespace deltarule {
namespace {

// Floating-point operations of a part of a product: few enough for a person who waits for it to end.
constexpr double most_work = 4e9;
constexpr Index least_width = 64;

// The rows of a product in two halves, or few rows in one.
struct Rows {
  static constexpr Index least = 96, step = 16;
  Index count;
  Index halves = count < least ? 1 : 2;
  Index middle = count / 2 / step * step;

  explicit Rows(Index rows) : count(rows) {}
  Index first(Index h) const { return h == 0 ? 0 : h == halves ? count : middle; }
};

}  // namespace

template <class Scalar>
template <class Use>
void Layerwise<Scalar>::for_each_part(Index l, Index halves, Use use) const {
  const Index m = cache_.m();
  const double work = 2.0 * static_cast<double>(layout_.n(l)) *
                      static_cast<double>(layout_.n(l - 1)) / static_cast<double>(halves);
  const Index widest = std::max(least_width, static_cast<Index>(most_work / work));
  const Index wanted = std::max<Index>((threads_ + halves - 1) / halves, (m + widest - 1) / widest);
  const Slices slices{m, std::min(wanted, Slices::most(m))};
  parallel_for(threads_, halves * slices.count, [&](Index part, int thread) {
    if (!interrupt_.poll_on(thread)) use(part / slices.count, slices[part % slices.count]);
  });
}

template <class Scalar>
template <class Use>
void Layerwise<Scalar>::for_each_columns(Use use) const {
  const Slices slices{cache_.m(), std::min<Index>(threads_, Slices::most(cache_.m()))};
  parallel_for(threads_, slices.count, [&](Index s, int thread) {
    if (!interrupt_.poll_on(thread)) use(slices[s]);
  });
}

template <class Scalar>
template <class Use>
void Layerwise<Scalar>::for_each_slice(Use use) const {
  const Slices slices = plan_.training_slices(cache_.m());
  parallel_for(threads_, slices.count, [&](Index s, int thread) {
    if (!interrupt_.poll_on(thread)) use(s, slices[s]);
  });
}

template <class Scalar>
void Layerwise<Scalar>::load() const {
  const Index halves = plan_.halved(1) ? 2 : 1;
  for_each_part(1, halves, [&](Index h, Slice slice) {
    const Index first = plan_.half(1, h);
    cache_.input.load(slice, first, plan_.half(1, h + 1) - first);
  });
}

// Half h of the inputs' share of Z[l]; the first has the bias with it.
template <class Scalar>
void Layerwise<Scalar>::multiply_half(Index l, Index h, Slice slice) const {
  const Index first = plan_.half(l, h), inputs = plan_.half(l, h + 1) - first;
  const View<Scalar> Z = h == 0 ? cache_.workspace.Z(l) : cache_.workspace.second_Z(l);
  kernels<Scalar>().dense.forward(network_.W(parameters_, l).middle_columns(first, inputs),
                                  h == 0 ? network_.b(parameters_, l) : nullptr,
                                  columns(cache_.A(l - 1), slice).middle_rows(first, inputs),
                                  columns(Z, slice), false);
}

template <class Scalar>
void Layerwise<Scalar>::multiply(Index l) const {
  if (plan_.halved(l))
    return for_each_part(l, 2, [&](Index h, Slice slice) { multiply_half(l, h, slice); });
  const Rows rows(layout_.n(l));
  for_each_part(l, rows.halves, [&](Index h, Slice slice) {
    const Index first = rows.first(h), count = rows.first(h + 1) - first;
    kernels<Scalar>().dense.forward(
        network_.W(parameters_, l).middle_rows(first, count), network_.b(parameters_, l) + first,
        columns(cache_.A(l - 1), slice),
        columns(cache_.workspace.Z(l), slice).middle_rows(first, count), false);
  });
}

// Z[l] and A[l], by the halves that the next layer takes them in.
template <class Scalar>
void Layerwise<Scalar>::activate_parts(Index l) const {
  const bool last = l == layout_.depth();
  const bool by_rows = !last && plan_.halved(l + 1) && !row_of(layout_.g(l)).couples_units;
  for_each_part(l, by_rows ? 2 : 1, [&](Index h, Slice slice) {
    const Index first = by_rows ? plan_.half(l + 1, h) : 0;
    const Index rows = by_rows ? plan_.half(l + 1, h + 1) - first : layout_.n(l);
    const auto part = [&](View<Scalar> matrix) {
      return matrix.block(first, slice.first, rows, slice.count);
    };
    const View<Scalar> Z = part(cache_.workspace.Z(l));
    if (plan_.halved(l)) kernels<Scalar>().vectors.add_to(part(cache_.workspace.second_Z(l)), Z);
    if (!last) activate<Scalar>(layout_.g(l), Z, part(cache_.workspace.A(l)));
  });
}

template <class Scalar>
void Layerwise<Scalar>::forward(bool first_product_is_made) const {
  if (!first_product_is_made) load();
  for (Index l = 1; l <= layout_.depth(); ++l) {
    if (layout_.dense(l)) {
      if (l > 1 || !first_product_is_made) multiply(l);
      activate_parts(l);
      continue;
    }
    if (cache_.coupling.couples(l)) {
      for_each_slice([&](Index s, Slice slice) { walk_.measure(l, s, slice); });
      cache_.coupling.put_together(layout_.layer(l), l, plan_.training_slices(cache_.m()));
    }
    for_each_columns([&](Slice slice) {
      walk_.forward_layer(slice, l);
      if (l < layout_.depth()) walk_.activate_layer(slice, l);
    });
  }
}

template <class Scalar>
void Layerwise<Scalar>::dense_backward(Index l) const {
  Rows rows(layout_.n(l - 1));
  if (plan_.halved(l)) rows.middle = plan_.half(l, 1);
  if (row_of(layout_.g(l - 1)).couples_units) rows.halves = 1;
  const Scalar* const W_transposed = transposed_(l);
  for_each_part(l, rows.halves, [&](Index h, Slice slice) {
    const FlushSubnormals flush;
    const Index first = rows.first(h), count = rows.first(h + 1) - first;
    const View<Scalar> dZ_prev =
        columns(cache_.workspace.dZ(l - 1), slice).middle_rows(first, count);
    kernels<Scalar>().dense.backward_input(
        network_.W(parameters_, l).middle_columns(first, count), columns(cache_.dZ(l), slice),
        dZ_prev, W_transposed ? W_transposed + first : nullptr, layout_.n(l - 1));
    walk_.add_skipped(l - 1, slice, first, dZ_prev);
    activate_backward<Scalar>(layout_.g(l - 1), dZ_prev,
                              walk_.derivative_cache(l - 1, slice).middle_rows(first, count),
                              dZ_prev);
  });
}

template <class Scalar>
void Layerwise<Scalar>::backward() const {
  const Index lowest = network_.rules().lowest_trained();
  for (Index l = layout_.depth(); l >= lowest; --l) {
    if (cache_.coupling.couples(l)) {
      for_each_slice([&](Index s, Slice slice) { walk_.measure_back(l, s, slice); });
      cache_.coupling.put_together_back(l, plan_.training_slices(cache_.m()));
    }
    if (l == lowest) return;
    if (layout_.dense(l))
      dense_backward(l);
    else
      for_each_columns([&](Slice slice) { walk_.backward(slice, l, l - 1, nullptr); });
  }
}

template class Layerwise<float>;
template class Layerwise<double>;

}  // namespace deltarule
