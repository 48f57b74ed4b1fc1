#include "network/walk.hpp"

#include "base/subnormals.hpp"
#include "kernels/dispatch.hpp"

#include <algorithm>
#include <variant>

namespace deltarule {

template <class Scalar>
void Walk<Scalar>::forward(Slice slice, Index first, Index last) const {
  if (first == 1) cache_.input.load(slice);
  for (Index l = first; l <= last; ++l) {
    forward_layer(slice, l);
    if (l < layout_.depth()) activate_layer(slice, l);
  }
}

template <class Scalar>
void Walk<Scalar>::forward_layer(Slice slice, Index l) const {
  if (activates_input(l)) return;
  const Index added = layout_.added_by(l);
  const ForwardContext<Scalar> context{
      .parameters = parameters_ + layout_.first_parameter(l),
      .moments =
          layout_.traits(l).normalizes_units ? cache_.coupling.moments(l) : UnitMoments<Scalar>{},
      .A_prev = columns(cache_.A(l - 1), slice),
      .added = added < 0 ? View<const Scalar>{} : columns(cache_.A(added), slice),
      .Z = columns(cache_.workspace.Z(l), slice),
      .own = columns(cache_.workspace.own(l), slice),
      .training = cache_.pass.training,
      .key = {cache_.pass.seed, cache_.pass.number, static_cast<std::uint32_t>(l)},
      .first_example = cache_.first_of_batch + slice.first};
  std::visit([&](const auto& kind) { kind.forward(context); }, layout_.layer(l).kind);
}

// Where Z[l] need not be kept, an activation alone reads A[l-1] itself.
template <class Scalar>
bool Walk<Scalar>::activates_input(Index l) const {
  return l < layout_.depth() && layout_.traits(l).activation_alone &&
         cache_.workspace.Z(l).data == cache_.workspace.A(l).data;
}

template <class Scalar>
void Walk<Scalar>::activate_layer(Slice slice, Index l) const {
  const View<const Scalar> Z = activates_input(l) ? cache_.A(l - 1) : cache_.Z(l);
  activate<Scalar>(layout_.g(l), columns(Z, slice), columns(cache_.workspace.A(l), slice));
}

template <class Scalar>
void Walk<Scalar>::output(Slice slice) const {
  const Index L = layout_.depth();
  activate<Scalar>(layout_.g(L), columns(cache_.Z(L), slice),
                   columns(cache_.workspace.A(L), slice));
}

template <class Scalar>
double Walk<Scalar>::loss(const Loss& loss, Slice slice, const Target<Scalar>& target) const {
  const FlushSubnormals flush;
  const Index L = layout_.depth();
  const View<Scalar> dZ = columns(cache_.workspace.dZ(L), slice);
  if (loss.fused_with(layout_.g(L)))
    return loss.backward_from_logits<Scalar>(columns(cache_.Z(L), slice), target, dZ);
  output(slice);
  const double sum = loss.backward<Scalar>(columns(cache_.A(L), slice), target, dZ);
  activate_backward<Scalar>(layout_.g(L), dZ, derivative_cache(L, slice), dZ);
  return sum;
}

template <class Scalar>
void Walk<Scalar>::output_backward(Slice slice, const Scalar* dA) const {
  const Index L = layout_.depth(), n = layout_.n(L);
  activate_backward<Scalar>(layout_.g(L), {dA + slice.first * n, n, slice.count},
                            derivative_cache(L, slice), columns(cache_.workspace.dZ(L), slice));
}

template <class Scalar>
void Walk<Scalar>::backward(Slice slice, Index first, Index last, Scalar* dX) const {
  const FlushSubnormals flush;
  for (Index l = first; l > std::max<Index>(last, 1); --l) {
    const View<Scalar> dZ_prev = columns(cache_.workspace.dZ(l - 1), slice);  // dA_prev, at first
    backward_layer(slice, l, dZ_prev);
    add_skipped(l - 1, slice, 0, dZ_prev);
    activate_backward<Scalar>(layout_.g(l - 1), dZ_prev, derivative_cache(l - 1, slice), dZ_prev);
  }
  if (last > 0 || !dX) return;
  const View<Scalar> dA(dX + slice.first * layout_.n(0), layout_.n(0), slice.count);
  backward_layer(slice, 1, dA);
  add_skipped(0, slice, 0, dA);
}

template <class Scalar>
void Walk<Scalar>::fill(BackwardContext<Scalar>& context, Index l, Slice slice) const {
  context.parameters = parameters_ + layout_.first_parameter(l);
  context.A_prev = columns(cache_.A(l - 1), slice);
  context.own = columns(cache_.workspace.own(l), slice);
  context.dZ = columns(cache_.dZ(l), slice);
  context.training = cache_.pass.training;
  if (!layout_.traits(l).normalizes_units) return;
  context.moments = cache_.coupling.moments(l);
  if (!cache_.coupling.couples(l)) return;
  context.d_gamma = cache_.coupling.d_gamma(l);
  context.d_beta = cache_.coupling.d_beta(l);
  context.m = cache_.m();
}

template <class Scalar>
void Walk<Scalar>::backward_layer(Slice slice, Index l, View<Scalar> dA_prev) const {
  InputContext<Scalar> context{};
  fill(context, l, slice);
  context.dA_prev = dA_prev;
  context.W_transposed = (*transposed_)(l);
  context.transposed_stride = layout_.n(l - 1);
  std::visit([&](const auto& kind) { kind.backward(context); }, layout_.layer(l).kind);
}

template <class Scalar>
void Walk<Scalar>::add_skipped(Index l, Slice slice, Index first_row, View<Scalar> dA) const {
  for (const Index adding : layout_.adding(l))
    kernels<Scalar>().vectors.add_to(
        columns(cache_.dZ(adding), slice).middle_rows(first_row, dA.rows), dA);
}

template <class Scalar>
void Walk<Scalar>::gradient_of(Index l, GradientContext<Scalar> context) const {
  std::visit([&](const auto& kind) { kind.gradient(context); }, layout_.layer(l).kind);
}

template <class Scalar>
void Walk<Scalar>::gradient_of_tile(const Tile& tile, Scalar scale, Scalar* gradients) const {
  const FlushSubnormals flush;
  const Index l = tile.layer;
  if (network_.rules()(l).frozen) {
    std::fill_n(gradients, tile.count, Scalar(0));
    return;
  }
  GradientContext<Scalar> context{};
  fill(context, l, {0, cache_.m()});
  context.scale = scale;
  context.adds = false;
  context.gradients = gradients;
  if (layout_.dense(l)) {
    context.A_prev = context.A_prev.middle_rows(tile.first_input, tile.inputs());
    context.with_bias = tile.with_bias;
  }
  gradient_of(l, context);
}

template <class Scalar>
void Walk<Scalar>::gradient_of_slice(Slice slice, bool adds, Scalar* gradients) const {
  const FlushSubnormals flush;
  for (Index l = network_.rules().lowest_trained(); l <= layout_.depth(); ++l) {
    if (network_.rules()(l).frozen) continue;
    GradientContext<Scalar> context{};
    fill(context, l, slice);
    context.scale = Scalar(1);
    context.adds = adds;
    context.gradients = gradients + layout_.first_parameter(l);
    context.first_of_batch = cache_.first_of_batch + slice.first == 0;
    gradient_of(l, context);
  }
}

template class Walk<float>;
template class Walk<double>;

}  // namespace deltarule
