// Which library of kernels the process uses: chosen once, when the core is loaded.
#pragma once

#include "kernels/kernels.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace deltarule {

// Every level there is, from the plainest to the widest. CMakeLists.txt builds libraries of these names.
constexpr std::string_view all_levels[] = {"portable", "avx2", "avx512"};
// Those that this CPU and its operating system run, and the one of them that a product is fastest in.
std::vector<std::string> supported_levels();
std::string fastest_level();

// Those whose library is in a folder.
std::vector<std::string> built_levels(const std::string& folder);
// What is wanted, or the fastest where nothing is, if it is built and supported. std::runtime_error for
// what cannot be: it lists the choices.
std::string choose_level(const std::vector<std::string>& built,
                         const std::vector<std::string>& supported, const std::string& fastest,
                         const std::string& wanted);
// Loads the library of a level from the folder, and uses its kernels from then on. std::runtime_error
// where it cannot be loaded or is another build's.
void use_kernels(const std::string& folder, const std::string& level);

const KernelTable& kernel_table();

inline const Kernels<float>* kernels_of_float = nullptr;
inline const Kernels<double>* kernels_of_double = nullptr;

template <class Scalar>
const Kernels<Scalar>& kernels() {
  if constexpr (std::is_same_v<Scalar, float>)
    return *kernels_of_float;
  else
    return *kernels_of_double;
}

// The rows of activation.cpp.
inline const ActivationRow& row_of(Activation g) { return kernel_table().activations[g.row]; }
std::optional<Activation> activation_named(std::string_view name);

template <class Scalar>
void activate(Activation g, View<const Scalar> Z, View<Scalar> A) {
  kernels<Scalar>().activation.forward[g.row](Z, A);
}
template <class Scalar>
void activate_backward(Activation g, View<const Scalar> dA, View<const Scalar> cache,
                       View<Scalar> dZ) {
  kernels<Scalar>().activation.backward[g.row](dA, cache, dZ);
}

}  // namespace deltarule
