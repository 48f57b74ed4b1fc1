// X of a batch as columns: the caller's own memory where it can be used in place, else gathered.
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
  // gathered. `load` fills the columns of one slice, or some rows of them, on the thread that will use
  // them.
  void bind(const Examples& X, const std::int64_t* order, Index first, Index m, Scalar* room) {
    source_ = X;
    order_ = order;
    first_ = first;
    gathered_ = View<Scalar>(room, X.features, m);
    loads_ = order || !in_place<Scalar>(X);
    X_ = loads_ ? View<const Scalar>(gathered_) : columns_in_place<Scalar>(X, first, m);
  }
  void load(Slice slice) const { load(slice, 0, X_.rows); }
  void load(Slice slice, Index first_row, Index rows) const {
    if (loads_)
      kernels<Scalar>().gather.gather(source_.features_from(first_row, rows), order_,
                                      first_ + slice.first,
                                      gathered_.block(first_row, slice.first, rows, slice.count));
  }

  View<const Scalar> X() const { return X_; }

 private:
  Examples source_;
  const std::int64_t* order_ = nullptr;
  Index first_ = 0;
  bool loads_ = false;
  View<Scalar> gathered_;
  View<const Scalar> X_;
};

}  // namespace deltarule
