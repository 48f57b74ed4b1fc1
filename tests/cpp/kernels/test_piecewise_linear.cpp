#include "kernels/piecewise_linear.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

constexpr Index n_prev = 5;
// One bin, two, and many, whose edges a float has.
const std::vector<BinnedColumn> columns{{0, 1, 0}, {2, 2, 2}, {3, 19, 5}};

template <class Scalar>
std::vector<Scalar> all_edges() {
  std::vector<Scalar> edges{Scalar(-0.5), Scalar(0.75), Scalar(-0.25), Scalar(0), Scalar(0.5)};
  for (int t = 0; t <= 19; ++t) edges.push_back(Scalar(t * t) / Scalar(256) - Scalar(0.75));
  return edges;
}

struct Case {
  std::string name;
  Index dimension;
  bool linear;
};
const std::vector<Case> cases{{"the bins themselves", 0, false},
                              {"pieces", 3, false},
                              {"pieces of one number", 1, false},
                              {"sloped pieces", 9, true},
                              {"sloped pieces of one number", 1, true}};

Index parameter_count(const Case& of) { return of.dimension * (22 + 3 * (of.linear ? 2 : 1)); }
Index units(const Case& of) { return 2 + (of.dimension > 0 ? 3 * of.dimension : 22); }

// The equations, a number at a time.
Matrix<double> naive(const Case& of, const Vector<double>& parameters, const Matrix<double>& X) {
  const std::vector<double> edges = all_edges<double>();
  const Index d = of.dimension, of_slopes = d * 22, of_biases = of_slopes + (of.linear ? 3 * d : 0);
  Matrix<double> Z(units(of), X.cols());
  for (Index j = 0; j < X.cols(); ++j) {
    std::vector<double> z{X(1, j), X(4, j)};  // what passes
    Index first = 0, c = 0;
    for (const BinnedColumn& column : columns) {
      const double x = X(column.column, j);
      std::vector<double> f;
      for (Index t = 0; t < column.bins; ++t) {
        const auto at = static_cast<std::size_t>(column.first_edge + t);
        double through = (x - edges[at]) / (edges[at + 1] - edges[at]);
        if (t > 0) through = std::max(through, 0.0);
        if (t + 1 < column.bins) through = std::min(through, 1.0);
        f.push_back(through);
      }
      if (d == 0) z.insert(z.end(), f.begin(), f.end());
      for (Index i = 0; i < d; ++i) {
        double sum = parameters[of_biases + c * d + i];
        for (Index t = 0; t < column.bins; ++t)
          sum += parameters[(first + t) * d + i] * f[static_cast<std::size_t>(t)];
        if (of.linear) sum += parameters[of_slopes + c * d + i] * x;
        z.push_back(sum);
      }
      first += column.bins;
      ++c;
    }
    for (Index i = 0; i < Z.rows(); ++i) Z(i, j) = z[static_cast<std::size_t>(i)];
  }
  return Z;
}

template <class Scalar>
struct Numbers {
  std::vector<Scalar> edges = all_edges<Scalar>();
  PiecewiseShape<Scalar> shape;
  Vector<Scalar> parameters;
  Matrix<Scalar> X, dZ;

  Numbers(std::mt19937& engine, const Case& of, Index m)
      : shape{columns, edges.data(), of.dimension, of.linear},
        parameters(random_vector<Scalar>(engine, parameter_count(of))),
        X(random_matrix<Scalar>(engine, n_prev, m)),
        dZ(random_matrix<Scalar>(engine, units(of), m)) {}
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;

  Matrix<Scalar> Z() const {
    Matrix<Scalar> Z = Matrix<Scalar>::Constant(dZ.rows(), X.cols(), not_a_number<Scalar>);
    kernels<Scalar>().piecewise_linear.forward(shape, parameters.data(), X, Z);
    return Z;
  }
  Matrix<Scalar> dX() const {
    Matrix<Scalar> dX = Matrix<Scalar>::Constant(n_prev, X.cols(), not_a_number<Scalar>);
    kernels<Scalar>().piecewise_linear.backward_input(shape, parameters.data(), dZ, X, dX);
    return dX;
  }
  Vector<Scalar> gradients(Scalar scale = 1) const {
    Vector<Scalar> made = Vector<Scalar>::Constant(parameters.size(), not_a_number<Scalar>);
    add_gradients(made, scale, false);
    return made;
  }
  void add_gradients(Vector<Scalar>& to, Scalar scale, bool adds) const {
    kernels<Scalar>().piecewise_linear.backward_parameters(shape, dZ, X, scale, to.data(), adds);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("bins and pieces by hand", Scalar, float, double) {
  const std::vector<BinnedColumn> first{{0, 3, 0}};
  const std::vector<Scalar> edges{0, 1, 3, 4};
  // Below all edges, at the first, within, at an edge, and above all.
  const Matrix<Scalar> X{{-1, 0, 2, 3, 6}, {5, 6, 7, 8, 9}};
  const PiecewiseShape<Scalar> bins{first, edges.data(), 0, false};
  Matrix<Scalar> Z(4, 5);
  const auto& kernel = kernels<Scalar>().piecewise_linear;
  kernel.forward(bins, nullptr, X, Z);
  CHECK(Z == Matrix<Scalar>{{5, 6, 7, 8, 9}, {-1, 0, 1, 1, 1}, {0, 0, 0.5, 1, 1}, {0, 0, 0, 0, 3}});

  const Matrix<Scalar> dZ{{1, 1, 1, 1, 1}, {1, 2, 3, 4, 5}, {1, 2, 3, 4, 5}, {6, 7, 8, 9, 10}};
  Matrix<Scalar> dX(2, 5);
  kernel.backward_input(bins, nullptr, dZ, X, dX);
  CHECK(dX == Matrix<Scalar>{{1, 2, 1.5, 9, 10}, {1, 1, 1, 1, 1}});

  const PiecewiseShape<Scalar> sloped{first, edges.data(), 1, true};
  const Vector<Scalar> parameters{{10, 20, 30, 100, 1000}};  // W of each bin, v, b
  Matrix<Scalar> z(2, 5);
  kernel.forward(sloped, parameters.data(), X, z);
  CHECK(z == Matrix<Scalar>{{5, 6, 7, 8, 9}, {890, 1000, 1220, 1330, 1720}});
  kernel.backward_input(sloped, parameters.data(), Matrix<Scalar>::Ones(2, 5).eval(), X, dX);
  CHECK(dX == Matrix<Scalar>{{110, 110, 110, 130, 130}, {1, 1, 1, 1, 1}});
  Vector<Scalar> gradients(5);
  kernel.backward_parameters(sloped, Matrix<Scalar>::Ones(2, 5).eval(), X, Scalar(2),
                             gradients.data(), false);
  CHECK(gradients == Vector<Scalar>{{4, 5, 6, 20, 10}});
}

TEST_CASE_TEMPLATE("pieces are what the equations say", Scalar, float, double) {
  std::mt19937 engine(1);
  for (const Case& of : cases)
    for (const Index m : {1, 2, 33, 300}) {
      CAPTURE(of.name);
      CAPTURE(m);
      const Numbers<Scalar> numbers(engine, of, m);
      CHECK(error(numbers.Z(), naive(of, exact(numbers.parameters), exact(numbers.X))) <
            rounding<Scalar>);
    }
}

TEST_CASE("gradients of pieces agree with central differences") {
  std::mt19937 engine(2);
  for (const Case& of : cases) {
    CAPTURE(of.name);
    const Numbers<double> numbers(engine, of, 11);
    const auto cost = [&](const Matrix<double>& parameters, const Matrix<double>& X) {
      return numbers.dZ.cwiseProduct(naive(of, parameters, X)).sum();
    };
    const double bound = 10 * central_difference_error;
    CHECK(error(numbers.gradients(),
                central_difference(numbers.parameters, [&](const Matrix<double>& parameters) {
                  return cost(parameters, numbers.X);
                })) < bound);
    CHECK(error(numbers.dX(), central_difference(numbers.X, [&](const Matrix<double>& X) {
                  return cost(numbers.parameters, X);
                })) < bound);
  }
}

TEST_CASE("gradients of pieces in float are those in double") {
  std::mt19937 engine(3);
  for (const Case& of : cases)
    for (const Index m : {1, 31, 300}) {
      CAPTURE(of.name);
      CAPTURE(m);
      const Numbers<float> numbers(engine, of, m);
      Numbers<double> wide(engine, of, m);
      wide.parameters = exact(numbers.parameters);
      wide.X = exact(numbers.X);
      wide.dZ = exact(numbers.dZ);
      CHECK(error(numbers.gradients(0.5F), wide.gradients(0.5)) < 10 * rounding<float>);
      CHECK(error(numbers.dX(), wide.dX()) < 10 * rounding<float>);
      Vector<float> twice = numbers.gradients();
      numbers.add_gradients(twice, 1.0F, true);
      CHECK(error(twice, (2 * numbers.gradients()).eval()) < rounding<float>);
    }
}

TEST_CASE_TEMPLATE("pieces of parts of larger matrices, and of no examples", Scalar, float,
                   double) {
  std::mt19937 engine(5);
  for (const Case& of : cases) {
    CAPTURE(of.name);
    const Index m = 9, n = units(of);
    const Numbers<Scalar> numbers(engine, of, m);
    Matrix<Scalar> X = Matrix<Scalar>::Constant(n_prev + 3, m + 2, Scalar(42));
    Matrix<Scalar> Z = Matrix<Scalar>::Constant(n + 3, m + 2, Scalar(42));
    X.block(2, 1, n_prev, m) = numbers.X;
    kernels<Scalar>().piecewise_linear.forward(numbers.shape, numbers.parameters.data(),
                                               X.block(2, 1, n_prev, m), Z.block(2, 1, n, m));
    CHECK(same_bits(Z.block(2, 1, n, m), numbers.Z()));
    Z.block(2, 1, n, m).setConstant(Scalar(42));
    CHECK((Z.array() == Scalar(42)).all());

    const Numbers<Scalar> none(engine, of, 0);
    CHECK(none.Z().size() == 0);
    CHECK(none.dX().size() == 0);
    CHECK(none.gradients().isZero(0));
  }
}

TEST_CASE_TEMPLATE("pieces that start from zero are numbers far out, too", Scalar, float, double) {
  std::mt19937 engine(6);
  constexpr Scalar most = std::numeric_limits<Scalar>::max();
  Numbers<Scalar> numbers(engine, {"", 3, false}, 2);
  numbers.parameters.head(3 * 22).setZero();
  numbers.X.col(0).setConstant(most);
  numbers.X.col(1).setConstant(-most);
  const Matrix<Scalar> Z = numbers.Z();
  CHECK(Z.allFinite());
}
