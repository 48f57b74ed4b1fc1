#include "deltarule/layerwise.hpp"

#include "deltarule/dense.hpp"
#include "parallel.hpp"
#include "subnormals.hpp"

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
  const double work = 2.0 * static_cast<double>(network_.n(l)) *
                      static_cast<double>(network_.n(l - 1)) / static_cast<double>(halves);
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
  const Slices slices = network_.training_slices(cache_.m());
  parallel_for(threads_, slices.count, [&](Index s, int thread) {
    if (!interrupt_.poll_on(thread)) use(s, slices[s]);
  });
}

template <class Scalar>
void Layerwise<Scalar>::load() const {
  const Index halves = network_.halved(1) ? 2 : 1;
  for_each_part(1, halves, [&](Index h, Slice slice) {
    const Index first = network_.half(1, h);
    cache_.load(slice, first, network_.half(1, h + 1) - first);
  });
}

template <class Scalar>
void Layerwise<Scalar>::multiply(const Scalar* parameters, Index l) const {
  const auto W = network_.W(parameters, l);
  const auto b = network_.b(parameters, l);
  if (network_.halved(l)) {
    for_each_part(l, 2, [&](Index h, Slice slice) {
      const Index first = network_.half(l, h), inputs = network_.half(l, h + 1) - first;
      network_.with_input(cache_, l, [&](const auto& A_prev) {
        const auto A = A_prev.block(first, slice.first, inputs, slice.count);
        const auto W_half = W.middleCols(first, inputs);
        if (h == 0)
          dense_forward<Scalar>(W_half, b, A, cache_.Z(l).middleCols(slice.first, slice.count));
        else
          dense_forward_without_bias<Scalar>(
              W_half, A, cache_.second_Z(l).middleCols(slice.first, slice.count));
      });
    });
    return;
  }
  const Rows rows(network_.n(l));
  for_each_part(l, rows.halves, [&](Index h, Slice slice) {
    const Index first = rows.first(h), count = rows.first(h + 1) - first;
    network_.with_input(cache_, l, [&](const auto& A_prev) {
      dense_forward<Scalar>(W.middleRows(first, count), b.segment(first, count),
                            A_prev.middleCols(slice.first, slice.count),
                            cache_.Z(l).block(first, slice.first, count, slice.count));
    });
  });
}

// Z[l] and A[l], by the halves that the next layer takes them in.
template <class Scalar>
void Layerwise<Scalar>::activate(Index l) const {
  const bool last = l == network_.depth();
  const bool by_rows = !last && network_.halved(l + 1) && network_.g(l) != Activation::softmax;
  for_each_part(l, by_rows ? 2 : 1, [&](Index h, Slice slice) {
    const Index first = by_rows ? network_.half(l + 1, h) : 0;
    const Index rows = by_rows ? network_.half(l + 1, h + 1) - first : network_.n(l);
    const auto part = [&](auto matrix) {
      return matrix.block(first, slice.first, rows, slice.count);
    };
    if (network_.halved(l)) part(cache_.Z(l)) += part(cache_.second_Z(l));
    if (!last) activation_forward<Scalar>(network_.g(l), part(cache_.Z(l)), part(cache_.A(l)));
  });
}

template <class Scalar>
void Layerwise<Scalar>::forward(const Scalar* parameters, bool first_product_is_made) const {
  if (!first_product_is_made) load();
  for (Index l = 1; l <= network_.depth(); ++l) {
    if (network_.dense(l)) {
      if (l > 1 || !first_product_is_made) multiply(parameters, l);
      activate(l);
      continue;
    }
    if (cache_.couples(l)) {
      for_each_slice([&](Index s, Slice slice) { network_.measure_slice(l, s, slice, cache_); });
      network_.measured(l, network_.training_slices(cache_.m()), cache_);
    }
    for_each_columns([&](Slice slice) {
      network_.forward_layer(parameters, slice, l, cache_);
      if (l < network_.depth()) network_.activate_slice(slice, l, cache_);
    });
  }
}

template <class Scalar>
void Layerwise<Scalar>::dense_backward(const Scalar* parameters,
                                       const TransposedWeights<Scalar>& transposed, Index l) const {
  Rows rows(network_.n(l - 1));
  if (network_.halved(l)) rows.middle = network_.half(l, 1);
  if (network_.g(l - 1) == Activation::softmax) rows.halves = 1;  // its units need one another
  const Scalar* const W_transposed = transposed(l);
  for_each_part(l, rows.halves, [&](Index h, Slice slice) {
    const FlushSubnormals flush;
    const Index first = rows.first(h), count = rows.first(h + 1) - first;
    auto dZ_prev = cache_.dZ(l - 1).block(first, slice.first, count, slice.count);
    dense_backward_input<Scalar>(network_.W(parameters, l).middleCols(first, count),
                                 cache_.dZ(l).middleCols(slice.first, slice.count), dZ_prev,
                                 W_transposed ? W_transposed + first : nullptr, network_.n(l - 1));
    network_.add_skipped(l - 1, slice, first, cache_, dZ_prev);
    activation_backward<Scalar>(
        network_.g(l - 1), dZ_prev,
        network_.derivative_cache(cache_, l - 1, slice).middleRows(first, count), dZ_prev);
  });
}

template <class Scalar>
void Layerwise<Scalar>::backward(const Scalar* parameters,
                                 const TransposedWeights<Scalar>& transposed) const {
  const Index lowest = network_.lowest_trained();
  for (Index l = network_.depth(); l >= lowest; --l) {
    if (cache_.couples(l)) {
      for_each_slice(
          [&](Index s, Slice slice) { network_.measure_slice_back(l, s, slice, cache_); });
      network_.measured_back(l, network_.training_slices(cache_.m()), cache_);
    }
    if (l == lowest) return;
    if (network_.dense(l))
      dense_backward(parameters, transposed, l);
    else
      for_each_columns([&](Slice slice) {
        network_.backward_slice(parameters, transposed, slice, l, l - 1, cache_, nullptr);
      });
  }
}

template class Layerwise<float>;
template class Layerwise<double>;

}  // namespace deltarule
