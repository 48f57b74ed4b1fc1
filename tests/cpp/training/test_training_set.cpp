#include "training/training_set.hpp"

#include <doctest/doctest.h>

#include <cstdint>

using namespace deltarule;

TEST_CASE("the parts of a batch are as many as there are, and the last one is smaller") {
  const std::int64_t order[] = {0};
  for (const Index count : {0, 1, 7, 8, 9, 16}) {
    for (const Index batch_size : {1, 4, 8, 100}) {
      CAPTURE(count);
      CAPTURE(batch_size);
      const Batch batch{order, 5, count};
      Index next = 5;
      for (Index b = 0; b < batch.batches(batch_size); ++b) {
        const Batch part = batch.part(b, batch_size);
        CHECK(part.order == order);
        CHECK(part.first == next);
        CHECK(part.count >= 1);
        CHECK(part.count <= batch_size);
        if (b + 1 < batch.batches(batch_size)) CHECK(part.count == batch_size);
        next += part.count;
        CHECK(next + part.behind == 5 + count);
      }
      CHECK(next == 5 + count);
    }
  }
}
