// Columns of numbers become how far they have come through their bins, or vectors that are linear in
// each bin; the other columns pass.
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace deltarule {

// The edges of the bins of all columns, one column after another.
class Bins {
 public:
  void add(Index column, const std::vector<double>& edges) {
    columns_.push_back(
        {column, static_cast<Index>(edges.size()) - 1, static_cast<Index>(of_double_.size())});
    of_double_.insert(of_double_.end(), edges.begin(), edges.end());
    for (const double edge : edges) of_float_.push_back(static_cast<float>(edge));
  }

  const std::vector<BinnedColumn>& columns() const { return columns_; }
  const double* edges(const BinnedColumn& column) const {
    return of_double_.data() + column.first_edge;
  }
  template <class Scalar>
  const Scalar* all_edges() const {
    if constexpr (sizeof(Scalar) == sizeof(float))
      return of_float_.data();
    else
      return of_double_.data();
  }

 private:
  std::vector<BinnedColumn> columns_;
  std::vector<float> of_float_;
  std::vector<double> of_double_;
};

struct PiecewiseLinear {
  Bins bins;
  Index dimension = 0;
  bool linear = false;

  static constexpr const char* name = "piecewise_linear";
  static constexpr std::tuple fields{Field{"bins", &PiecewiseLinear::bins},
                                     Field{"dimension", &PiecewiseLinear::dimension},
                                     Field{"linear", &PiecewiseLinear::linear}};
  static constexpr LayerTraits traits{};

  template <class Scalar>
  PiecewiseShape<Scalar> shape() const {
    return {bins.columns(), bins.all_edges<Scalar>(), dimension, linear};
  }

  LayerSizes sizes(Index n_prev, const std::string& where) const {
    Index last = -1, all_bins = 0;
    for (const BinnedColumn& c : bins.columns()) {
      expect_column(c.column, last, n_prev, where);
      last = c.column;
      expect_edges(c, where);
      all_bins += c.bins;
    }
    const auto count = static_cast<Index>(bins.columns().size()), rows = all_bins + 2 * count;
    if (dimension < 0 || dimension > most_units ||
        dimension > most_parameters / std::max<Index>(1, rows))
      refuse(where + " has " + std::to_string(dimension) + " dimensions: expected 0 to " +
             std::to_string(most_units) + ", and " + std::to_string(most_parameters) +
             " numbers or fewer for all columns");
    if (dimension == 0) return {.n = n_prev - count + all_bins};
    return {.n = n_prev + count * (dimension - 1),
            .parameters = dimension * (all_bins + count * (linear ? 2 : 1))};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().piecewise_linear.forward(shape<Scalar>(), c.parameters, c.A_prev, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().piecewise_linear.backward_input(shape<Scalar>(), c.parameters, c.dZ, c.A_prev,
                                                      c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    kernels<Scalar>().piecewise_linear.backward_parameters(shape<Scalar>(), c.dZ, c.A_prev, c.scale,
                                                           c.gradients, c.adds);
  }

 private:
  void expect_edges(const BinnedColumn& c, const std::string& where) const {
    const double* const e = bins.edges(c);
    bool fine = c.bins >= 1;
    for (Index t = 0; fine && t < c.bins; ++t)
      fine = std::isfinite(e[t]) && std::isfinite(e[t + 1]) && e[t] < e[t + 1];
    if (!fine)
      refuse(where + " has " + std::to_string(c.bins + 1) + " edges for column " +
             std::to_string(c.column) + ": expected 2 or more finite numbers, in ascending order");
  }
};

}  // namespace deltarule
