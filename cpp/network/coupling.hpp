// The moments of layers that normalise units, in a pass: given ones, or those of the batch, for which
// every slice is measured and then all are put together; and likewise on the way back.
#pragma once

#include "base/memory.hpp"
#include "network/plan.hpp"

#include <cstddef>
#include <vector>

namespace deltarule {

template <class Scalar>
class Coupling {
 public:
  Coupling() = default;
  Coupling(Coupling&&) = default;
  Coupling& operator=(Coupling&&) = default;

  // For a pass in which the layers `coupled` (a layer that is frozen before the way back changes no pass)
  // are measured in so many slices. The moments of the others are made ready from the statistics.
  void begin(const Layout& layout, const std::vector<Index>& coupled, const Scalar* statistics,
             Index slices);

  const std::vector<Index>& coupled() const { return coupled_; }
  bool couples(Index l) const;
  UnitMoments<Scalar> moments(Index l) const {
    return {at(l).number(Room::mean), at(l).number(Room::inverse)};
  }
  // The batch's sums, on the way back.
  const Scalar* d_gamma(Index l) const { return at(l).number(Room::sum_d_gamma); }
  const Scalar* d_beta(Index l) const { return at(l).number(Room::sum_d_beta); }

  void measure(Index l, Index s, View<const Scalar> A_prev);
  void put_together(const Layer& layer, Index l, const Slices& slices);
  void measure_back(Index l, Index s, View<const Scalar> A_prev, View<const Scalar> dZ);
  void put_together_back(Index l, const Slices& slices);

  // Did no batch's moments overflow? Its cost may be finite even so.
  bool finite() const;
  // running := (1 - momentum) running + momentum of the batch of m, whose variance is taken without bias.
  void keep(const Layout& layout, Index m, Scalar* statistics) const;

 private:
  struct Room {
    enum Number { mean, inverse, variance, sum_d_gamma, sum_d_beta, numbers };
    Index n = 0;
    Buffer<Scalar> of_units, of_slices;  // n of each number; 2 n of each slice

    Scalar* number(Number k) { return of_units.data() + k * n; }
    const Scalar* number(Number k) const { return of_units.data() + k * n; }
    Scalar* slice(Index s) { return of_slices.data() + 2 * n * s; }
  };
  Room& at(Index l) { return rooms_[static_cast<std::size_t>(l)]; }
  const Room& at(Index l) const { return rooms_[static_cast<std::size_t>(l)]; }

  std::vector<Index> coupled_;
  std::vector<Room> rooms_;  // those of layers that normalise no units stay empty
};

}  // namespace deltarule
