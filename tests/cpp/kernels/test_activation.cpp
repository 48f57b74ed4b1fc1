#include "kernels/dispatch.hpp"
#include "reference/activation.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string_view>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
Matrix<Scalar> forward(Activation activation, const Matrix<Scalar>& Z) {
  Matrix<Scalar> A(Z.rows(), Z.cols());
  activate<Scalar>(activation, Z, A);
  return A;
}

// What training keeps of Z for the backward pass.
template <class Scalar>
Matrix<Scalar> cache_of(Activation activation, const Matrix<Scalar>& Z) {
  return row_of(activation).derivative_from == DerivativeFrom::A ? forward(activation, Z) : Z;
}

template <class Scalar>
Matrix<Scalar> backward(Activation activation, const Matrix<Scalar>& dA, const Matrix<Scalar>& Z) {
  Matrix<Scalar> dZ(Z.rows(), Z.cols());
  activate_backward<Scalar>(activation, dA, cache_of(activation, Z), dZ);
  return dZ;
}

// Calls `check` with each activation; softmax, which couples the units of a column, on request.
template <class Check>
void for_each_activation(bool with_softmax, Check check) {
  for (const ActivationRow& row : kernel_table().activations) {
    INFO(row.name);
    if (with_softmax || !row.couples_units) check(act(row.name));
  }
}

template <class Scalar>
Scalar g(Activation activation, Scalar z) {
  return forward<Scalar>(activation, Matrix<Scalar>::Constant(1, 1, z))(0);
}

template <class Scalar>
Scalar derivative(Activation activation, Scalar z) {
  return backward<Scalar>(activation, Matrix<Scalar>::Ones(1, 1),
                          Matrix<Scalar>::Constant(1, 1, z))(0);
}

}  // namespace

TEST_CASE("activations go by the names that files and Python use") {
  std::vector<std::string_view> names;
  for (const ActivationRow& row : kernel_table().activations) names.emplace_back(row.name);
  CHECK(names == std::vector<std::string_view>{"identity", "sigmoid", "tanh", "relu", "leaky_relu",
                                               "elu", "gelu", "gelu_tanh", "silu", "softplus",
                                               "exponential", "softmax"});
  CHECK(act("identity") == identity);
  CHECK_FALSE(activation_named("none").has_value());
}

TEST_CASE("what is not one-to-one, or loses digits in A, takes its derivative from Z") {
  const std::set<std::string_view> from_Z{"gelu", "gelu_tanh", "silu", "softplus"};
  for (const ActivationRow& row : kernel_table().activations) {
    INFO(row.name);
    CHECK((row.derivative_from == DerivativeFrom::Z) == from_Z.contains(row.name));
    CHECK(row.couples_units == (row.name == std::string_view("softmax")));
  }
}

TEST_CASE_TEMPLATE("activations agree with the naive reference", Scalar, float, double) {
  std::mt19937 engine(1);
  const std::array<std::array<Index, 2>, 6> shapes{
      {{1, 1}, {1, 9}, {9, 1}, {7, 5}, {16, 3}, {33, 17}}};
  for (const auto& shape : shapes) {
    CAPTURE(shape_text(shape[0], shape[1]));
    const Matrix<Scalar> Z = random_matrix<Scalar>(engine, shape[0], shape[1], 6.0);
    const Matrix<Scalar> dA = random_matrix<Scalar>(engine, shape[0], shape[1]);
    for_each_activation(true, [&](Activation activation) {
      CHECK(error(forward(activation, Z),
                  reference::activation_forward(row_of(activation).name, exact(Z))) <
            rounding<Scalar>);
      CHECK(error(backward(activation, dA, Z),
                  reference::activation_backward(row_of(activation).name, exact(dA), exact(Z))) <
            rounding<Scalar>);
    });
  }
}

TEST_CASE("derivatives agree with central differences") {
  std::mt19937 engine(2);
  const Matrix<double> Z = random_matrix<double>(engine, 5, 7, 3.0);
  const Matrix<double> dA = random_matrix<double>(engine, 5, 7);
  for_each_activation(true, [&](Activation activation) {
    const auto f = [&](const Matrix<double>& z) {
      return dA.cwiseProduct(forward(activation, z)).sum();
    };
    CHECK(error(backward(activation, dA, Z), central_difference(Z, f)) < central_difference_error);
  });
}

TEST_CASE_TEMPLATE("activations work in place and on blocks of a larger matrix", Scalar, float,
                   double) {
  std::mt19937 engine(3);
  const Index n = 11, m = 6;
  const Matrix<Scalar> Z = random_matrix<Scalar>(engine, n, m, 3.0);
  const Matrix<Scalar> dA = random_matrix<Scalar>(engine, n, m);
  for_each_activation(true, [&](Activation activation) {
    const Matrix<Scalar> A = forward(activation, Z), dZ = backward(activation, dA, Z);
    const Matrix<Scalar> cache = cache_of(activation, Z);

    Matrix<Scalar> work = Z;
    activate<Scalar>(activation, work, work);
    CHECK(same_bits(work, A));
    work = dA;
    activate_backward<Scalar>(activation, work, cache, work);
    CHECK(same_bits(work, dZ));

    // Each operand has its own outer stride, and what lies around the result must not change.
    Matrix<Scalar> wide_in = Matrix<Scalar>::Zero(n + 2, m + 1), wide_cache(n + 5, m);
    Matrix<Scalar> frame = Matrix<Scalar>::Constant(n + 3, m + 2, Scalar(42)), expected = frame;
    wide_in.block(1, 1, n, m) = Z;
    activate<Scalar>(activation, wide_in.block(1, 1, n, m), frame.block(2, 1, n, m));
    expected.block(2, 1, n, m) = A;
    CHECK(same_bits(frame, expected));

    wide_in.block(1, 1, n, m) = dA;
    wide_cache.bottomRows(n) = cache;
    activate_backward<Scalar>(activation, wide_in.block(1, 1, n, m), wide_cache.bottomRows(n),
                              frame.block(2, 1, n, m));
    expected.block(2, 1, n, m) = dZ;
    CHECK(same_bits(frame, expected));
  });
}

TEST_CASE_TEMPLATE("an activation gives the same bits at every place of an array", Scalar, float,
                   double) {
  // A vector's body and the loop's tail may not differ, or the weights would depend on where an
  // example stands in its slice.
  const std::array<Scalar, 9> values{Scalar(0.1), Scalar(-0.7),  Scalar(1.3),
                                     Scalar(-4),  Scalar(11.5),  Scalar(-80.25),
                                     Scalar(0),   Scalar(1e-30), not_a_number<Scalar>};
  for_each_activation(false, [&](Activation activation) {
    for (const Scalar z : values) {
      CAPTURE(z);
      const Scalar a = g(activation, z), slope = derivative(activation, z);
      bool same = true;
      for (Index size = 1; size <= 70; ++size) {
        // From the second number of a buffer: not aligned to a vector.
        const Vector<Scalar> Z = Vector<Scalar>::Constant(size + 1, z);
        const Vector<Scalar> cache = cache_of<Scalar>(activation, Z).col(0);
        Vector<Scalar> A(size + 1), dZ = Vector<Scalar>::Ones(size + 1);
        activate<Scalar>(activation, Z.tail(size), A.tail(size));
        activate_backward<Scalar>(activation, dZ.tail(size), cache.tail(size), dZ.tail(size));
        for (Index i = 1; i <= size; ++i)
          same = same && same_bits(A(i), a) && same_bits(dZ(i), slope);
      }
      CHECK(same);
    }
  });
}

TEST_CASE_TEMPLATE("an activation of numbers of every size gives the bits of each number alone",
                   Scalar, float, double) {
  using Limits = std::numeric_limits<Scalar>;
  std::vector<Scalar> sizes{0,
                            Limits::denorm_min(),
                            Limits::min() / 4,
                            Limits::min(),
                            Limits::max(),
                            Limits::infinity(),
                            not_a_number<Scalar>};
  for (const int bound : {1, 10, 20, 40, 89, 104, 710, 746}) {
    const auto at = static_cast<Scalar>(bound);
    sizes.insert(sizes.end(),
                 {std::nextafter(at, Scalar(0)), at, std::nextafter(at, Limits::max())});
  }
  std::mt19937 engine(5);
  std::uniform_real_distribution<Scalar> exponents(-30, 7);
  for (int i = 0; i < 500; ++i) sizes.push_back(std::exp2(exponents(engine)));
  const auto count = static_cast<Index>(sizes.size());
  Matrix<Scalar> Z(2 * count, 1);
  for (Index i = 0; i < count; ++i) {
    Z(i) = sizes[static_cast<std::size_t>(i)];
    Z(2 * count - 1 - i) = -Z(i);
  }
  for_each_activation(false, [&](Activation activation) {
    const Matrix<Scalar> A = forward(activation, Z);
    Index others = 0;
    for (Index i = 0; i < Z.rows(); ++i)
      if (!same_bits(A(i), g(activation, Z(i)))) ++others;
    CHECK(others == 0);
  });
}

TEST_CASE_TEMPLATE("NaN stays NaN in every activation, and where it was", Scalar, float, double) {
  std::mt19937 engine(4);
  for_each_activation(true, [&](Activation activation) {
    Matrix<Scalar> Z = random_matrix<Scalar>(engine, 9, 4);
    const Matrix<Scalar> clean = forward(activation, Z);
    Z(5, 2) = not_a_number<Scalar>;
    const Matrix<Scalar> A = forward(activation, Z);
    for (Index j = 0; j < Z.cols(); ++j) {
      for (Index i = 0; i < Z.rows(); ++i) {
        const bool poisoned = j == 2 && (i == 5 || activation == act("softmax"));
        CHECK(same_bits(A(i, j), poisoned ? not_a_number<Scalar> : clean(i, j)));
      }
    }
  });
}

TEST_CASE_TEMPLATE("far from zero g and g' are at their limits, not NaN", Scalar, float, double) {
  // 1e25 squared is beyond a float, its cube, which is in gelu_tanh, beyond 1e75.
  const std::array<Scalar, 3> large{Scalar(1e3), Scalar(1e25), std::numeric_limits<Scalar>::max()};
  for (const Scalar z : large) {
    CAPTURE(z);
    for (const std::string_view name : {"relu", "elu", "gelu", "gelu_tanh", "silu", "softplus"}) {
      CAPTURE(name);
      const Activation activation = act(name);
      CHECK(g(activation, z) == z);
      CHECK(derivative(activation, z) == Scalar(1));
      CHECK(g(activation, -z) == Scalar(name == "elu" ? -1 : 0));
      CHECK(derivative(activation, -z) == Scalar(0));
    }
    for (const std::string_view name : {"sigmoid", "tanh"}) {
      CAPTURE(name);
      const Activation activation = act(name);
      CHECK(g(activation, z) == Scalar(1));
      CHECK(g(activation, -z) == Scalar(name == "tanh" ? -1 : 0));
      CHECK(derivative(activation, z) == Scalar(0));
      CHECK(derivative(activation, -z) == Scalar(0));
    }
    CHECK(g(act("exponential"), -z) == Scalar(0));
  }
}

TEST_CASE_TEMPLATE("kinks: which side zero is on", Scalar, float, double) {
  CHECK(derivative(act("relu"), Scalar(0)) == Scalar(0));
  CHECK(derivative(act("relu"), -Scalar(0)) == Scalar(0));
  CHECK(derivative(act("relu"), std::numeric_limits<Scalar>::denorm_min()) == Scalar(1));
  CHECK(derivative(act("leaky_relu"), Scalar(0)) == Scalar(0.01));
  CHECK(derivative(act("elu"), Scalar(0)) == Scalar(1));
}

TEST_CASE_TEMPLATE("softmax survives huge and infinite logits", Scalar, float, double) {
  Matrix<Scalar> Z(3, 4);
  // clang-format off
  Z << Scalar(1e4),    Scalar(-1e4),        1,  2,
       Scalar(-1e4),   Scalar(-1e4),        1,  -infinity<Scalar>,
       Scalar(9999),   Scalar(-1e4),        1,  2;
  // clang-format on
  const Matrix<Scalar> A = forward(act("softmax"), Z);
  const Scalar e = static_cast<Scalar>(std::exp(-1.0)), third = Scalar(1) / Scalar(3);
  Matrix<Scalar> expected(3, 4);
  // clang-format off
  expected << Scalar(1) / (Scalar(1) + e), third, third, Scalar(0.5),
              Scalar(0),                   third, third, Scalar(0),
              e / (Scalar(1) + e),         third, third, Scalar(0.5);
  // clang-format on
  CHECK(error(A, expected) < rounding<Scalar>);
  CHECK(A(1, 0) == Scalar(0));
  CHECK(A(1, 3) == Scalar(0));

  std::mt19937 engine(5);
  const Matrix<Scalar> sums =
      forward<Scalar>(act("softmax"), random_matrix<Scalar>(engine, 33, 20, 1e4)).colwise().sum();
  CHECK(error(sums, Matrix<Scalar>::Ones(1, 20)) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("softmax of one unit is 1 and has no gradient", Scalar, float, double) {
  Matrix<Scalar> Z(1, 3);
  Z << Scalar(-3), Scalar(0), Scalar(1e4);
  CHECK(forward(act("softmax"), Z) == Matrix<Scalar>::Ones(1, 3));
  CHECK(backward<Scalar>(act("softmax"), Matrix<Scalar>::Constant(1, 3, Scalar(7)), Z) ==
        Matrix<Scalar>::Zero(1, 3));
}

TEST_CASE_TEMPLATE("activations of no units and of no examples do nothing", Scalar, float, double) {
  for_each_activation(true, [&](Activation activation) {
    for (const Index m : {0, 1, 3, 4, 16, 20})
      for (const Index n : {0, 1, 5, 100}) {
        if (n > 0 && m > 0) continue;
        activate<Scalar>(activation, {nullptr, n, m}, {nullptr, n, m});
        activate_backward<Scalar>(activation, {nullptr, n, m}, {nullptr, n, m}, {nullptr, n, m});
      }
  });
}

TEST_CASE_TEMPLATE("identity copies", Scalar, float, double) {
  std::mt19937 engine(6);
  const Matrix<Scalar> Z = random_matrix<Scalar>(engine, 5, 3);
  CHECK(same_bits(forward(identity, Z), Z));
  CHECK(same_bits(backward(identity, Z, Z), Z));
}
