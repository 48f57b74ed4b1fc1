// Room for what a pass leaves behind: A[l], Z[l] and dZ[l] of every layer, and what a layer caches of its
// own. Grown once, then reused: the steady state allocates nothing.
#pragma once

#include "base/memory.hpp"
#include "network/layout.hpp"
#include "network/plan.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace deltarule {

// Where A[l] determines g'(Z[l]), training needs no Z[l]; `all` keeps it for a reader.
enum class Keep : std::uint8_t { needed, all };

template <class Scalar>
class Workspace {
 public:
  Workspace() = default;
  Workspace(Workspace&&) = default;
  Workspace& operator=(Workspace&&) = default;

  // Room for m examples of one network, always the same; what was there is lost where it grows.
  void resize(const Plan<Scalar>& plan, Index m, Keep keep);

  Index m() const { return m_; }
  Scalar* gathered() const { return gathered_; }
  View<Scalar> A(Index l) const { return {at(l).A, at(l).n, m_}; }
  View<Scalar> Z(Index l) const { return {at(l).Z, at(l).n, m_}; }  // A[l] where it is not kept
  View<Scalar> dZ(Index l) const { return {at(l).dZ, at(l).n, m_}; }
  // Where the inputs are halved: the second half's share of Z[l].
  View<Scalar> second_Z(Index l) const { return {at(l).second_Z, at(l).n, m_}; }
  // A layer's own numbers of each example: a mask, or an example's moments.
  View<Scalar> own(Index l) const { return {at(l).own, at(l).cached, m_}; }

 private:
  struct Matrices {
    Index n = 0, cached = 0;
    Scalar *A = nullptr, *Z = nullptr, *second_Z = nullptr, *dZ = nullptr, *own = nullptr;
  };
  const Matrices& at(Index l) const { return matrices_[static_cast<std::size_t>(l)]; }

  Index m_ = 0, capacity_ = -1;  // columns that there is room for; -1: nothing is there
  Keep keep_ = Keep::needed;
  Buffer<Scalar> memory_;
  Scalar* gathered_ = nullptr;
  std::vector<Matrices> matrices_;  // that of index 0 is unused
};

}  // namespace deltarule
