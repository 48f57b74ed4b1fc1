#include "kernels/piecewise_linear.hpp"

#include "kernels/passing_columns.hpp"
#include "kernels/scratch.hpp"
#include "kernels/sums.hpp"

#include <algorithm>

namespace deltarule {
namespace {

// In which bin x lies: how many of the edges between bins are not above it. (NaN: the first.)
template <class Scalar>
Index bin_of(const Scalar* edges, Index bins, Scalar x) {
  const Scalar* from = edges + 1;
  Index count = bins - 1;
  while (count > 1) {  // without a branch that could be foretold wrong
    const Index half = count / 2;
    from += from[half - 1] <= x ? half : 0;
    count -= half;
  }
  return (from - edges - 1) + (count == 1 && *from <= x ? 1 : 0);
}

// 1 / (e_t+1 - e_t); of a bin without width, which rounding may leave, 0
template <class Scalar>
void inverse_widths(const Scalar* edges, Index bins, Scalar* inverse) {
  for (Index t = 0; t < bins; ++t) {
    const Scalar width = edges[t + 1] - edges[t];
    inverse[t] = width > Scalar(0) ? Scalar(1) / width : Scalar(0);
  }
}

template <class Scalar>
Index most_bins(const PiecewiseShape<Scalar>& shape) {
  Index most = 0;
  for (const BinnedColumn& column : shape.columns) most = std::max(most, column.bins);
  return most;
}

// Where the parts of the parameters of column c begin, or of their gradients.
struct Places {
  Index W, v, b;
};

// Calls use(column, row, places) for each column that is embedded, with the first of its rows in Z,
// which begin with `row`.
template <class Scalar, class Use>
void for_each_column(const PiecewiseShape<Scalar>& shape, Index row, Use use) {
  const Index d = shape.dimension;
  Index bins = 0;
  for (const BinnedColumn& column : shape.columns) bins += column.bins;
  const Index of_terms = d * static_cast<Index>(shape.columns.size());
  Places places{0, d * bins, d * bins + (shape.linear ? of_terms : 0)};
  for (const BinnedColumn& column : shape.columns) {
    use(column, row, places);
    row += d > 0 ? d : column.bins;
    places.W += d * column.bins;
    places.v += d;
    places.b += d;
  }
}

// What a column's vectors are made of: with D_t = W_t / (e_t+1 - e_t) and P_t = b + W_0 + ... + W_t-1,
// of an x in bin t z = P_t + D_t (x - e_t). Worked out once for all examples, in `room`.
template <class Scalar>
struct Pieces {
  View<Scalar> slopes, starts;  // D and P, (d, bins)

  static Index room(Index d, Index bins) { return 2 * d * bins + bins; }

  Pieces(const Scalar* edges, View<const Scalar> W, const Scalar* b, Scalar* room)
      : slopes(room, W.rows, W.columns), starts(room + W.size(), W.rows, W.columns) {
    const Index d = W.rows, bins = W.columns;
    Scalar* const inverse = room + 2 * W.size();
    inverse_widths(edges, bins, inverse);
    std::copy_n(b, d, starts.data);
    for (Index t = 0; t < bins; ++t) {
      const Scalar *const w = W.column(t), *const start = starts.column(t);
      Scalar* const slope = slopes.column(t);
#pragma omp simd
      for (Index i = 0; i < d; ++i) slope[i] = w[i] * inverse[t];
      if (t + 1 == bins) break;
      Scalar* const next = starts.column(t + 1);
#pragma omp simd
      for (Index i = 0; i < d; ++i) next[i] = start[i] + w[i];
    }
  }
};

// f itself ----------------------------------------------------------------------------------------

template <class Scalar>
void encode(const Scalar* edges, Index bins, const Scalar* inverse, Scalar x, Scalar* z) {
  const Index t = bin_of(edges, bins, x);
  std::fill_n(z, t, Scalar(1));
  z[t] = (x - edges[t]) * inverse[t];
  std::fill_n(z + t + 1, bins - t - 1, Scalar(0));
}

// The steps ---------------------------------------------------------------------------------------

template <class Scalar>
void piecewise_linear_forward(const PiecewiseShape<Scalar>& shape, const Scalar* parameters,
                              View<const Scalar> A_prev, View<Scalar> Z) {
  const Index passed = pass_forward(shape.columns, A_prev, Z), d = shape.dimension;
  const Scratch<Scalar> scratch(Pieces<Scalar>::room(d, most_bins(shape)));
  for_each_column(shape, passed, [&](const BinnedColumn& c, Index row, const Places& places) {
    const Scalar* const edges = shape.edges + c.first_edge;
    if (d == 0) {
      inverse_widths(edges, c.bins, scratch.data());
      for (Index j = 0; j < Z.columns; ++j)
        encode<Scalar>(edges, c.bins, scratch.data(), A_prev(c.column, j), Z.column(j) + row);
      return;
    }
    const Pieces<Scalar> pieces(edges, {parameters + places.W, d, c.bins}, parameters + places.b,
                                scratch.data());
    const Scalar* const v = parameters + places.v;
    for (Index j = 0; j < Z.columns; ++j) {
      const Scalar x = A_prev(c.column, j);
      const Index t = bin_of(edges, c.bins, x);
      const Scalar *const start = pieces.starts.column(t), *const slope = pieces.slopes.column(t);
      const Scalar beyond = x - edges[t];
      Scalar* const z = Z.column(j) + row;
      if (shape.linear) {
#pragma omp simd
        for (Index i = 0; i < d; ++i) z[i] = start[i] + slope[i] * beyond + v[i] * x;
      } else {
#pragma omp simd
        for (Index i = 0; i < d; ++i) z[i] = start[i] + slope[i] * beyond;
      }
    }
  });
}

template <class Scalar>
void piecewise_linear_backward_input(const PiecewiseShape<Scalar>& shape, const Scalar* parameters,
                                     View<const Scalar> dZ, View<const Scalar> A_prev,
                                     View<Scalar> dA_prev) {
  const Index passed = pass_backward(shape.columns, dZ, dA_prev), d = shape.dimension;
  const Scratch<Scalar> scratch(Pieces<Scalar>::room(d, most_bins(shape)));
  for_each_column(shape, passed, [&](const BinnedColumn& c, Index row, const Places& places) {
    const Scalar* const edges = shape.edges + c.first_edge;
    if (d == 0) {
      inverse_widths(edges, c.bins, scratch.data());
      for (Index j = 0; j < dZ.columns; ++j) {
        const Index t = bin_of(edges, c.bins, A_prev(c.column, j));
        dA_prev(c.column, j) = dZ(row + t, j) * scratch.data()[t];
      }
      return;
    }
    const Pieces<Scalar> pieces(edges, {parameters + places.W, d, c.bins}, parameters + places.b,
                                scratch.data());
    const Scalar* const v = parameters + places.v;
    for (Index j = 0; j < dZ.columns; ++j) {
      const Index t = bin_of(edges, c.bins, A_prev(c.column, j));
      const Scalar *const slope = pieces.slopes.column(t), *const dz = dZ.column(j) + row;
      dA_prev(c.column, j) =
          shape.linear ? sum_of<Scalar>(d, [=](Index i) { return dz[i] * (slope[i] + v[i]); })
                       : sum_of<Scalar>(d, [=](Index i) { return dz[i] * slope[i]; });
    }
  });
}

// W_t has a share in every example of its own bin, and in all of those above it: what the bins have is
// added up example by example, and then from the last bin down.
template <class Scalar>
void piecewise_linear_backward_parameters(const PiecewiseShape<Scalar>& shape,
                                          View<const Scalar> dZ, View<const Scalar> A_prev,
                                          Scalar scale, Scalar* gradients, bool adds) {
  const Index d = shape.dimension;
  if (d == 0) return;
  const Index passed = passing(shape.columns, A_prev.rows), bins = most_bins(shape);
  const Scratch<Scalar> scratch(2 * d * bins + bins + 2 * d);
  for_each_column(shape, passed, [&](const BinnedColumn& c, Index row, const Places& places) {
    const Scalar* const edges = shape.edges + c.first_edge;
    const View<Scalar> within(scratch.data(), d, c.bins),
        in(scratch.data() + d * c.bins, d, c.bins);
    Scalar *const inverse = in.data + in.size(), *const dv = inverse + c.bins,
                  *const above = dv + d;
    inverse_widths(edges, c.bins, inverse);
    std::fill_n(within.data, within.size() + in.size(), Scalar(0));
    std::fill_n(dv, 2 * d, Scalar(0));
    for (Index j = 0; j < dZ.columns; ++j) {
      const Scalar x = A_prev(c.column, j);
      const Index t = bin_of(edges, c.bins, x);
      const Scalar beyond = x - edges[t];
      const Scalar* const dz = dZ.column(j) + row;
      Scalar *const of_within = within.column(t), *const of_in = in.column(t);
#pragma omp simd
      for (Index i = 0; i < d; ++i) {
        of_within[i] += dz[i] * beyond;
        of_in[i] += dz[i];
        dv[i] += dz[i] * x;
      }
    }
    const auto add = [&](Scalar sum, Scalar& to) { to = adds ? to + scale * sum : scale * sum; };
    for (Index t = c.bins - 1; t >= 0; --t) {
      Scalar* const dw = gradients + places.W + t * d;
      for (Index i = 0; i < d; ++i) {
        add(within(i, t) * inverse[t] + above[i], dw[i]);
        above[i] += in(i, t);
      }
    }
    for (Index i = 0; i < d; ++i) {
      if (shape.linear) add(dv[i], gradients[places.v + i]);
      add(above[i], gradients[places.b + i]);
    }
  });
}

}  // namespace

template <class Scalar>
PiecewiseLinearKernels<Scalar> piecewise_linear_kernels() {
  return {.forward = piecewise_linear_forward<Scalar>,
          .backward_input = piecewise_linear_backward_input<Scalar>,
          .backward_parameters = piecewise_linear_backward_parameters<Scalar>};
}
template PiecewiseLinearKernels<float> piecewise_linear_kernels();
template PiecewiseLinearKernels<double> piecewise_linear_kernels();

}  // namespace deltarule
