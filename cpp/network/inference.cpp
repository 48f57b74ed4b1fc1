// Inference: slices of examples go through all layers between two rooms a thread, and leave no cache.
#include "base/sizes.hpp"
#include "kernels/dispatch.hpp"
#include "network/network.hpp"
#include "threads/parallel.hpp"

#include <utility>
#include <variant>
#include <vector>

namespace deltarule {
namespace {

// The moments of the layers that normalise units: the running or given means, and the inverses of the
// deviations, which are worked out once for all slices. A mean that X loses as it is read is then 0.
template <class Scalar>
class GivenMoments {
 public:
  explicit GivenMoments(const Network<Scalar>& network)
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

  UnitMoments<Scalar> operator()(const Layout& layout, Index l) const {
    if (inverses_.size() == 0) return {};
    if (l == 1 && zeros_.size() > 0) return {zeros_.data(), inverses_.data() + place(layout, l)};
    return {statistics_ + layout.first_statistic(l), inverses_.data() + place(layout, l)};
  }

  // What X loses as it is read, or null.
  const double* input_means() const {
    return input_means_.size() > 0 ? input_means_.data() : nullptr;
  }

 private:
  static Index place(const Layout& layout, Index l) { return layout.first_statistic(l) / 2; }

  static constexpr Index few = 128;

  const Scalar* statistics_;
  BriefRoom<Scalar, few> inverses_;
  BriefRoom<double, few> input_means_;
  BriefRoom<Scalar, few> zeros_;
};

// A thread's memory for one slice: the two rooms that the layers pass it to and fro between, the first of
// which also takes X where it does not lie as columns already, and one for each A[l] that a later layer
// adds.
template <class Scalar>
class Rooms {
 public:
  Rooms(const Layout& layout, Index widest_slice, int threads)
      : layout_(layout),
        room_(whole_lines<Scalar>(room_for(layout.widest(), widest_slice))),
        rooms_(2 + layout.kept_for_later()),
        memory_(room_for(rooms_ * threads, room_)) {}

  // The one of two rooms that layer l writes to; X may lie in that of layer 0.
  Scalar* of_layer(int thread, Index l) { return at(thread, l % 2); }
  // A[l], which a later layer adds.
  Scalar* kept(int thread, Index l) { return at(thread, 2 + layout_.kept_before(l)); }

 private:
  Scalar* at(int thread, Index room) { return memory_.data() + (rooms_ * thread + room) * room_; }

  const Layout& layout_;
  Index room_, rooms_;
  BriefRoom<Scalar, 1024> memory_;
};

}  // namespace

template <class Scalar>
double Network<Scalar>::infer(const Scalar* parameters, const Examples& X, Scalar* output,
                              const Loss* loss, const Target<Scalar>& target,
                              Interrupt& interrupt) const {
  const Index m = X.count, L = depth();
  if (m == 0) return 0.0;
  const Slices slices = plan_.slices(m);
  const int threads = threads_for(2 * layout().work() * static_cast<double>(m));
  Rooms<Scalar> rooms(layout(), slices.widest(), threads);
  const GivenMoments<Scalar> moments(*this);
  std::vector<double> losses(loss ? static_cast<std::size_t>(slices.count) : 0);

  parallel_for(threads, slices.count, [&](Index s, int thread) {
    if (interrupt.poll_on(thread)) return;
    const Index first = slices[s].first, count = slices[s].count;
    const auto kept = [&](Index l) { return View<Scalar>(rooms.kept(thread, l), n(l), count); };
    const auto keep = [&](Index l, View<const Scalar> A) {
      if (!layout().adding(l).empty()) kernels<Scalar>().vectors.copy(A, kept(l));
    };
    View<const Scalar> A_prev;
    const View<Scalar> gathered(rooms.of_layer(thread, 0), n(0), count);
    if (const double* const means = moments.input_means()) {
      kernels<Scalar>().gather.gather_from(X, nullptr, first, means, gathered);
      A_prev = gathered;
    } else if (in_place<Scalar>(X)) {
      A_prev = columns_in_place<Scalar>(X, first, count);
    } else {
      kernels<Scalar>().gather.gather(X, nullptr, first, gathered);
      A_prev = gathered;
    }
    keep(0, A_prev);
    for (Index l = 1; l <= L; ++l) {
      const View<Scalar> A(l == L ? output + first * n(L) : rooms.of_layer(thread, l), n(l), count);
      const Index added = layout().added_by(l);
      const ForwardContext<Scalar> context{
          .parameters = parameters + layout().first_parameter(l),
          .moments = moments(layout(), l),
          .A_prev = A_prev,
          .added = added < 0 ? View<const Scalar>{} : View<const Scalar>(kept(added)),
          .Z = A,
          .own = {}};
      std::visit([&](const auto& kind) { kind.forward(context); }, layout().layer(l).kind);
      if (l < L) {
        activate<Scalar>(layout().g(l), A, A);
        keep(l, A);
        A_prev = A;
      }
    }
    const View<Scalar> A(output + first * n(L), n(L), count);             // Z[L] so far
    const View<Scalar> gradient(rooms.of_layer(thread, L), n(L), count);  // not wanted
    const auto slice_target = target.from(first, n(L));
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

template double Network<float>::infer(const float*, const Examples&, float*, const Loss*,
                                      const Target<float>&, Interrupt&) const;
template double Network<double>::infer(const double*, const Examples&, double*, const Loss*,
                                       const Target<double>&, Interrupt&) const;

}  // namespace deltarule
