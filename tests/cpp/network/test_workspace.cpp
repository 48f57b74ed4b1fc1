#include "network/architectures.hpp"
#include "network/plan.hpp"
#include "network/workspace.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <set>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
Plan<Scalar> plan_of(Index inputs, const std::vector<Layer>& layers) {
  return Plan<Scalar>(Layout(inputs, layers));
}

}  // namespace

TEST_CASE_TEMPLATE("every matrix has room of its own, but for those that share it", Scalar, float,
                   double) {
  for (const Stack& stack : stacks(30)) {
    for (const Keep keep : {Keep::needed, Keep::all}) {
      INFO(stack.name);
      const Plan<Scalar> plan = plan_of<Scalar>(stack.inputs, stack.layers);
      const Layout& layout = plan.layout();
      const Index m = 13;
      Workspace<Scalar> workspace;
      workspace.resize(plan, m, keep);
      CHECK(workspace.m() == m);
      // (first, last) of each, those that are the same memory once
      std::set<std::pair<std::uintptr_t, std::uintptr_t>> rooms;
      const auto add = [&](const Scalar* first, Index numbers) {
        const auto address = reinterpret_cast<std::uintptr_t>(first);
        CHECK(address % static_cast<std::uintptr_t>(cache_line) == 0);
        if (numbers > 0)
          rooms.insert({address, address + static_cast<std::uintptr_t>(numbers) * sizeof(Scalar)});
      };
      add(workspace.gathered(), layout.n(0) * m);
      for (Index l = 1; l <= layout.depth(); ++l) {
        for (const View<Scalar>& matrix : {workspace.A(l), workspace.Z(l), workspace.dZ(l)}) {
          CHECK(matrix.rows == layout.n(l));
          CHECK(matrix.columns == m);
          CHECK(matrix.stride == layout.n(l));
          add(matrix.data, matrix.size());
        }
        CHECK(workspace.own(l).rows == layout.cached(l));
        CHECK(workspace.own(l).columns == m);
        add(workspace.own(l).data, workspace.own(l).size());
        if (plan.halved(l)) add(workspace.second_Z(l).data, layout.n(l) * m);
      }
      std::uintptr_t end = 0;
      for (const auto& [first, last] : rooms) {
        CHECK(first >= end);
        end = last;
      }
    }
  }
}

TEST_CASE_TEMPLATE("an activation alone overwrites what it activates", Scalar, float, double) {
  const Plan<Scalar> plan = plan_of<Scalar>(
      4, {just(Identity{}, "tanh"), dense(3), just(Identity{}, "tanh"), dense(3, "relu"),
          just(Identity{}, "tanh"), dense(3), just(Identity{}, "gelu"), dense(3),
          just(Identity{}, "tanh"), just(Add{8})});
  Workspace<Scalar> workspace;
  workspace.resize(plan, 5, Keep::needed);
  const auto A = [&](Index l) { return workspace.A(l).data; };
  const auto Z = [&](Index l) { return workspace.Z(l).data; };
  CHECK(A(1) != workspace.gathered());  // X stays
  CHECK(A(3) == A(2));
  CHECK(Z(3) == A(3));
  CHECK(A(5) != A(4));  // whose activation's derivative is made of it
  CHECK(A(7) != A(6));  // the derivative is made of Z
  CHECK(Z(7) != A(7));
  CHECK(A(9) != A(8));  // a later layer adds it
  // Where everything is to be read afterwards, nothing is overwritten.
  workspace.resize(plan, 5, Keep::all);
  for (Index l = 1; l <= plan.layout().depth(); ++l) {
    CAPTURE(l);
    CHECK(Z(l) != A(l));
    if (l > 1) CHECK(A(l) != A(l - 1));
  }
}

TEST_CASE_TEMPLATE("Z is kept where the derivative is made of it, or where it is asked for", Scalar,
                   float, double) {
  for (const ActivationRow& row : kernel_table().activations) {
    CAPTURE(row.name);
    const Plan<Scalar> plan = plan_of<Scalar>(2, {dense(3, row.name)});
    Workspace<Scalar> workspace;
    workspace.resize(plan, 5, Keep::needed);
    CHECK((workspace.Z(1).data != workspace.A(1).data) ==
          (row.derivative_from == DerivativeFrom::Z));
    workspace.resize(plan, 5, Keep::all);
    CHECK(workspace.Z(1).data != workspace.A(1).data);
  }
}

TEST_CASE_TEMPLATE("a layer that passes back number by number shares dZ", Scalar, float, double) {
  const Plan<Scalar> plan =
      plan_of<Scalar>(3, {just(Dropout{0.5}), dense(3), just(Dropout{0.5}), just(PRelu{}),
                          just(Identity{}, "tanh"), just(BatchNorm{})});
  for (const Keep keep : {Keep::needed, Keep::all}) {
    Workspace<Scalar> workspace;
    workspace.resize(plan, 5, keep);
    const auto dZ = [&](Index l) { return workspace.dZ(l).data; };
    CHECK(dZ(1) != dZ(2));
    CHECK(dZ(2) == dZ(3));  // dropout
    CHECK(dZ(3) != dZ(4));  // a rectifier
    CHECK(dZ(4) == dZ(5));  // an activation alone
    CHECK(dZ(5) != dZ(6));
  }
}

TEST_CASE_TEMPLATE("a workspace grows, and serves fewer examples from the same room", Scalar, float,
                   double) {
  const Plan<Scalar> plan = plan_of<Scalar>(3, {dense(4, "tanh"), dense(2)});
  Workspace<Scalar> workspace;
  CHECK(workspace.m() == 0);
  workspace.resize(plan, 20, Keep::needed);
  const Scalar* const room = workspace.A(2).data;
  for (const Index m : {3, 20, 0, 1}) {
    workspace.resize(plan, m, Keep::needed);
    CHECK(workspace.m() == m);
    CHECK(workspace.A(2).columns == m);
    CHECK(workspace.A(2).data == room);
  }
  workspace.resize(plan, 21, Keep::needed);
  CHECK(workspace.m() == 21);
  // More than any memory has is a lack of memory, after which less is to be had again.
  CHECK_THROWS_AS(workspace.resize(plan, Index{1} << 46, Keep::needed), std::bad_alloc);
  CHECK(workspace.m() == 0);
  workspace.resize(plan, 5, Keep::needed);
  CHECK(workspace.m() == 5);
  workspace.A(2)(1, 4) = Scalar(3);
  CHECK(workspace.A(2)(1, 4) == Scalar(3));
}
