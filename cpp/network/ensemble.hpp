// An ensemble: networks that predict the same from the same X, and the weighted mean of what they say.
#pragma once

#include "network/network.hpp"

#include <vector>

namespace deltarule {

// A network and its parameters, which the caller owns.
template <class Scalar>
struct Member {
  const Network<Scalar>* network;
  const Scalar* parameters;
};

// A slice of examples goes through all members before the next one comes, on one thread: its X is read, and
// its mean is made, in that thread's cache.
template <class Scalar>
class Ensemble {
 public:
  // One or more members, all of as many inputs and as many outputs. Weights are one a member, 0 or more,
  // and not all 0; only their ratios count.
  Ensemble(std::vector<Member<Scalar>> members, const std::vector<double>& weights);

  Index size() const { return static_cast<Index>(members_.size()); }
  Index inputs() const { return members_.front().network->n(0); }
  Index outputs() const { return members_.front().network->n(members_.front().network->depth()); }
  // Multiply-adds of one example's way through all members.
  double work() const { return work_; }

  // sum_k w_k A_k / sum_k w_k into `output` (n[L], m). A member that weighs nothing is left out.
  // `interrupt` may end it early, with `output` unfinished.
  void mean(const Examples& X, Scalar* output, Interrupt& interrupt) const;
  // A_k (n[L], m) of every member, each `stride` numbers behind the one before.
  void all(const Examples& X, Scalar* outputs, Index stride, Interrupt& interrupt) const;

 private:
  // A member of the mean, and its share in the mean of those up to it.
  struct Share {
    Index member;
    Scalar share;
  };
  // What a slice of X goes through on a thread.
  class Passage;

  Slices slices(Index m) const;
  int threads(Index m) const;
  void add(const Share& to_add, View<const Scalar> A, View<Scalar> mean) const;

  std::vector<Member<Scalar>> members_;
  std::vector<Share> shares_;
  double work_ = 0.0;
  Index busiest_ = 0;
};

}  // namespace deltarule
