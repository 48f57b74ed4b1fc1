#include "kernels/periodic.hpp"

#include "kernels/elementary.hpp"
#include "kernels/passing_columns.hpp"
#include "kernels/product.hpp"
#include "kernels/scratch.hpp"
#include "kernels/simd.hpp"
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

// The rows of Z that are a column's.
template <class Number>
View<Number> units_of(const PeriodicShape& shape, View<Number> Z, Index c) {
  return Z.middle_rows(Z.rows - (shape.count() - c) * shape.units(), shape.units());
}

// What is cached of a column.
template <class Number>
struct Cached {
  View<Number> cosines, sines, unrectified;

  Cached(const PeriodicShape& shape, View<Number> own, Index c)
      : cosines(own.middle_rows(c * shape.frequencies, shape.frequencies)),
        sines(own.middle_rows(shape.waves() + c * shape.frequencies, shape.frequencies)) {
    if (shape.rectifies())
      unrectified = own.middle_rows(2 * shape.waves() + c * shape.mapped(), shape.mapped());
  }
};

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

// Of each example the cosines, and below them the sines, of all columns in one long loop.
template <class Scalar>
void make_waves(const PeriodicShape& shape, const Scalar* parameters, View<const Scalar> A_prev,
                View<Scalar> own) {
  const Index K = shape.frequencies, waves = shape.waves();
  for (Index j = 0; j < A_prev.columns; ++j) {
    Scalar *const cosines = own.column(j), *const sines = cosines + waves;
    for (Index c = 0; c < shape.count(); ++c) {  // u, where its cosine is to be
      const Scalar x = A_prev(shape.columns[static_cast<std::size_t>(c)], j);
      const Scalar* const w = parameters + c * K;
      Scalar* const u = cosines + c * K;
      if (shape.has_phases()) {
        const Scalar* const p = w + waves;
#pragma omp simd
        for (Index k = 0; k < K; ++k) u[k] = w[k] * x + p[k];
      } else {
#pragma omp simd
        for (Index k = 0; k < K; ++k) u[k] = w[k] * x;
      }
    }
#pragma omp simd
    for (Index i = 0; i < waves; ++i) {
      const elementary::Wave<Scalar> wave = elementary::wave(cosines[i]);
      cosines[i] = wave.cosine;
      sines[i] = wave.sine;
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
           const Cached<Scalar>& cached, View<Scalar> Z) {
  const Index K = shape.frequencies;
  if (shape.maps()) {
    const View<const Scalar> W(part.W, shape.mapped(), shape.features());
    const View<Scalar> mapped = shape.rectifies() ? cached.unrectified : mapped_of(shape, Z);
    product_along_columns<Scalar>(Scalar(1), W.middle_columns(0, K), cached.cosines, part.b, mapped,
                                  false);
    if (shape.has_sines())
      product_along_columns<Scalar>(Scalar(1), W.middle_columns(K, K), cached.sines, nullptr,
                                    mapped, true);
    if (shape.rectifies()) rectify<Scalar>(mapped, Z);
    if (shape.has_x())
      for (Index j = 0; j < Z.columns; ++j) *Z.column(j) = *x.column(j);
  } else if (shape.form == PeriodicForm::cosine) {
    const Scalar *const a = part.W, *const c = part.b;
    for (Index j = 0; j < Z.columns; ++j) {
      const Scalar* const cosines = cached.cosines.column(j);
      Scalar* const z = Z.column(j);
      z[0] = a[0] * *x.column(j) + c[0];
#pragma omp simd
      for (Index k = 0; k < K; ++k) z[k + 1] = a[k + 1] * cosines[k] + c[k + 1];
    }
  } else {
    for (Index j = 0; j < Z.columns; ++j) {
      std::copy_n(cached.cosines.column(j), K, Z.column(j));
      std::copy_n(cached.sines.column(j), K, Z.column(j) + K);
    }
  }
}

template <class Scalar>
void periodic_forward(const PeriodicShape& shape, const Scalar* parameters,
                      View<const Scalar> A_prev, View<Scalar> own, View<Scalar> Z) {
  pass_forward(shape.columns, A_prev, Z);
  const Scratch<Scalar> scratch(own.data ? 0 : shape.cached() * std::min(together, Z.columns));
  for_some(Z.columns, [&](Index first, Index count) {
    const View<const Scalar> A = A_prev.middle_columns(first, count);
    const View<Scalar> cached = own.data ? own.middle_columns(first, count)
                                         : View<Scalar>(scratch.data(), shape.cached(), count);
    make_waves(shape, parameters, A, cached);
    for (Index c = 0; c < shape.count(); ++c)
      embed(shape, Part<const Scalar>(shape, parameters, c),
            A.middle_rows(shape.columns[static_cast<std::size_t>(c)], 1),
            Cached<Scalar>(shape, cached, c), units_of(shape, Z.middle_columns(first, count), c));
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

  // Of up to `together` examples, whose dZ is the column's.
  BackInColumn(const PeriodicShape& shape, const Part<const Scalar>& part, View<const Scalar> dZ,
               const Cached<const Scalar>& cached, Scalar* room)
      : shape_(shape), part_(part), cached_(cached), d_waves_(dZ) {
    if (!shape.maps()) return;
    d_mapped_ = mapped_of(shape, dZ);
    const Index m = dZ.columns, F = shape.features(), rows = shape.mapped();
    const View<Scalar> W_transposed(room, F, rows), d_waves(room + W_transposed.size(), F, m);
    if (shape.rectifies()) {
      const View<Scalar> masked(d_waves.data + d_waves.size(), rows, m);
      const View<const Scalar> before = cached.unrectified;
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
    const View<const Scalar> cosines = cached_.cosines, sines = cached_.sines, d = d_waves_;
    if (shape_.has_sines())
      use([=](Index k, Index j) { return d(K + k, j) * cosines(k, j) - d(k, j) * sines(k, j); });
    else if (shape_.maps())
      use([=](Index k, Index j) { return -d(k, j) * sines(k, j); });
    else
      use([=, a = part_.W + 1](Index k, Index j) { return -a[k] * d(k + 1, j) * sines(k, j); });
  }

 private:
  const PeriodicShape& shape_;
  const Part<const Scalar>& part_;
  const Cached<const Scalar>& cached_;
  View<const Scalar> d_waves_, d_mapped_;
};

// Calls use(c, first, column, part, cached, back) for some examples of each column at a time, from `first`
// on.
template <class Scalar, class Use>
void for_each_back(const PeriodicShape& shape, const Scalar* parameters, View<const Scalar> dZ,
                   View<const Scalar> own, Use use) {
  const Scratch<Scalar> scratch(BackInColumn<Scalar>::room(shape, dZ.columns));
  for_some(dZ.columns, [&](Index first, Index count) {
    for (Index c = 0; c < shape.count(); ++c) {
      const Part<const Scalar> part(shape, parameters, c);
      const Cached<const Scalar> cached(shape, own.middle_columns(first, count), c);
      const View<const Scalar> units = units_of(shape, dZ.middle_columns(first, count), c);
      use(c, first, units, part, cached,
          BackInColumn<Scalar>(shape, part, units, cached, scratch.data()));
    }
  });
}

template <class Scalar>
void periodic_backward_input(const PeriodicShape& shape, const Scalar* parameters,
                             View<const Scalar> dZ, View<const Scalar> own, View<Scalar> dA_prev) {
  pass_backward(shape.columns, dZ, dA_prev);
  for_each_back(shape, parameters, dZ, own,
                [&](Index c, Index first, View<const Scalar> units, const Part<const Scalar>& part,
                    const Cached<const Scalar>&, const BackInColumn<Scalar>& back) {
                  const Index row = shape.columns[static_cast<std::size_t>(c)];
                  const Scalar* const w = part.w;
                  back.with_angles([&](auto du) {
                    for (Index j = 0; j < units.columns; ++j) {
                      const Scalar sum = sum_of<Scalar>(shape.frequencies,
                                                        [=](Index k) { return du(k, j) * w[k]; });
                      dA_prev(row, first + j) = tau<Scalar> * sum;
                    }
                  });
                  if (!shape.has_x()) return;
                  const Scalar of_x = shape.maps() ? Scalar(1) : part.W[0];
                  for (Index j = 0; j < units.columns; ++j)
                    dA_prev(row, first + j) += of_x * *units.column(j);
                });
}

// In the form cosine, the sums over some examples of a register of a column's waves, from wave k on; the
// last one may be `partial`, with `rest` lanes. With d the derivative in a wave's unit, its angle's is
// -a d sin, whose a all examples share: so every gradient is a sum of d, d cos, d sin or d sin x.
template <bool partial, class Scalar>
void add_wave_sums(Index k, Index rest, Scalar scale, const Part<const Scalar>& part,
                   const Cached<const Scalar>& cached, View<const Scalar> units,
                   View<const Scalar> x, const Part<Scalar>& to, bool adds) {
  using Vec = simd::Vec<Scalar>;
  struct Sums {
    Vec d{}, d_cosine{}, d_sine{}, d_sine_x{};
  };
  const auto load = [rest](const Scalar* from) {
    return partial ? simd::load_first(from, rest) : simd::load(from);
  };
  const auto add_example = [&](Index j, Sums& sums) {
    const Vec d = load(units.column(j) + 1 + k), d_sine = d * load(cached.sines.column(j) + k);
    sums.d += d;
    sums.d_cosine += d * load(cached.cosines.column(j) + k);
    sums.d_sine += d_sine;
    sums.d_sine_x += d_sine * *x.column(j);
  };
  Sums even, odd;  // two chains of additions that do not wait for one another
  Index j = 0;
  for (; j + 2 <= units.columns; j += 2) {
    add_example(j, even);
    add_example(j + 1, odd);
  }
  if (j < units.columns) add_example(j, even);
  const auto put = [&](Vec gradient, Scalar* there) {
    if (adds) gradient += load(there);
    if constexpr (partial)
      simd::store_first(there, gradient, rest);
    else
      simd::store(there, gradient);
  };
  const Vec of_angle = (-tau<Scalar> * scale) * load(part.W + 1 + k);
  put(of_angle * (even.d_sine_x + odd.d_sine_x), to.w + k);
  put(of_angle * (even.d_sine + odd.d_sine), to.phases + k);
  put(scale * (even.d_cosine + odd.d_cosine), to.W + 1 + k);
  put(scale * (even.d + odd.d), to.b + 1 + k);
}

template <class Scalar>
void cosine_backward_parameters(const PeriodicShape& shape, const Scalar* parameters,
                                View<const Scalar> dZ, View<const Scalar> A_prev,
                                View<const Scalar> own, Scalar scale, Scalar* gradients,
                                bool adds) {
  constexpr Index lanes = simd::lanes<Scalar>;
  const Index K = shape.frequencies;
  for_some(dZ.columns, [&](Index first, Index count) {
    const bool adds_here = adds || first > 0;
    for (Index c = 0; c < shape.count(); ++c) {
      const Part<const Scalar> part(shape, parameters, c);
      const Part<Scalar> to(shape, gradients, c);
      const Cached<const Scalar> cached(shape, own.middle_columns(first, count), c);
      const View<const Scalar> units = units_of(shape, dZ.middle_columns(first, count), c);
      const View<const Scalar> x =
          A_prev.block(shape.columns[static_cast<std::size_t>(c)], first, 1, count);
      Index k = 0;
      for (; k + lanes <= K; k += lanes)
        add_wave_sums<false>(k, lanes, scale, part, cached, units, x, to, adds_here);
      if (k < K) add_wave_sums<true>(k, K - k, scale, part, cached, units, x, to, adds_here);
      const Two<Scalar> of_x = sums_of<Scalar>(count, [=](Index j) {
        const Scalar d = *units.column(j);
        return Two<Scalar>{d * *x.column(j), d};
      });
      to.W[0] = scale * of_x.first + (adds_here ? to.W[0] : Scalar(0));
      to.b[0] = scale * of_x.second + (adds_here ? to.b[0] : Scalar(0));
    }
  });
}

template <class Scalar>
void periodic_backward_parameters(const PeriodicShape& shape, const Scalar* parameters,
                                  View<const Scalar> dZ, View<const Scalar> A_prev,
                                  View<const Scalar> own, Scalar scale, Scalar* gradients,
                                  bool adds) {
  if (dZ.columns == 0 && !adds) std::fill_n(gradients, shape.parameters(), Scalar(0));
  if (shape.form == PeriodicForm::cosine)
    return cosine_backward_parameters(shape, parameters, dZ, A_prev, own, scale, gradients, adds);
  for_each_back(shape, parameters, dZ, own,
                [&](Index c, Index first, View<const Scalar> units, const Part<const Scalar>&,
                    const Cached<const Scalar>& cached, const BackInColumn<Scalar>& back) {
                  const Part<Scalar> to(shape, gradients, c);
                  const Index m = units.columns, K = shape.frequencies;
                  const View<const Scalar> x =
                      A_prev.block(shape.columns[static_cast<std::size_t>(c)], first, 1, m);
                  const bool adds_here = adds || first > 0;
                  back.with_angles([&](auto du) {
                    const Scalar of_angle = tau<Scalar> * scale;
                    sum_columns<Scalar>(K, m, to.w, to.phases, adds_here, [=](Index k, Index j) {
                      const Scalar d = of_angle * du(k, j);
                      return Two<Scalar>{d * *x.column(j), d};
                    });
                  });
                  if (shape.maps()) {
                    const bool adds_to_map = adds_here || (shape.shared && c > 0);
                    const View<Scalar> dW(to.W, shape.mapped(), shape.features());
                    const auto add_product = [&](View<const Scalar> waves, Index first_wave) {
                      product<Scalar>(scale, back.d_mapped(), {waves.data, waves.stride, 1},
                                      nullptr, dW.middle_columns(first_wave, K), adds_to_map, {});
                    };
                    add_product(cached.cosines, 0);
                    if (shape.has_sines()) add_product(cached.sines, K);
                    row_sums<Scalar>(scale, back.d_mapped(), to.b, adds_to_map);
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
