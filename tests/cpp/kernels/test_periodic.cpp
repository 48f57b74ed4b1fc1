#include "kernels/periodic.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <random>
#include <string>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

// Two of four columns.
const std::vector<Index> columns{0, 2};
constexpr Index n_prev = 4;

struct Case {
  std::string name;
  PeriodicShape shape;
};

PeriodicShape shape_of(PeriodicForm form, Index K, Index d, bool shared = false) {
  return {columns, K, d, form, shared};
}

const std::vector<Case> cases{
    {"waves", shape_of(PeriodicForm::plr, 5, 0)},
    {"plr", shape_of(PeriodicForm::plr, 5, 3)},
    {"plr of one wave", shape_of(PeriodicForm::plr, 1, 1)},
    {"plr, shared", shape_of(PeriodicForm::plr, 16, 9, true)},
    {"pbld", shape_of(PeriodicForm::pbld, 7, 4)},
    {"pbld of one number", shape_of(PeriodicForm::pbld, 17, 2)},
    {"pbld, shared", shape_of(PeriodicForm::pbld, 3, 5, true)},
    {"cosine", shape_of(PeriodicForm::cosine, 16, 0)},
    {"cosine of one wave", shape_of(PeriodicForm::cosine, 1, 0)},
    {"cosine of registers and a rest", shape_of(PeriodicForm::cosine, 35, 0)},
};

Index units(const PeriodicShape& s) { return n_prev - 2 + 2 * s.units(); }

// The equations, a number at a time.
Matrix<double> naive(const PeriodicShape& s, const Vector<double>& parameters,
                     const Matrix<double>& X) {
  constexpr double tau = 2 * std::numbers::pi;
  const Index K = s.frequencies, count = 2;
  Matrix<double> Z(units(s), X.cols());
  for (Index j = 0; j < X.cols(); ++j) {
    std::vector<double> z{X(1, j), X(3, j)};  // what passes
    for (Index c = 0; c < count; ++c) {
      const double x = X(columns[static_cast<std::size_t>(c)], j);
      std::vector<double> cosines, sines;
      for (Index k = 0; k < K; ++k) {
        double u = parameters[c * K + k] * x;
        if (s.form != PeriodicForm::plr) u += parameters[K * count + c * K + k];
        cosines.push_back(std::cos(tau * u));
        sines.push_back(std::sin(tau * u));
      }
      std::vector<double> features = cosines;
      if (s.form == PeriodicForm::plr) features.insert(features.end(), sines.begin(), sines.end());
      const auto F = static_cast<Index>(features.size());
      const Index of_maps = s.form == PeriodicForm::plr ? K * count : 2 * K * count;
      if (s.form == PeriodicForm::cosine) {
        features.insert(features.begin(), x);
        for (Index i = 0; i <= K; ++i)
          z.push_back(parameters[of_maps + c * (K + 1) + i] *
                          features[static_cast<std::size_t>(i)] +
                      parameters[of_maps + (count + c) * (K + 1) + i]);
      } else if (s.dimension == 0) {
        z.insert(z.end(), features.begin(), features.end());
      } else {
        const Index rows = s.form == PeriodicForm::pbld ? s.dimension - 1 : s.dimension;
        const Index which = s.shared ? 0 : c, maps = s.shared ? 1 : count;
        if (s.form == PeriodicForm::pbld) z.push_back(x);
        for (Index i = 0; i < rows; ++i) {
          double sum = parameters[of_maps + maps * rows * F + which * rows + i];
          for (Index k = 0; k < F; ++k)
            sum += parameters[of_maps + which * rows * F + k * rows + i] *
                   features[static_cast<std::size_t>(k)];
          z.push_back(s.form == PeriodicForm::plr ? std::max(0.0, sum) : sum);
        }
      }
    }
    for (Index i = 0; i < Z.rows(); ++i) Z(i, j) = z[static_cast<std::size_t>(i)];
  }
  return Z;
}

template <class Scalar>
struct Numbers {
  PeriodicShape shape;
  Vector<Scalar> parameters;
  Matrix<Scalar> X, dZ, own;

  Numbers(std::mt19937& engine, const PeriodicShape& s, Index m)
      : shape(s),
        parameters(random_vector<Scalar>(engine, s.parameters())),
        X(random_matrix<Scalar>(engine, n_prev, m)),
        dZ(random_matrix<Scalar>(engine, units(s), m)) {}

  Matrix<Scalar> Z() {
    own = Matrix<Scalar>::Constant(shape.cached(), X.cols(), not_a_number<Scalar>);
    Matrix<Scalar> Z = Matrix<Scalar>::Constant(units(shape), X.cols(), not_a_number<Scalar>);
    kernels<Scalar>().periodic.forward(shape, parameters.data(), X, own, Z);
    return Z;
  }
  Matrix<Scalar> dX() const {
    Matrix<Scalar> dX = Matrix<Scalar>::Constant(n_prev, X.cols(), not_a_number<Scalar>);
    kernels<Scalar>().periodic.backward_input(shape, parameters.data(), dZ, own, dX);
    return dX;
  }
  Vector<Scalar> gradients(Scalar scale = 1) const {
    Vector<Scalar> made = Vector<Scalar>::Constant(parameters.size(), not_a_number<Scalar>);
    add_gradients(made, scale, false);
    return made;
  }
  void add_gradients(Vector<Scalar>& to, Scalar scale, bool adds) const {
    kernels<Scalar>().periodic.backward_parameters(shape, parameters.data(), dZ, X, own, scale,
                                                   to.data(), adds);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("periodic embeddings by hand", Scalar, float, double) {
  const std::vector<Index> first{0};
  const Matrix<Scalar> X{{0.5, 2}, {7, 8}};
  Matrix<Scalar> Z(3, 2), own(2, 2);
  // A quarter of a turn, and a whole one.
  const Vector<Scalar> w{{0.5}};
  const PeriodicShape waves{first, 1, 0, PeriodicForm::plr, false};
  kernels<Scalar>().periodic.forward(waves, w.data(), X, own, Z);
  CHECK(Z == Matrix<Scalar>{{7, 8}, {0, 1}, {1, 0}});

  // With a phase of a quarter: half a turn, and a quarter beyond a whole one.
  const Vector<Scalar> affine{{0.5, 0.25, 2, 3, 10, 20}};
  const PeriodicShape cosine{first, 1, 0, PeriodicForm::cosine, false};
  kernels<Scalar>().periodic.forward(cosine, affine.data(), X, own, Z);
  CHECK(Z == Matrix<Scalar>{{7, 8}, {2 * Scalar(0.5) + 10, 14}, {-3 + 20, 20}});

  const Vector<Scalar> mapped{{0.5, 0.25, 4, 100}};
  const PeriodicShape pbld{first, 1, 2, PeriodicForm::pbld, false};
  kernels<Scalar>().periodic.forward(pbld, mapped.data(), X, own, Z);
  CHECK(Z == Matrix<Scalar>{{7, 8}, {0.5, 2}, {96, 100}});

  const Vector<Scalar> rectified{{0.5, -1, 2, -3, 4, 0, 0}};  // W (2, 2) by columns, b
  const PeriodicShape plr{first, 1, 2, PeriodicForm::plr, false};
  Matrix<Scalar> cached(4, 2);
  kernels<Scalar>().periodic.forward(plr, rectified.data(), X, cached, Z);
  CHECK(Z == Matrix<Scalar>{{7, 8}, {0, 0}, {4, 2}});
}

TEST_CASE_TEMPLATE("periodic embeddings are what the equations say", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Case& of : cases)
    for (const Index m : {1, 2, 33, 300}) {
      CAPTURE(of.name);
      CAPTURE(m);
      Numbers<Scalar> numbers(engine, of.shape, m);
      const Matrix<Scalar> Z = numbers.Z();
      const Matrix<double> expected = naive(of.shape, exact(numbers.parameters), exact(numbers.X));
      CHECK(error(Z, expected) < rounding<Scalar>);
      // Inference keeps nothing, to the same bits.
      Matrix<Scalar> inferred(Z.rows(), m);
      kernels<Scalar>().periodic.forward(of.shape, numbers.parameters.data(), numbers.X, {},
                                         inferred);
      CHECK(same_bits(inferred, Z));
    }
}

TEST_CASE("gradients of periodic embeddings agree with central differences") {
  std::mt19937 engine(2);
  for (const Case& of : cases) {
    CAPTURE(of.name);
    Numbers<double> numbers(engine, of.shape, 7);
    numbers.Z();
    const auto cost = [&](const Matrix<double>& parameters, const Matrix<double>& X) {
      return numbers.dZ.cwiseProduct(naive(of.shape, parameters, X)).sum();
    };
    const double bound =
        100 * central_difference_error;  // of functions of some 2 pi times the size
    CHECK(error(numbers.gradients(),
                central_difference(numbers.parameters, [&](const Matrix<double>& parameters) {
                  return cost(parameters, numbers.X);
                })) < bound);
    CHECK(error(numbers.dX(), central_difference(numbers.X, [&](const Matrix<double>& X) {
                  return cost(numbers.parameters, X);
                })) < bound);
  }
}

TEST_CASE("gradients in float are those in double") {
  std::mt19937 engine(3);
  for (const Case& of : cases)
    for (const Index m : {1, 31, 300}) {
      CAPTURE(of.name);
      CAPTURE(m);
      Numbers<float> numbers(engine, of.shape, m);
      Numbers<double> wide(engine, of.shape, m);
      wide.parameters = exact(numbers.parameters);
      wide.X = exact(numbers.X);
      wide.dZ = exact(numbers.dZ);
      numbers.Z();
      wide.Z();
      CHECK(error(numbers.gradients(0.5F), wide.gradients(0.5)) < 10 * rounding<float>);
      CHECK(error(numbers.dX(), wide.dX()) < 10 * rounding<float>);
    }
}

TEST_CASE_TEMPLATE("gradients of periodic embeddings add up", Scalar, float, double) {
  std::mt19937 engine(4);
  for (const Case& of : cases) {
    CAPTURE(of.name);
    Numbers<Scalar> numbers(engine, of.shape, 20);
    numbers.Z();
    Vector<Scalar> twice = numbers.gradients();
    numbers.add_gradients(twice, Scalar(1), true);
    CHECK(error(twice, (2 * numbers.gradients()).eval()) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("periodic embeddings of parts of larger matrices, and of no examples", Scalar,
                   float, double) {
  std::mt19937 engine(5);
  for (const Case& of : cases) {
    CAPTURE(of.name);
    const Index m = 9, n = units(of.shape);
    Numbers<Scalar> numbers(engine, of.shape, m);
    const Matrix<Scalar> expected = numbers.Z();
    Matrix<Scalar> X = Matrix<Scalar>::Constant(n_prev + 3, m + 2, Scalar(42));
    Matrix<Scalar> Z = Matrix<Scalar>::Constant(n + 3, m + 2, Scalar(42));
    X.block(2, 1, n_prev, m) = numbers.X;
    kernels<Scalar>().periodic.forward(of.shape, numbers.parameters.data(),
                                       X.block(2, 1, n_prev, m), numbers.own, Z.block(2, 1, n, m));
    CHECK(same_bits(Z.block(2, 1, n, m), expected));
    Z.block(2, 1, n, m).setConstant(Scalar(42));
    CHECK((Z.array() == Scalar(42)).all());

    Numbers<Scalar> none(engine, of.shape, 0);
    CHECK(none.Z().size() == 0);
    CHECK(none.dX().size() == 0);
    CHECK(none.gradients().isZero(0));
    Vector<Scalar> kept = numbers.parameters;
    none.add_gradients(kept, Scalar(1), true);
    CHECK(same_bits(kept, numbers.parameters));
  }
}

TEST_CASE_TEMPLATE("periodic embeddings of the largest numbers are numbers", Scalar, float,
                   double) {
  std::mt19937 engine(6);
  constexpr Scalar most = std::numeric_limits<Scalar>::max();
  for (const Case& of : cases) {
    CAPTURE(of.name);
    Numbers<Scalar> numbers(engine, of.shape, 2);
    numbers.parameters.head(of.shape.first_map()) *= Scalar(100);  // beyond what there is
    numbers.X << -most, most, 0, 0, most / 3, -most / 3, 0, 0;
    const Matrix<Scalar> Z = numbers.Z();
    CHECK(numbers.own.allFinite());
    if (of.shape.form == PeriodicForm::plr) CHECK(Z.allFinite());
  }
}
