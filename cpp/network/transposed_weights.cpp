#include "network/transposed_weights.hpp"

#include "base/sizes.hpp"
#include "kernels/dispatch.hpp"

namespace deltarule {

template <class Scalar>
TransposedWeights<Scalar>::TransposedWeights(const Plan<Scalar>& plan)
    : plan_(plan), kept_(static_cast<std::size_t>(plan.layout().depth()) + 1, nullptr) {
  const Layout& layout = plan.layout();
  // The first layer's backward step stops at dW.
  const auto for_each_kept = [&](auto use) {
    for (Index l = 2; l <= layout.depth(); ++l)
      if (layout.dense(l) && kernels<Scalar>().dense.wants_transposed(layout.n(l), layout.n(l - 1)))
        use(l, whole_lines<Scalar>(room_for(layout.n(l), layout.n(l - 1))));
  };
  RoomSize total;
  for_each_kept([&](Index, Index numbers) { total.add(1, numbers); });
  memory_.make_room(total.numbers());
  Scalar* next = memory_.data();
  for_each_kept([&](Index l, Index numbers) {
    kept_[static_cast<std::size_t>(l)] = next;
    next += numbers;
  });
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters) {
  for (const Tile& tile : plan_.tiles()) copy(parameters, tile);
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters, const Tile& tile) {
  const Index l = tile.layer;
  Scalar* const kept = kept_[static_cast<std::size_t>(l)];
  if (!kept || tile.inputs() == 0) return;
  const Layout& layout = plan_.layout();
  const Index n = layout.n(l), n_prev = layout.n(l - 1);
  kernels<Scalar>().dense.transpose(
      View<const Scalar>(parameters + layout.first_parameter(l), n, n_prev)
          .middle_columns(tile.first_input, tile.inputs()),
      View<Scalar>(kept, n_prev, n).middle_rows(tile.first_input, tile.inputs()));
}

template class TransposedWeights<float>;
template class TransposedWeights<double>;

}  // namespace deltarule
