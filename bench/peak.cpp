// The machine's peak of fused multiply-adds in float32, for each vector width it has.
//
//     peak THREADS...   prints {"avx2": {"1": GFLOP/s, "2": ...}, "avx512": {...}}
//
// Enough independent accumulators to hide the latency of an FMA (4 cycles, two a cycle: 8), few
// enough to stay in registers (AVX2 has 16, AVX-512 has 32).
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

using Clock = std::chrono::steady_clock;

#define UNROLL _Pragma("GCC unroll 32")

// acc[i] := acc[i] a + b, `rounds` times over all accumulators; the sum keeps it from being dropped.
#define DEFINE_KERNEL(name, attribute, bytes, count)                                       \
  typedef float name##_vector __attribute__((vector_size(bytes)));                         \
  attribute float name(long rounds, float scale) {                                         \
    name##_vector acc[count], a = name##_vector{} + scale, b = name##_vector{} + 1e-3f;    \
    UNROLL for (int i = 0; i < count; ++i) acc[i] = name##_vector{} + float(i);            \
    for (long round = 0; round < rounds; ++round) {                                        \
      UNROLL for (int i = 0; i < count; ++i) acc[i] = acc[i] * a + b;                      \
    }                                                                                      \
    UNROLL for (int i = 1; i < count; ++i) acc[0] += acc[i];                               \
    float sum = 0;                                                                         \
    for (unsigned i = 0; i < bytes / sizeof(float); ++i) sum += acc[0][i];                 \
    return sum;                                                                            \
  }                                                                                        \
  constexpr double name##_flop = 2.0 * count * bytes / sizeof(float);

#if defined(__x86_64__)
DEFINE_KERNEL(avx2, __attribute__((target("avx2,fma"))), 32, 12)
DEFINE_KERNEL(avx512, __attribute__((target("avx512f"))), 64, 24)
#else
DEFINE_KERNEL(native, , 16, 24)
#endif

volatile float sink;
volatile float scale = 0.999f;

// GFLOP/s of all threads together, from the common start to the last one's end.
double measure(float (*kernel)(long, float), double flop_a_round, int threads, long rounds) {
  std::atomic<int> ready{0};
  std::atomic<bool> go{false};
  std::vector<Clock::time_point> ends(threads);
  std::vector<float> sums(threads);
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) {
    pool.emplace_back([&, t] {
      sums[t] = kernel(rounds / 4, scale);  // wakes the wide units up
      ++ready;
      while (!go) {
      }
      sums[t] += kernel(rounds, scale);
      ends[t] = Clock::now();
    });
  }
  while (ready < threads) std::this_thread::yield();
  const auto start = Clock::now();
  go = true;
  for (auto& thread : pool) thread.join();
  for (const float sum : sums) sink = sum;
  const std::chrono::duration<double> seconds = *std::max_element(ends.begin(), ends.end()) - start;
  return flop_a_round * double(rounds) * threads / seconds.count() / 1e9;
}

void report(const char* name, float (*kernel)(long, float), double flop, int argc, char** argv,
            bool first) {
  const auto start = Clock::now();
  sink = kernel(1000000, scale);
  const std::chrono::duration<double> once = Clock::now() - start;
  const long rounds = long(1e6 * 0.02 / once.count());  // 20 ms
  std::printf("%s\"%s\": {", first ? "" : ", ", name);
  for (int i = 1; i < argc; ++i) {
    double best = 0;
    for (int attempt = 0; attempt < 5; ++attempt) {
      best = std::max(best, measure(kernel, flop, std::atoi(argv[i]), rounds));
    }
    std::printf("%s\"%s\": %.2f", i == 1 ? "" : ", ", argv[i], best);
  }
  std::printf("}");
}

int main(int argc, char** argv) {
  std::printf("{");
#if defined(__x86_64__)
  bool first = true;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    report("avx2", avx2, avx2_flop, argc, argv, first);
    first = false;
  }
  if (__builtin_cpu_supports("avx512f")) report("avx512", avx512, avx512_flop, argc, argv, first);
#else
  report("native", native, native_flop, argc, argv, true);
#endif
  std::printf("}\n");
}
