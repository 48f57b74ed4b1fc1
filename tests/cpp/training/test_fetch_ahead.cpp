#include "training/fetch_ahead.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

using namespace deltarule;

// What is fetched shows nowhere. What is read for it does, to a sanitizer: the order ends where it ends.
TEST_CASE("fetching ahead reads an order to its end, writes nothing, and takes rows as they lie") {
  const std::vector<float> numbers{1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<std::int64_t> labels{0, 1, 0, 1}, order{3, 1, 2};
  const std::vector<double> weights{1, 2, 3, 4};
  const Examples rows{numbers.data(), NumberType::float32, 4, 2, 8, 4};
  const Examples apart{numbers.data(), NumberType::float32, 4, 1, 8, 8};
  const Examples backwards{numbers.data() + 6, NumberType::float32, 4, 2, -8, 4};
  const auto before_numbers = numbers;
  const auto before_order = order;
  for (const Examples& X : {rows, apart, backwards})
    for (const bool has_labels : {false, true})
      for (const Index behind : {0, 1, 2}) {
        TrainingSet set{X, has_labels ? Examples{} : rows};
        if (has_labels) set.labels = labels.data();
        set.weights = weights.data();
        const auto count = static_cast<Index>(order.size()) - behind;
        for (const Index first : {Index(0), count, count + 1, Index(100)}) {
          fetch_ahead(set, {order.data(), 0, count, behind}, first, 100);
          fetch_ahead(set, {nullptr, 0, count, behind}, first, 100);
        }
      }
  CHECK(numbers == before_numbers);
  CHECK(order == before_order);
}
