// Columns of numbers become cosines and sines of their multiples, and what a form makes of them; the
// other columns pass.
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

#include <algorithm>
#include <vector>

namespace deltarule {

struct Periodic {
  std::vector<Index> columns;
  Index frequencies = 1, dimension = 0;
  PeriodicForm form = PeriodicForm::plr;
  bool shared = false;

  static constexpr const char* name = "periodic";
  static constexpr std::tuple fields{
      Field{"columns", &Periodic::columns}, Field{"frequencies", &Periodic::frequencies},
      Field{"dimension", &Periodic::dimension}, Field{"form", &Periodic::form},
      Field{"shared", &Periodic::shared}};
  static constexpr LayerTraits traits{};

  PeriodicShape shape() const { return {columns, frequencies, dimension, form, shared}; }

  LayerSizes sizes(Index n_prev, const std::string& where) const {
    Index last = -1;
    for (const Index column : columns) {
      expect_column(column, last, n_prev, where);
      last = column;
    }
    const PeriodicShape s = shape();
    const Index least = form == PeriodicForm::pbld ? 2 : 0;  // x, and a number beside it
    const Index most = most_parameters / 8 / std::max<Index>(1, s.count());
    if (frequencies < 1 || frequencies > most_units || dimension < least ||
        dimension > most_units || frequencies > most || dimension > most ||
        (s.maps() && s.features() > most / dimension))
      refuse(where + " has " + std::to_string(frequencies) + " frequencies and " +
             std::to_string(dimension) + " dimensions: expected 1 or more, and " +
             std::to_string(least) + " or more, and " + std::to_string(most_parameters) +
             " numbers or fewer for all columns");
    return {.n = n_prev + s.count() * (s.units() - 1),
            .parameters = s.parameters(),
            .cached = s.cached()};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().periodic.forward(shape(), c.parameters, c.A_prev, c.own, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().periodic.backward_input(shape(), c.parameters, c.dZ, c.own, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    kernels<Scalar>().periodic.backward_parameters(shape(), c.parameters, c.dZ, c.A_prev, c.own,
                                                   c.scale, c.gradients, c.adds);
  }
};

}  // namespace deltarule
