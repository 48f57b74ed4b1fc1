// X of a batch as columns: the caller's own memory where it can be used in place, else gathered; or X less
// the inputs' means, where the first layer standardises.
#pragma once

#include "base/examples.hpp"
#include "kernels/dispatch.hpp"
#include "network/plan.hpp"

#include <cstdint>

namespace deltarule {

template <class Scalar>
class BatchInput {
 public:
  // Takes m examples order[first ...], or first ..., from X; `room` has n[0] m numbers for what is
  // gathered, and `means` are taken off, unless they are null. `load` fills the columns of one slice, or
  // some rows of them, on the thread that will use them.
  void bind(const Examples& X, const std::int64_t* order, Index first, Index m, Scalar* room,
            const double* means = nullptr) {
    source_ = X;
    means_ = means;
    order_ = order;
    first_ = first;
    gathered_ = View<Scalar>(room, X.features, m);
    loads_ = order || means || !in_place<Scalar>(X);
    X_ = loads_ ? View<const Scalar>(gathered_) : columns_in_place<Scalar>(X, first, m);
  }
  void load(Slice slice) const { load(slice, 0, X_.rows); }
  void load(Slice slice, Index first_row, Index rows) const {
    if (!loads_) return;
    const Examples source = source_.features_from(first_row, rows);
    const View<Scalar> to = gathered_.block(first_row, slice.first, rows, slice.count);
    const GatherKernels<Scalar>& gather = kernels<Scalar>().gather;
    if (means_)
      gather.gather_from(source, order_, first_ + slice.first, means_ + first_row, to);
    else
      gather.gather(source, order_, first_ + slice.first, to);
  }

  View<const Scalar> X() const { return X_; }

 private:
  Examples source_;
  const std::int64_t* order_ = nullptr;
  Index first_ = 0;
  const double* means_ = nullptr;
  bool loads_ = false;
  View<Scalar> gathered_;
  View<const Scalar> X_;
};

}  // namespace deltarule
