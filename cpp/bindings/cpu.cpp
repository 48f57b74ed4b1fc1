// The detector: which instruction sets this CPU and its operating system run. Compiled for any CPU.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

namespace {

// From the plainest to the widest.
std::vector<std::string> supported_levels() {
  std::vector<std::string> levels{"portable"};
#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2) levels.emplace_back("avx2");
  if (avx512) levels.emplace_back("avx512");
#endif
  return levels;
}

}  // namespace

PYBIND11_MODULE(_cpu, module) {
  module.doc() = "Which instruction sets this machine runs.";
  module.def("supported_levels", &supported_levels,
             "Instruction-set levels, from the plainest to the widest.");
}
