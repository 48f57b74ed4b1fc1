// Examples in a drawn order lie where no processor expects them: those that come next are fetched into
// the cache before others are worked on.
#pragma once

#include "training/training_set.hpp"

namespace deltarule {

// What `count` examples from place `first` of the batch on are made of, or those of them that are there:
// they may lie in the batches behind this one.
void fetch_ahead(const TrainingSet& set, const Batch& batch, Index first, Index count);

}  // namespace deltarule
