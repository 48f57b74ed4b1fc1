// All kernels, as a table of functions.
//
// The files of this folder are compiled once for each instruction set, each time into a shared library
// that shows one function, deltarule_kernels. What drives the kernels is compiled once, for any CPU, and
// calls through the table of the library that dispatch.hpp has loaded. So inline code that was compiled
// under different flags never meets in one binary, where a linker would keep either copy.
#pragma once

#include "kernels/activation.hpp"
#include "kernels/dense.hpp"
#include "kernels/dropout.hpp"
#include "kernels/embedding.hpp"
#include "kernels/gather.hpp"
#include "kernels/loss.hpp"
#include "kernels/normalization.hpp"
#include "kernels/optimizer.hpp"
#include "kernels/periodic.hpp"
#include "kernels/piecewise_linear.hpp"
#include "kernels/prelu.hpp"
#include "kernels/vectors.hpp"

#include <cstdint>
#include <span>

namespace deltarule {

// A group of kernels is a row here: the file of its name makes it.
template <class Scalar>
struct Kernels {
  DenseKernels<Scalar> dense = dense_kernels<Scalar>();
  ActivationKernels<Scalar> activation = activation_kernels<Scalar>();
  LossKernels<Scalar> loss = loss_kernels<Scalar>();
  OptimizerKernels<Scalar> optimizer = optimizer_kernels<Scalar>();
  NormalizationKernels<Scalar> normalization = normalization_kernels<Scalar>();
  DropoutKernels<Scalar> dropout = dropout_kernels<Scalar>();
  PReluKernels<Scalar> prelu = prelu_kernels<Scalar>();
  EmbeddingKernels<Scalar> embedding = embedding_kernels<Scalar>();
  PeriodicKernels<Scalar> periodic = periodic_kernels<Scalar>();
  PiecewiseLinearKernels<Scalar> piecewise_linear = piecewise_linear_kernels<Scalar>();
  GatherKernels<Scalar> gather = gather_kernels<Scalar>();
  VectorKernels<Scalar> vectors = vector_kernels<Scalar>();
};

// The rows that activation.cpp, loss.cpp and optimizer.cpp have, each in its own order.
std::span<const ActivationRow> activation_rows();
std::span<const LossRow> loss_rows();
std::span<const OptimizerKind> optimizer_rows();

struct KernelTable {
  std::uint64_t build;  // kernel_build: a library of another build has another layout
  const char* level;    // the instruction set: portable, avx2 or avx512
  Kernels<float> of_float;
  Kernels<double> of_double;
  std::span<const ActivationRow> activations;
  std::span<const LossRow> losses;
  std::span<const OptimizerKind> optimizers;
};

// What the driver and a library must agree on: how the table lies in memory.
constexpr std::uint64_t kernel_build =
    sizeof(KernelTable) << 32 | sizeof(Optimizer) << 16 | sizeof(StepRule<double>);

}  // namespace deltarule

extern "C" [[gnu::visibility("default")]] const deltarule::KernelTable* deltarule_kernels();
