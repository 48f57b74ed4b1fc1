// Periodic: a number becomes cosines and sines of its multiples, with what the embedding of a form makes
// of them (Gorishniy et al. 2022; Holzmueller et al. 2024; TabPack 2026).
#pragma once

#include "base/view.hpp"

#include <cstdint>
#include <span>

namespace deltarule {

enum class PeriodicForm : std::uint8_t { plr, pbld, cosine };

// With u_k = w_k x + p_k turns, k < K, a column's number x becomes
//   plr:     max(0, W [cos 2 pi u; sin 2 pi u] + b), p = 0; without a map, the waves themselves
//   pbld:    [x; W cos 2 pi u + b]
//   cosine:  a [x; cos 2 pi u] + c, number by number
struct PeriodicShape {
  std::span<const Index> columns;  // the inputs that are embedded, in ascending order
  Index frequencies = 1;           // K
  Index dimension = 0;             // d, the numbers that plr and pbld map to; 0: there is no map
  PeriodicForm form = PeriodicForm::plr;
  bool shared = false;  // is there one map for all columns?

  Index count() const { return static_cast<Index>(columns.size()); }
  bool has_phases() const { return form != PeriodicForm::plr; }
  bool has_sines() const { return form == PeriodicForm::plr; }
  bool has_x() const { return form != PeriodicForm::plr; }  // is the first of a column's units x?
  bool maps() const { return form != PeriodicForm::cosine && dimension > 0; }
  bool rectifies() const { return form == PeriodicForm::plr && maps(); }
  Index features() const { return form == PeriodicForm::plr ? 2 * frequencies : frequencies; }
  Index units() const { return maps() ? dimension : features() + (has_x() ? 1 : 0); }
  Index mapped() const { return dimension - (has_x() ? 1 : 0); }  // rows of W
  // What an example caches: all columns' cosines, their sines, and what a rectifier rectifies.
  Index waves() const { return frequencies * count(); }
  Index cached() const { return 2 * waves() + (rectifies() ? mapped() * count() : 0); }

  // The parameters: w (K, columns), p likewise; W of each column, or the one, and b, a column for each
  // W; or a and c (1 + K, columns).
  Index maps_count() const { return shared ? 1 : count(); }
  Index map_size() const { return maps() ? mapped() * features() : affine_size(); }
  Index bias_size() const { return maps() ? mapped() : affine_size(); }
  Index affine_size() const { return form == PeriodicForm::cosine ? 1 + frequencies : 0; }
  Index first_map() const { return frequencies * count() * (has_phases() ? 2 : 1); }
  Index first_bias() const { return first_map() + map_size() * maps_count(); }
  Index parameters() const { return first_bias() + bias_size() * maps_count(); }
};

template <class Scalar>
struct PeriodicKernels {
  // The inputs that pass, in their order, and below them what each column becomes. A_prev (n_prev, m)
  // -> Z (n, m); `own` (cached(), m) keeps the waves for the way back; without data, in
  // inference, they are forgotten.
  void (*forward)(const PeriodicShape& shape, const Scalar* parameters, View<const Scalar> A_prev,
                  View<Scalar> own, View<Scalar> Z);

  void (*backward_input)(const PeriodicShape& shape, const Scalar* parameters,
                         View<const Scalar> dZ, View<const Scalar> own, View<Scalar> dA_prev);

  // scale sum_columns ...; with `adds`, added.
  void (*backward_parameters)(const PeriodicShape& shape, const Scalar* parameters,
                              View<const Scalar> dZ, View<const Scalar> A_prev,
                              View<const Scalar> own, Scalar scale, Scalar* gradients, bool adds);
};

template <class Scalar>
PeriodicKernels<Scalar> periodic_kernels();

}  // namespace deltarule
