#include "network/ensemble.hpp"

#include "kernels/dispatch.hpp"
#include "network/inference.hpp"
#include "threads/parallel.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace deltarule {
namespace {

// How wide a slice had better be, if there are still some for every thread.
constexpr Index wide_slice = 256, least_slices = 16;

}  // namespace

template <class Scalar>
Ensemble<Scalar>::Ensemble(std::vector<Member<Scalar>> members, const std::vector<double>& weights)
    : members_(std::move(members)) {
  assert(!members_.empty() && members_.size() == weights.size());
  const auto work = [&](Index k) {
    return members_[static_cast<std::size_t>(k)].network->layout().work();
  };
  double total = 0.0;
  for (Index k = 0; k < size(); ++k) {
    work_ += work(k);
    if (work(k) > work(busiest_)) busiest_ = k;
    const double weight = weights[static_cast<std::size_t>(k)];
    if (weight == 0.0) continue;
    total += weight;
    shares_.push_back({k, static_cast<Scalar>(weight / total)});
  }
}

// No bit of a result depends on the cut. It begins with that of the member that has most to do; but the
// weights of all members are fetched anew for every slice, which a wide one makes up for.
template <class Scalar>
Slices Ensemble<Scalar>::slices(Index m) const {
  const Slices finest = members_[static_cast<std::size_t>(busiest_)].network->plan().slices(m);
  const Index wide = m / wide_slice / 2 * 2;  // as many for one thread as for the other
  return {m, std::min(finest.count, std::max(wide, least_slices))};
}

template <class Scalar>
int Ensemble<Scalar>::threads(Index m) const {
  return threads_for(2 * work_ * static_cast<double>(m));
}

// The memory of every thread: X as columns, where it does not lie so, for all members to read; one member's
// output; and the rooms of the member that needs most of them.
template <class Scalar>
class Ensemble<Scalar>::Passage {
 public:
  Passage(const Ensemble& ensemble, const Examples& X, Index widest_slice, int threads)
      : ensemble_(ensemble),
        X_(X),
        widest_(widest_slice),
        gathers_(!in_place<Scalar>(X)),
        columns_(whole_lines<Scalar>(room_for(ensemble.inputs(), gathers_ ? widest_ : 0))),
        output_(whole_lines<Scalar>(room_for(ensemble.outputs(), widest_))),
        rooms_(most_rooms(ensemble, widest_)),
        of_thread_(room_of_thread()),
        memory_(room_for(threads, of_thread_)) {}

  // Begins with a slice, on the thread that all of it stays on.
  void begin(Slice slice, int thread) {
    if (!gathers_) return;
    const View<Scalar> columns(memory(thread), ensemble_.inputs(), slice.count);
    kernels<Scalar>().gather.gather(X_, nullptr, slice.first, columns);
  }
  // A[L] of member k. One that standardises takes its own means off X as it is read, with all digits.
  void run(Index k, Slice slice, int thread, View<Scalar> A) {
    const auto& [network, parameters] = ensemble_.members_[static_cast<std::size_t>(k)];
    const Inference<Scalar> inference(*network, parameters, widest_);
    Scalar* const rooms = memory(thread) + columns_ + output_;
    if (gathers_ && !network->layout().standardizes())
      inference.logits(columns_of(slice, thread), {0, slice.count}, rooms, A);
    else
      inference.logits(X_, slice, rooms, A);
    activate<Scalar>(network->layout().g(network->depth()), A, A);
  }
  // Room for one member's output.
  View<Scalar> output(Slice slice, int thread) {
    return {memory(thread) + columns_, ensemble_.outputs(), slice.count};
  }

 private:
  static Index most_rooms(const Ensemble& ensemble, Index widest_slice) {
    Index most = 0;
    for (const Member<Scalar>& member : ensemble.members_)
      most = std::max(most, Rooms<Scalar>(member.network->layout(), widest_slice).size());
    return most;
  }
  Index room_of_thread() const {
    RoomSize size;
    for (const Index part : {columns_, output_, rooms_}) size.add(1, part);
    return size.numbers();
  }
  Scalar* memory(int thread) { return memory_.data() + thread * of_thread_; }
  Examples columns_of(Slice slice, int thread) {
    constexpr auto number = static_cast<Index>(sizeof(Scalar));
    const Index n = ensemble_.inputs();
    return {memory(thread), type_of<Scalar>, slice.count, n, n * number, number};
  }

  const Ensemble& ensemble_;
  const Examples& X_;
  Index widest_;
  bool gathers_;
  Index columns_, output_, rooms_, of_thread_;
  BriefRoom<Scalar, 1024> memory_;
};

template <class Scalar>
void Ensemble<Scalar>::all(const Examples& X, Scalar* outputs, Index stride,
                           Interrupt& interrupt) const {
  const Index m = X.count, n = this->outputs();
  if (m == 0) return;
  const Slices slices = this->slices(m);
  const int threads = this->threads(m);
  // A slice that is alone would leave the other threads idle: then they share out its members.
  const Index groups = slices.count == 1 && threads > 1 ? size() : 1;
  Passage passage(*this, X, slices.widest(), threads);
  parallel_for(threads, slices.count * groups, [&](Index task, int thread) {
    const Slice slice = slices[task / groups];
    const Index group = task % groups;
    passage.begin(slice, thread);
    for (Index k = group; k < size(); k += groups) {
      if (interrupt.poll_on(thread)) return;
      passage.run(k, slice, thread, {outputs + k * stride + slice.first * n, n, slice.count});
    }
  });
}

// mean += share (A_k - mean): it stays between the least and the greatest of the members' outputs, so a mean
// of probabilities is one, and where all say the same it is that, to the last bit. (Where one says
// infinity, it is not finite.)
template <class Scalar>
void Ensemble<Scalar>::add(const Share& to_add, View<const Scalar> A, View<Scalar> mean) const {
  kernels<Scalar>().vectors.move_towards(A.size(), to_add.share, Scalar(1), A.data, mean.data);
}

template <class Scalar>
void Ensemble<Scalar>::mean(const Examples& X, Scalar* output, Interrupt& interrupt) const {
  const Index m = X.count, n = outputs();
  if (m == 0) return;
  const Slices slices = this->slices(m);
  const int threads = this->threads(m);
  const Share* const first = shares_.data();
  if (slices.count == 1 && threads > 1) {  // each thread has members of its own
    const View<Scalar> mean(output, n, m);
    Buffer<Scalar> outputs(room_for(size(), mean.size()));
    all(X, outputs.data(), mean.size(), interrupt);
    for (const Share& share : shares_) {
      const View<const Scalar> A(outputs.data() + share.member * mean.size(), n, m);
      if (&share == first)
        kernels<Scalar>().vectors.copy(A, mean);
      else
        add(share, A, mean);
    }
    return;
  }
  Passage passage(*this, X, slices.widest(), threads);
  parallel_for(threads, slices.count, [&](Index s, int thread) {
    const Slice slice = slices[s];
    const View<Scalar> mean(output + slice.first * n, n, slice.count);
    passage.begin(slice, thread);
    for (const Share& share : shares_) {
      if (interrupt.poll_on(thread)) return;
      const View<Scalar> A = &share == first ? mean : passage.output(slice, thread);
      passage.run(share.member, slice, thread, A);
      if (&share != first) add(share, A, mean);
    }
  });
}

template class Ensemble<float>;
template class Ensemble<double>;

}  // namespace deltarule
