#include "kernels/periodic.hpp"

#include "kernels/elementary.hpp"
#include "kernels/passing_columns.hpp"
#include "kernels/product.hpp"
#include "kernels/scratch.hpp"
#include "kernels/sums.hpp"

#include <algorithm>
#include <numbers>

namespace deltarule {
namespace {

template <class Scalar>
constexpr Scalar tau = Scalar(2) * std::numbers::pi_v<Scalar>;

// So many examples at a time: what is worked out of them stays in a core's own cache.
constexpr Index together = 128;

// A column's part of the parameters, or of their gradients.
template <class Number>
struct Part {
  Number *w, *phases, *W, *b;

  Part(const PeriodicShape& shape, Number* all, Index c)
      : w(all + c * shape.frequencies),
        phases(shape.has_phases() ? w + shape.frequencies * shape.count() : nullptr),
        W(all + shape.first_map() + (shape.shared ? 0 : c * shape.map_size())),
        b(all + shape.first_bias() + (shape.shared ? 0 : c * shape.bias_size())) {}
};

// The rows of Z, and of what is cached, that are a column's.
template <class Number>
View<Number> units_of(const PeriodicShape& shape, View<Number> Z, Index c) {
  return Z.middle_rows(Z.rows - (shape.count() - c) * shape.units(), shape.units());
}
template <class Number>
View<Number> cached_of(const PeriodicShape& shape, View<Number> own, Index c) {
  return own.middle_rows(c * shape.cached(), shape.cached());
}
// The rows of a column's units that the map makes.
template <class Number>
View<Number> mapped_of(const PeriodicShape& shape, View<Number> units) {
  return units.middle_rows(units.rows - shape.mapped(), shape.mapped());
}

// Calls use(first, count) for some examples at a time.
template <class Use>
void for_some(Index m, Use use) {
  for (Index first = 0; first < m; first += together) use(first, std::min(together, m - first));
}

// Forward -----------------------------------------------------------------------------------------

// Of each example the cosines, and below them the sines.
template <class Scalar>
void make_waves(const PeriodicShape& shape, const Part<const Scalar>& part, View<const Scalar> x,
                View<Scalar> waves) {
  const Index K = shape.frequencies;
  const Scalar *const w = part.w, *const p = part.phases;
  for (Index j = 0; j < x.columns; ++j) {
    const Scalar x_j = *x.column(j);
    Scalar *const cosines = waves.column(j), *const sines = cosines + K;
    if (p) {
#pragma omp simd
      for (Index k = 0; k < K; ++k) {
        const elementary::Wave<Scalar> wave = elementary::wave(w[k] * x_j + p[k]);
        cosines[k] = wave.cosine;
        sines[k] = wave.sine;
      }
    } else {
#pragma omp simd
      for (Index k = 0; k < K; ++k) {
        const elementary::Wave<Scalar> wave = elementary::wave(w[k] * x_j);
        cosines[k] = wave.cosine;
        sines[k] = wave.sine;
      }
    }
  }
}

template <class Scalar>
void rectify(View<const Scalar> before, View<Scalar> Z) {
  for (Index j = 0; j < Z.columns; ++j) {
    const Scalar* const from = before.column(j);
    Scalar* const z = Z.column(j);
#pragma omp simd
    for (Index i = 0; i < Z.rows; ++i) z[i] = from[i] < Scalar(0) ? Scalar(0) : from[i];
  }
}

// What becomes of a column's waves.
template <class Scalar>
void embed(const PeriodicShape& shape, const Part<const Scalar>& part, View<const Scalar> x,
           View<Scalar> own, View<Scalar> Z) {
  const View<Scalar> waves = own.middle_rows(0, shape.features());
  if (shape.maps()) {
    const View<const Scalar> W(part.W, shape.mapped(), shape.features());
    const View<Scalar> mapped = mapped_of(shape, shape.rectifies() ? own : Z);
    product_along_columns<Scalar>(Scalar(1), W, waves, part.b, mapped, false);
    if (shape.rectifies()) rectify<Scalar>(mapped, Z);
    if (shape.has_x())
      for (Index j = 0; j < Z.columns; ++j) *Z.column(j) = *x.column(j);
  } else if (shape.form == PeriodicForm::cosine) {
    const Scalar *const a = part.W, *const c = part.b;
    for (Index j = 0; j < Z.columns; ++j) {
      const Scalar* const cosines = waves.column(j);
      Scalar* const z = Z.column(j);
      z[0] = a[0] * *x.column(j) + c[0];
#pragma omp simd
      for (Index k = 0; k < shape.frequencies; ++k) z[k + 1] = a[k + 1] * cosines[k] + c[k + 1];
    }
  } else {
    for (Index j = 0; j < Z.columns; ++j) std::copy_n(waves.column(j), Z.rows, Z.column(j));
  }
}

template <class Scalar>
void periodic_forward(const PeriodicShape& shape, const Scalar* parameters,
                      View<const Scalar> A_prev, View<Scalar> own, View<Scalar> Z) {
  pass_forward(shape.columns, A_prev, Z);
  const auto make = [&](Index c, View<const Scalar> A, View<Scalar> cached, View<Scalar> of_Z) {
    const Part<const Scalar> part(shape, parameters, c);
    const View<const Scalar> x = A.middle_rows(shape.columns[static_cast<std::size_t>(c)], 1);
    make_waves(shape, part, x, cached);
    embed(shape, part, x, cached, units_of(shape, of_Z, c));
  };
  if (own.data) {
    for (Index c = 0; c < shape.count(); ++c) make(c, A_prev, cached_of(shape, own, c), Z);
    return;
  }
  const Scratch<Scalar> scratch(shape.cached() * std::min(together, A_prev.columns));
  for_some(A_prev.columns, [&](Index first, Index count) {
    const View<Scalar> cached(scratch.data(), shape.cached(), count);
    for (Index c = 0; c < shape.count(); ++c)
      make(c, A_prev.middle_columns(first, count), cached, Z.middle_columns(first, count));
  });
}

// Backward ----------------------------------------------------------------------------------------

// The derivatives in a column's waves, of some examples, and what they come from.
template <class Scalar>
class BackInColumn {
 public:
  static Index room(const PeriodicShape& shape, Index m) {
    if (!shape.maps()) return 0;
    const Index masked = shape.rectifies() ? shape.mapped() : 0;
    return (shape.features() + masked) * std::min(together, m) + shape.map_size();
  }

  // Of up to `together` examples, whose dZ and `own` are the column's.
  BackInColumn(const PeriodicShape& shape, const Part<const Scalar>& part, View<const Scalar> dZ,
               View<const Scalar> own, Scalar* room)
      : shape_(shape), part_(part), dZ_(dZ), own_(own), d_waves_(dZ) {
    if (!shape.maps()) return;
    d_mapped_ = mapped_of(shape, dZ);
    const Index m = dZ.columns, F = shape.features(), rows = shape.mapped();
    const View<Scalar> W_transposed(room, F, rows), d_waves(room + W_transposed.size(), F, m);
    if (shape.rectifies()) {
      const View<Scalar> masked(d_waves.data + d_waves.size(), rows, m);
      const View<const Scalar> before = mapped_of(shape, own);
      for (Index j = 0; j < m; ++j)
#pragma omp simd
        for (Index i = 0; i < rows; ++i)
          masked(i, j) = before(i, j) > Scalar(0) ? d_mapped_(i, j) : Scalar(0);
      d_mapped_ = masked;
    }
    transpose<Scalar>({part.W, rows, F}, W_transposed);
    transposed_product<Scalar>({part.W, rows, F}, W_transposed.data, F, d_mapped_, d_waves);
    d_waves_ = d_waves;
  }

  View<const Scalar> d_mapped() const { return d_mapped_; }

  // Calls use(du), where du(k, j) is the derivative in the angle 2 pi u_k of example j.
  template <class Use>
  void with_angles(Use use) const {
    const Index K = shape_.frequencies;
    const View<const Scalar> own = own_, d = d_waves_;
    if (shape_.form == PeriodicForm::plr)
      use([=](Index k, Index j) { return d(K + k, j) * own(k, j) - d(k, j) * own(K + k, j); });
    else if (shape_.form == PeriodicForm::pbld)
      use([=](Index k, Index j) { return -d(k, j) * own(K + k, j); });
    else
      use([=, a = part_.W + 1](Index k, Index j) { return -a[k] * d(k + 1, j) * own(K + k, j); });
  }

 private:
  const PeriodicShape& shape_;
  const Part<const Scalar>& part_;
  View<const Scalar> dZ_, own_, d_waves_, d_mapped_;
};

// Calls use(c, first, column) for some examples of each column at a time, from `first` on.
template <class Scalar, class Use>
void for_each_back(const PeriodicShape& shape, const Scalar* parameters, View<const Scalar> dZ,
                   View<const Scalar> own, Use use) {
  const Scratch<Scalar> scratch(BackInColumn<Scalar>::room(shape, dZ.columns));
  for_some(dZ.columns, [&](Index first, Index count) {
    for (Index c = 0; c < shape.count(); ++c) {
      const Part<const Scalar> part(shape, parameters, c);
      const View<const Scalar> of_column = units_of(shape, dZ.middle_columns(first, count), c);
      use(c, first, part, of_column,
          BackInColumn<Scalar>(shape, part, of_column,
                               cached_of(shape, own.middle_columns(first, count), c),
                               scratch.data()));
    }
  });
}

template <class Scalar>
void periodic_backward_input(const PeriodicShape& shape, const Scalar* parameters,
                             View<const Scalar> dZ, View<const Scalar> own, View<Scalar> dA_prev) {
  pass_backward(shape.columns, dZ, dA_prev);
  for_each_back(shape, parameters, dZ, own,
                [&](Index c, Index first, const Part<const Scalar>& part,
                    View<const Scalar> of_column, const BackInColumn<Scalar>& back) {
                  const Index row = shape.columns[static_cast<std::size_t>(c)];
                  const Scalar of_x = shape.maps() ? Scalar(1) : part.W[0];
                  back.with_angles([&](auto du) {
                    for (Index j = 0; j < of_column.columns; ++j) {
                      const Scalar* const w = part.w;
                      const Scalar sum = sum_of<Scalar>(shape.frequencies,
                                                        [=](Index k) { return du(k, j) * w[k]; });
                      const Scalar beside = shape.has_x() ? of_x * *of_column.column(j) : Scalar(0);
                      dA_prev(row, first + j) = tau<Scalar> * sum + beside;
                    }
                  });
                });
}

template <class Scalar>
void periodic_backward_parameters(const PeriodicShape& shape, const Scalar* parameters,
                                  View<const Scalar> dZ, View<const Scalar> A_prev,
                                  View<const Scalar> own, Scalar scale, Scalar* gradients,
                                  bool adds) {
  if (dZ.columns == 0 && !adds) std::fill_n(gradients, shape.parameters(), Scalar(0));
  for_each_back(
      shape, parameters, dZ, own,
      [&](Index c, Index first, const Part<const Scalar>&, View<const Scalar> of_column,
          const BackInColumn<Scalar>& back) {
        const Part<Scalar> to(shape, gradients, c);
        const Index m = of_column.columns;
        const View<const Scalar> A = A_prev.middle_columns(first, m);
        const View<const Scalar> x = A.middle_rows(shape.columns[static_cast<std::size_t>(c)], 1);
        const View<const Scalar> cached = cached_of(shape, own.middle_columns(first, m), c);
        const bool adds_here = adds || first > 0,
                   adds_to_map = adds_here || (shape.shared && c > 0);
        const Scalar of_angle = tau<Scalar> * scale;
        back.with_angles([&](auto du) {
          sum_columns<Scalar>(shape.frequencies, m, to.w, to.phases, adds_here,
                              [=](Index k, Index j) {
                                const Scalar d = of_angle * du(k, j);
                                return Two<Scalar>{d * *x.column(j), d};
                              });
        });
        if (shape.maps()) {
          const View<Scalar> dW(to.W, shape.mapped(), shape.features());
          product<Scalar>(scale, back.d_mapped(), {cached.data, cached.stride, 1}, nullptr, dW,
                          adds_to_map, {});
          row_sums<Scalar>(scale, back.d_mapped(), to.b, adds_to_map);
        } else if (shape.form == PeriodicForm::cosine) {
          sum_columns<Scalar>(shape.frequencies, m, to.W + 1, to.b + 1, adds_to_map,
                              [=](Index k, Index j) {
                                const Scalar d = scale * of_column(k + 1, j);
                                return Two<Scalar>{d * cached(k, j), d};
                              });
          sum_columns<Scalar>(1, m, to.W, to.b, adds_to_map, [=](Index, Index j) {
            const Scalar d = scale * *of_column.column(j);
            return Two<Scalar>{d * *x.column(j), d};
          });
        }
      });
}

}  // namespace

template <class Scalar>
PeriodicKernels<Scalar> periodic_kernels() {
  return {.forward = periodic_forward<Scalar>,
          .backward_input = periodic_backward_input<Scalar>,
          .backward_parameters = periodic_backward_parameters<Scalar>};
}
template PeriodicKernels<float> periodic_kernels();
template PeriodicKernels<double> periodic_kernels();

}  // namespace deltarule
