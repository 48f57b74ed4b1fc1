#include "kernels/dispatch.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <filesystem>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace deltarule {
namespace {

const KernelTable* table = nullptr;

std::string library(const std::string& folder, std::string_view level) {
  return folder + "/libkernels_" + std::string(level) + ".so";
}

bool contains(const std::vector<std::string>& levels, std::string_view level) {
  return std::find(levels.begin(), levels.end(), level) != levels.end();
}

// ['portable', 'avx2'], as Python writes it
std::string listed(const std::vector<std::string>& levels) {
  std::string text;
  for (const std::string& level : levels) text += (text.empty() ? "'" : ", '") + level + "'";
  return "[" + text + "]";
}

}  // namespace

std::vector<std::string> supported_levels() {
  std::vector<std::string> levels{"portable"};
#if defined(__x86_64__)
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

// As measured with large products: on Intel's Sapphire Rapids, AVX-512 is nearly twice as fast as AVX2;
// on AMD's family 19h (Zen 4), whose units are half as wide as its registers, AVX2 is ahead by a fifth.
std::string fastest_level() {
  const std::vector<std::string> levels = supported_levels();
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  __get_cpuid(0, &eax, &ebx, &ecx, &edx);
  const bool amd = ebx == signature_AMD_ebx;
  __get_cpuid(1, &eax, &ebx, &ecx, &edx);
  const unsigned base_family = (eax >> 8) & 0xf, extended_family = (eax >> 20) & 0xff;
  if (amd && base_family + extended_family == 0x19 && levels.back() == "avx512") return "avx2";
#endif
  return levels.back();
}

std::vector<std::string> built_levels(const std::string& folder) {
  std::vector<std::string> levels;
  for (const std::string_view level : all_levels)
    if (std::filesystem::exists(library(folder, level))) levels.emplace_back(level);
  return levels;
}

std::string choose_level(const std::vector<std::string>& built,
                         const std::vector<std::string>& supported, const std::string& fastest,
                         const std::string& wanted) {
  std::vector<std::string> choices;
  for (const std::string& level : built)
    if (contains(supported, level)) choices.push_back(level);
  if (choices.empty())
    throw std::runtime_error(
        "deltarule: no library of kernels lies beside the core that runs on this "
        "CPU: expected libkernels_portable there; install the package again");
  if (wanted.empty()) return contains(choices, fastest) ? fastest : choices.back();
  if (contains(choices, wanted)) return wanted;
  const bool known =
      std::find(std::begin(all_levels), std::end(all_levels), wanted) != std::end(all_levels);
  throw std::runtime_error("DELTARULE_ISA='" + wanted + "' " +
                           (!known                     ? "is not the name of an instruction set"
                            : !contains(built, wanted) ? "was not built"
                                                       : "does not run on this CPU") +
                           ": expected one of " + listed(choices));
}

void use_kernels(const std::string& folder, const std::string& level) {
  const std::string file = library(folder, level);
  // Never closed: threads may be in it until the process ends.
  void* const handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) throw std::runtime_error(std::string("deltarule: ") + dlerror());
  using Entry = decltype(&deltarule_kernels);
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, "deltarule_kernels"));
  const KernelTable* const loaded = entry ? entry() : nullptr;
  if (!loaded || loaded->build != kernel_build)
    throw std::runtime_error("deltarule: " + file +
                             " is of another build than the core: install the package again");
  table = loaded;
  kernels_of_float = &loaded->of_float;
  kernels_of_double = &loaded->of_double;
}

const KernelTable& kernel_table() { return *table; }

std::optional<Activation> activation_named(std::string_view name) {
  const auto rows = kernel_table().activations;
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (rows[row].name == name) return Activation{static_cast<std::uint8_t>(row)};
  return std::nullopt;
}

}  // namespace deltarule
