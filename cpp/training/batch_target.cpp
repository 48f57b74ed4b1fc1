#include "training/batch_target.hpp"

#include "base/sizes.hpp"
#include "kernels/dispatch.hpp"

namespace deltarule {

template <class Scalar>
void BatchTarget<Scalar>::make_room(const TrainingSet& set, Index m) {
  if (set.labels)
    labels_.make_room(m);
  else
    Y_.make_room(room_for(n_, m));
  if (set.weights) weights_.make_room(m);
}

template <class Scalar>
Target<Scalar> BatchTarget<Scalar>::load(const TrainingSet& set, const Batch& batch, Slice slice) {
  const Index first = batch.first + slice.first;
  Target<Scalar> target;
  if (!set.labels) {
    target.Y = Y_.data() + slice.first * n_;
    if (!batch.order && in_place<Scalar>(set.Y) &&
        set.Y.example_stride == n_ * static_cast<Index>(sizeof(Scalar)))
      target.Y = columns_in_place<Scalar>(set.Y, first, slice.count).data;
    else
      kernels<Scalar>().gather.gather(set.Y, batch.order, first,
                                      View<Scalar>(Y_.data() + slice.first * n_, n_, slice.count));
  }
  const auto example = [&](Index j) {
    return batch.order ? static_cast<Index>(batch.order[first + j]) : first + j;
  };
  if (set.labels) {
    std::int64_t* const labels = labels_.data() + slice.first;
    for (Index j = 0; j < slice.count; ++j) labels[j] = set.labels[example(j)];
    target.labels = labels;
  }
  if (set.weights) {
    Scalar* const weights = weights_.data() + slice.first;
    for (Index j = 0; j < slice.count; ++j)
      weights[j] = static_cast<Scalar>(set.weights[example(j)]);
    target.weights = weights;
  }
  return target;
}

template class BatchTarget<float>;
template class BatchTarget<double>;

}  // namespace deltarule
