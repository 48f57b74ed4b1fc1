// The detector: which instruction sets this CPU and its operating system run. Compiled for any CPU.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define DELTARULE_DETECTS_X86
#include <cpuid.h>
#endif

namespace {

// From the plainest to the widest.
std::vector<std::string> supported_levels() {
  std::vector<std::string> levels{"portable"};
#ifdef DELTARULE_DETECTS_X86
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

// The fastest of them, as measured with large products: on Intel's Sapphire Rapids, AVX-512 is nearly
// twice as fast as AVX2; on AMD's family 19h (Zen 4), whose units are half as wide as its registers,
// AVX2 is ahead by a fifth.
std::string fastest_level() {
  const std::vector<std::string> levels = supported_levels();
#ifdef DELTARULE_DETECTS_X86
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(0, &eax, &ebx, &ecx, &edx);
  const bool amd = ebx == signature_AMD_ebx;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  const unsigned base_family = (eax >> 8) & 0xf, extended_family = (eax >> 20) & 0xff;
  if (amd && base_family + extended_family == 0x19 && levels.back() == "avx512") return "avx2";
#endif
  return levels.back();
}

}  // namespace

PYBIND11_MODULE(cpu_of_the_main_interpreter, module) {
  module.doc() = "Which instruction sets this machine runs.";
  module.def("supported_levels", &supported_levels,
             "Instruction-set levels, from the plainest to the widest.");
  module.def("fastest_level", &fastest_level, "The level that a product is fastest in.");
}

// The package's first module, so that it is the one to refuse a second interpreter: before Python 3.12
// nobody else does, and pybind11 would wait for a lock that the thread itself holds.
extern "C" PYBIND11_EXPORT PyObject* PyInit__cpu() {
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
    PyErr_SetString(
        PyExc_ImportError,
        "deltarule: this is a subinterpreter: expected the main interpreter; use threads "
        "or processes instead");
    return nullptr;
  }
  return PyInit_cpu_of_the_main_interpreter();
}
