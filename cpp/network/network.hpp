// A network: layers in order over one flat parameter vector, which the caller owns.
#pragma once

#include "base/interrupt.hpp"
#include "base/memory.hpp"
#include "network/cache.hpp"
#include "network/layout.hpp"
#include "network/loss.hpp"
#include "network/plan.hpp"
#include "network/rules.hpp"

#include <vector>

namespace deltarule {

template <class Scalar>
class Network {
 public:
  // std::invalid_argument for no layers, no inputs, or a layer that cannot be.
  Network(Index inputs, const std::vector<Layer>& layers);

  const Layout& layout() const { return plan_.layout(); }
  const Plan<Scalar>& plan() const { return plan_; }
  const Rules& rules() const { return rules_; }
  void set_rule(Index l, const LayerRule& rule) { rules_.set(layout(), l, rule); }

  Index depth() const { return layout().depth(); }  // L
  Index n(Index l) const { return layout().n(l); }  // n[0] = inputs
  Index parameter_count() const { return layout().parameter_count(); }

  // W[l] (n[l], n[l-1]) and b[l] (n[l]) in a flat vector; l = 1 ... L.
  template <class Number>
  View<Number> W(Number* flat, Index l) const {
    return {flat + layout().first_parameter(l), n(l), n(l - 1)};
  }
  template <class Number>
  Number* b(Number* flat, Index l) const {
    return flat + layout().first_parameter(l) + n(l) * n(l - 1);
  }

  // What layers keep that no gradient reaches, in a flat vector of the network's own: the mean and the
  // variance of a batch norm and of a standardising layer.
  Buffer<Scalar>& statistics() { return statistics_; }
  const Buffer<Scalar>& statistics() const { return statistics_; }

  // The means of the inputs with more digits than the statistics have, where the first layer
  // standardises; else empty. One that is not its statistic's is out of date, and counts for nothing.
  Buffer<double>& input_means() { return input_means_; }
  // As they count: `means` has n[0] numbers.
  void effective_means(double* means) const;

  // The explicit steps. forward: X into the cache, A[l] and Z[l] of every layer.
  void forward(const Scalar* parameters, const Examples& X, const Pass& pass,
               Cache<Scalar>& cache) const;
  // backward: dA (n[L], m) of the per-example loss -> gradients (flat, times scale), dX (n[0], m) or null.
  void backward(const Scalar* parameters, const Scalar* dA, Scalar scale, Cache<Scalar>& cache,
                Scalar* gradients, Scalar* dX) const;

  // Inference keeps no cache: A[L] (n[L], m) into `output`. With a loss, returns the sum of the
  // examples' weighted losses, else 0. `interrupt` may end it early, with `output` unfinished.
  double infer(const Scalar* parameters, const Examples& X, Scalar* output, const Loss* loss,
               const Target<Scalar>& target, Interrupt& interrupt) const;

  // Begins a pass, before the cache is bound: the moments that are given are made ready.
  void begin(const Pass& pass, const Slices& slices, Cache<Scalar>& cache) const;
  // After a training step: the running moments move towards the batch's.
  void keep_moments(const Cache<Scalar>& cache);
  // After an update: the weights of a unit, a row of W[l], are shortened to their layer's greatest norm.
  void limit_norms(Scalar* parameters, int threads) const;

 private:
  Plan<Scalar> plan_;
  Rules rules_;
  Buffer<Scalar> statistics_;
  Buffer<double> input_means_;
};

}  // namespace deltarule
