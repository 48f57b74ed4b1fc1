#include "kernels/dropout.hpp"

#include "kernels/elementwise.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace deltarule {
namespace {

// Threefry-2x32 of 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"):
// additions, rotations and exclusive ors alone, which every instruction set has for vectors.
struct Threefry {
  std::array<std::uint32_t, 3> key;

  explicit Threefry(std::uint64_t k)
      : key{static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(k >> 32), 0} {
    key[2] = 0x1BD11BDA ^ key[0] ^ key[1];
  }

  void operator()(std::uint32_t& x, std::uint32_t& y) const {
    x += key[0];
    y += key[1];
    four_rounds<13, 15, 26, 6>(x, y, key[1], key[2] + 1);
    four_rounds<17, 29, 16, 24>(x, y, key[2], key[0] + 2);
    four_rounds<13, 15, 26, 6>(x, y, key[0], key[1] + 3);
    four_rounds<17, 29, 16, 24>(x, y, key[1], key[2] + 4);
    four_rounds<13, 15, 26, 6>(x, y, key[2], key[0] + 5);
  }

 private:
  template <int first, int second, int third, int fourth>
  static void four_rounds(std::uint32_t& x, std::uint32_t& y, std::uint32_t add_x,
                          std::uint32_t add_y) {
    round<first>(x, y);
    round<second>(x, y);
    round<third>(x, y);
    round<fourth>(x, y);
    x += add_x;
    y += add_y;
  }
  template <int rotation>
  static void round(std::uint32_t& x, std::uint32_t& y) {
    x += y;
    y = std::rotl(y, rotation) ^ x;
  }
};

// Words made at a time: few enough to stay in the first-level cache.
constexpr Index block = 256;

std::uint64_t mixed(std::uint64_t key, std::uint64_t number) {
  auto x = static_cast<std::uint32_t>(number), y = static_cast<std::uint32_t>(number >> 32);
  const Threefry random(key);
  random(x, y);
  return static_cast<std::uint64_t>(y) << 32 | x;
}

template <class Scalar>
void dropout_mask(double rate, const DropoutKey& key, Index first, View<Scalar> mask) {
  const Threefry random(mixed(mixed(key.seed, key.pass), key.layer));
  // Half a word decides: so the rate is one of 2^16, and the factor is that one's own.
  constexpr double halves = 0x1p16;
  const double dropped = std::min(std::round(rate * halves), halves - 1);
  const auto keep = static_cast<Scalar>(halves / (halves - dropped));
  const auto threshold = static_cast<std::uint32_t>(dropped);
  const Index n = mask.rows, quarter = (n + 3) / 4;
  std::array<std::uint32_t, block> x, y;
  for (Index j = 0; j < mask.columns; ++j) {
    Scalar* const column = mask.column(j);
    const auto example = static_cast<std::uint32_t>(first + j);
    for (Index start = 0; start < quarter; start += block) {
      const Index count = std::min(block, quarter - start);
#pragma omp simd
      for (Index i = 0; i < count; ++i) {
        std::uint32_t a = static_cast<std::uint32_t>(start + i), b = example;
        random(a, b);
        x[static_cast<std::size_t>(i)] = a;
        y[static_cast<std::size_t>(i)] = b;
      }
      // The halves of the first words are for the first two quarters of the units, and so on.
      const auto fill = [&](Index part, const auto& words, int shift) {
        const Index from = part * quarter + start, numbers = std::min(count, n - from);
#pragma omp simd
        for (Index i = 0; i < numbers; ++i)
          column[from + i] = (words[static_cast<std::size_t>(i)] >> shift & 0xFFFFU) < threshold
                                 ? Scalar(0)
                                 : keep;
      };
      fill(0, x, 0);
      fill(1, x, 16);
      fill(2, y, 0);
      fill(3, y, 16);
    }
  }
}

template <class Scalar>
void dropout_apply(View<const Scalar> in, View<const Scalar> mask, View<Scalar> out) {
  map_elements<Scalar>(in, mask, out, [](Scalar a, Scalar factor) { return a * factor; });
}

}  // namespace

template <class Scalar>
DropoutKernels<Scalar> dropout_kernels() {
  return {.mask = dropout_mask<Scalar>, .apply = dropout_apply<Scalar>};
}
template DropoutKernels<float> dropout_kernels();
template DropoutKernels<double> dropout_kernels();

}  // namespace deltarule
