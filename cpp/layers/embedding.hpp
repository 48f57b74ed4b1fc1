// Columns of codes become the vectors that a table has for them, the other columns pass (Guo & Berkhahn
// 2016).
#pragma once

#include "kernels/dispatch.hpp"
#include "layers/refuse.hpp"

#include <vector>

namespace deltarule {

struct Embedding {
  std::vector<EmbeddedColumn> columns;

  static constexpr const char* name = "embedding";
  static constexpr std::tuple fields{Field{"columns", &Embedding::columns}};
  static constexpr LayerTraits traits{.embeds = true};

  LayerSizes sizes(Index n_prev, const std::string& where) const {
    Index n = n_prev, parameters = 0, last = -1;
    for (const EmbeddedColumn& c : columns) {
      expect_column(c.column, last, n_prev, where);
      if (c.categories < 1 || c.dimension < 1 || c.categories > most_units ||
          c.dimension > most_units || c.categories * c.dimension > most_parameters - parameters)
        refuse(where + " embeds " + std::to_string(c.categories) + " categories in " +
               std::to_string(c.dimension) + " dimensions: expected 1 to " +
               std::to_string(most_units) + " of each, and " + std::to_string(most_parameters) +
               " numbers or fewer in all tables");
      n += c.dimension - 1;
      parameters += c.categories * c.dimension;
      last = c.column;
    }
    return {.n = n, .parameters = parameters};
  }

  template <class Scalar>
  void forward(const ForwardContext<Scalar>& c) const {
    kernels<Scalar>().embedding.forward(columns, c.parameters, c.A_prev, c.Z);
  }
  template <class Scalar>
  void backward(const InputContext<Scalar>& c) const {
    kernels<Scalar>().embedding.backward_input(columns, c.dZ, c.dA_prev);
  }
  template <class Scalar>
  void gradient(const GradientContext<Scalar>& c) const {
    kernels<Scalar>().embedding.backward_tables(columns, c.dZ, c.A_prev, c.scale, c.gradients,
                                                c.adds);
  }
};

}  // namespace deltarule
