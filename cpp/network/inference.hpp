// One network's inference: a slice of examples goes through all layers between two rooms, and leaves no
// cache. So goes a network alone, and so go the members of an ensemble.
#pragma once

#include "base/memory.hpp"
#include "base/sizes.hpp"
#include "network/network.hpp"

namespace deltarule {

// The moments of the layers that normalise units: the running or given means, and the inverses of the
// deviations, which are worked out once for all slices. A mean that X loses as it is read is then 0.
template <class Scalar>
class GivenMoments {
 public:
  explicit GivenMoments(const Network<Scalar>& network);

  UnitMoments<Scalar> operator()(const Layout& layout, Index l) const;
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

// How a thread's memory for one slice is shared out: the two rooms that the layers pass it to and fro
// between, the first of which also takes X where it does not lie as columns already, and one for each A[l]
// that a later layer adds.
template <class Scalar>
class Rooms {
 public:
  Rooms(const Layout& layout, Index widest_slice)
      : layout_(layout), room_(whole_lines<Scalar>(room_for(layout.widest(), widest_slice))) {}

  // Of a thread's memory.
  Index size() const { return room_for(2 + layout_.kept_for_later(), room_); }
  // The one of two rooms that layer l writes to; X may lie in that of layer 0.
  Scalar* of_layer(Scalar* memory, Index l) const { return memory + l % 2 * room_; }
  // A[l], which a later layer adds.
  Scalar* kept(Scalar* memory, Index l) const {
    return memory + (2 + layout_.kept_before(l)) * room_;
  }

 private:
  const Layout& layout_;
  Index room_;
};

template <class Scalar>
class Inference {
 public:
  Inference(const Network<Scalar>& network, const Scalar* parameters, Index widest_slice)
      : network_(network),
        parameters_(parameters),
        moments_(network),
        rooms_(network.layout(), widest_slice) {}

  // The numbers of memory that a thread needs.
  Index memory() const { return rooms_.size(); }
  // Z[L] (n[L], slice.count) of a slice of X. A room for as many numbers again comes back: of memory that
  // has done its work.
  View<Scalar> logits(const Examples& X, Slice slice, Scalar* memory, View<Scalar> Z) const;

 private:
  View<const Scalar> columns_of(const Examples& X, Slice slice, Scalar* memory) const;

  const Network<Scalar>& network_;
  const Scalar* parameters_;
  GivenMoments<Scalar> moments_;
  Rooms<Scalar> rooms_;
};

}  // namespace deltarule
