#include "network/inference.hpp"

#include "kernels/dispatch.hpp"
#include "threads/parallel.hpp"

#include <utility>
#include <variant>
#include <vector>

namespace deltarule {

template <class Scalar>
GivenMoments<Scalar>::GivenMoments(const Network<Scalar>& network)
    : statistics_(network.statistics().data()),
      inverses_(network.statistics().size() / 2),
      input_means_(network.layout().standardizes() ? network.n(0) : 0),
      zeros_(input_means_.size()) {
  const Layout& layout = network.layout();
  if (input_means_.size() > 0) network.effective_means(input_means_.data());
  zeros_.fill(Scalar(0));
  for (Index l = 1; l <= layout.depth() && inverses_.size() > 0; ++l)
    std::visit(
        [&](const auto& kind) {
          if constexpr (std::remove_cvref_t<decltype(kind)>::traits.normalizes_units)
            kernels<Scalar>().normalization.inverse_deviation(
                layout.n(l), statistics_ + layout.first_statistic(l) + layout.n(l),
                static_cast<Scalar>(kind.epsilon), inverses_.data() + place(layout, l));
        },
        layout.layer(l).kind);
}

template <class Scalar>
UnitMoments<Scalar> GivenMoments<Scalar>::operator()(const Layout& layout, Index l) const {
  if (inverses_.size() == 0) return {};
  if (l == 1 && zeros_.size() > 0) return {zeros_.data(), inverses_.data() + place(layout, l)};
  return {statistics_ + layout.first_statistic(l), inverses_.data() + place(layout, l)};
}

template <class Scalar>
View<const Scalar> Inference<Scalar>::columns_of(const Examples& X, Slice slice,
                                                 Scalar* memory) const {
  const View<Scalar> gathered(rooms_.of_layer(memory, 0), network_.n(0), slice.count);
  if (const double* const means = moments_.input_means())
    kernels<Scalar>().gather.gather_from(X, nullptr, slice.first, means, gathered);
  else if (in_place<Scalar>(X))
    return columns_in_place<Scalar>(X, slice.first, slice.count);
  else
    kernels<Scalar>().gather.gather(X, nullptr, slice.first, gathered);
  return gathered;
}

template <class Scalar>
View<Scalar> Inference<Scalar>::logits(const Examples& X, Slice slice, Scalar* memory,
                                       View<Scalar> Z) const {
  const Layout& layout = network_.layout();
  const Index L = layout.depth(), count = slice.count;
  const auto kept = [&](Index l) {
    return View<Scalar>(rooms_.kept(memory, l), layout.n(l), count);
  };
  const auto keep = [&](Index l, View<const Scalar> A) {
    if (!layout.adding(l).empty()) kernels<Scalar>().vectors.copy(A, kept(l));
  };
  const auto room = [&](Index l) {
    return View<Scalar>(rooms_.of_layer(memory, l), layout.n(l), count);
  };
  View<const Scalar> A_prev = columns_of(X, slice, memory);
  keep(0, A_prev);
  for (Index l = 1; l <= L; ++l) {
    const View<Scalar> A = l == L ? Z : room(l);
    const Index added = layout.added_by(l);
    const ForwardContext<Scalar> context{
        .parameters = parameters_ + layout.first_parameter(l),
        .moments = moments_(layout, l),
        .A_prev = A_prev,
        .added = added < 0 ? View<const Scalar>{} : View<const Scalar>(kept(added)),
        .Z = A,
        .own = {}};
    std::visit([&](const auto& kind) { kind.forward(context); }, layout.layer(l).kind);
    if (l < L) {
      activate<Scalar>(layout.g(l), A, A);
      keep(l, A);
      A_prev = A;
    }
  }
  return room(L);
}

template <class Scalar>
double Network<Scalar>::infer(const Scalar* parameters, const Examples& X, Scalar* output,
                              const Loss* loss, const Target<Scalar>& target,
                              Interrupt& interrupt) const {
  const Index m = X.count, L = depth();
  if (m == 0) return 0.0;
  const Slices slices = plan_.slices(m);
  const int threads = threads_for(2 * layout().work() * static_cast<double>(m));
  const Inference<Scalar> inference(*this, parameters, slices.widest());
  BriefRoom<Scalar, 1024> memory(room_for(threads, inference.memory()));
  std::vector<double> losses(loss ? static_cast<std::size_t>(slices.count) : 0);

  parallel_for(threads, slices.count, [&](Index s, int thread) {
    if (interrupt.poll_on(thread)) return;
    const Slice slice = slices[s];
    const View<Scalar> A(output + slice.first * n(L), n(L), slice.count);  // Z[L] so far
    const View<Scalar> gradient =                                          // not wanted
        inference.logits(X, slice, memory.data() + thread * inference.memory(), A);
    const auto slice_target = target.from(slice.first, n(L));
    const bool fused = loss && loss->fused_with(layout().g(L));
    double sum = 0.0;
    if (fused) sum = loss->backward_from_logits<Scalar>(A, slice_target, gradient);
    activate<Scalar>(layout().g(L), A, A);
    if (loss && !fused) sum = loss->backward<Scalar>(A, slice_target, gradient);
    if (loss) losses[static_cast<std::size_t>(s)] = sum;
  });
  double total = 0.0;
  for (const double slice_loss : losses) total += slice_loss;
  return total;
}

template class GivenMoments<float>;
template class GivenMoments<double>;
template class Inference<float>;
template class Inference<double>;
template double Network<float>::infer(const float*, const Examples&, float*, const Loss*,
                                      const Target<float>&, Interrupt&) const;
template double Network<double>::infer(const double*, const Examples&, double*, const Loss*,
                                       const Target<double>&, Interrupt&) const;

}  // namespace deltarule
