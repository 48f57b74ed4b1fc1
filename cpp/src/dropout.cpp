#include "deltarule/dropout.hpp"

#include "elementwise.hpp"

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

}  // namespace

template <class Scalar>
void dropout_mask(double rate, const DropoutKey& key, Index first, MatrixRef<Scalar> mask) {
  const Threefry random(mixed(mixed(key.seed, key.pass), key.layer));
  const auto keep = static_cast<Scalar>(1.0 / (1.0 - rate));
  // A word of 32 bits is dropped where it lies below: exact to 2^-32.
  const auto threshold = static_cast<std::uint32_t>(std::min(rate * 0x1p32, 0x1p32 - 1.0));
  const Index n = mask.rows(), pairs = (n + 1) / 2;
  std::array<std::uint32_t, block> x, y;
  for (Index j = 0; j < mask.cols(); ++j) {
    Scalar* const column = mask.col(j).data();
    const auto example = static_cast<std::uint32_t>(first + j);
    for (Index start = 0; start < pairs; start += block) {
      const Index count = std::min(block, pairs - start);
#pragma omp simd
      for (Index i = 0; i < count; ++i) {
        std::uint32_t a = static_cast<std::uint32_t>(start + i), b = example;
        random(a, b);
        x[static_cast<std::size_t>(i)] = a;
        y[static_cast<std::size_t>(i)] = b;
      }
      // The first words are the upper half's, the second the lower half's.
      const auto fill = [&](Index from, Index numbers, const auto& words) {
#pragma omp simd
        for (Index i = 0; i < numbers; ++i)
          column[from + i] = words[static_cast<std::size_t>(i)] < threshold ? Scalar(0) : keep;
      };
      fill(start, count, x);
      fill(pairs + start, std::min(count, n - pairs - start), y);
    }
  }
}

template <class Scalar>
void dropout_apply(const ConstMatrixRef<Scalar>& in, const ConstMatrixRef<Scalar>& mask,
                   MatrixRef<Scalar> out) {
  map_elements<Scalar>(in, mask, out, [](Scalar a, Scalar factor) { return a * factor; });
}

#define DELTARULE_INSTANTIATE(Scalar)                                                      \
  template void dropout_mask<Scalar>(double, const DropoutKey&, Index, MatrixRef<Scalar>); \
  template void dropout_apply<Scalar>(const ConstMatrixRef<Scalar>&,                       \
                                      const ConstMatrixRef<Scalar>&, MatrixRef<Scalar>);
DELTARULE_INSTANTIATE(float)
DELTARULE_INSTANTIATE(double)
#undef DELTARULE_INSTANTIATE

}  // namespace deltarule
