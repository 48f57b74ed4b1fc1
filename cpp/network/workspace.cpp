#include "network/workspace.hpp"

#include "base/sizes.hpp"
#include "kernels/dispatch.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace deltarule {

template <class Scalar>
void Workspace<Scalar>::resize(const Plan<Scalar>& plan, Index m, Keep keep) {
  if (m <= capacity_ && keep == keep_) {
    m_ = m;
    return;
  }
  const Index capacity = std::max(m, std::exchange(capacity_, -1));  // if memory fails, -1 stays
  const Layout& layout = plan.layout();
  const Index L = layout.depth();
  m_ = 0;
  const auto kept_Z = [&](Index l) {
    return keep == Keep::all || row_of(layout.g(l)).derivative_from == DerivativeFrom::Z;
  };
  // An activation alone overwrites what it activates where nobody asks for that again.
  const auto in_place = [&](Index l) {
    return l > 1 && keep == Keep::needed && !kept_Z(l) && layout.overwrites_input(l);
  };
  // The matrices one after another, each from the start of a cache line: first counted, then laid out.
  const auto for_each_matrix = [&](auto take) {
    take(&gathered_, layout.n(0));
    for (Index l = 1; l <= L; ++l) {
      Matrices& of = matrices_[static_cast<std::size_t>(l)];
      const Index n = layout.n(l);
      if (in_place(l))
        of.A = at(l - 1).A;
      else
        take(&of.A, n);
      if (kept_Z(l))
        take(&of.Z, n);
      else
        of.Z = of.A;
      if (plan.halved(l)) take(&of.second_Z, n);
      take(&of.dZ, n);
      take(&of.own, layout.cached(l));
    }
  };
  matrices_.assign(static_cast<std::size_t>(L) + 1, {});
  RoomSize total;
  for_each_matrix(
      [&](Scalar**, Index rows) { total.add(1, whole_lines<Scalar>(room_for(rows, capacity))); });
  memory_.make_room(total.numbers());
  Scalar* next = memory_.data();
  for_each_matrix([&](Scalar** matrix, Index rows) {
    *matrix = next;
    next += whole_lines<Scalar>(rows * capacity);
  });
  for (Index l = 1; l <= L; ++l) {
    Matrices& of = matrices_[static_cast<std::size_t>(l)];
    of.n = layout.n(l);
    of.cached = layout.cached(l);
    // Where a layer's backward step is done with dZ[l] at once, dA[l-1] takes its place.
    if (l > 1 && layout.traits(l).passes_back)
      matrices_[static_cast<std::size_t>(l) - 1].dZ = of.dZ;
  }
  capacity_ = capacity;
  keep_ = keep;
  m_ = m;
}

template class Workspace<float>;
template class Workspace<double>;

}  // namespace deltarule
