#include "allocation_counter.hpp"
#include "kernels/dispatch.hpp"
#include "reference/loss.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;
using reference::Loss;

namespace {

template <class Scalar>
struct Result {
  double sum;
  Matrix<Scalar> gradient;
};

template <class Scalar>
double loss_backward(const Loss& loss, View<const Scalar> A, const Target<Scalar>& target,
                     View<Scalar> dA) {
  return kernels<Scalar>().loss.from_output[loss.row()](loss.parameters(), A, target, dA);
}

template <class Scalar>
double loss_backward_from_logits(const Loss& loss, View<const Scalar> Z,
                                 const Target<Scalar>& target, View<Scalar> dZ) {
  return kernels<Scalar>().loss.from_logits[loss.row()](loss.parameters(), Z, target, dZ);
}

template <class Scalar>
Result<Scalar> from_output(const Loss& loss, const Matrix<Scalar>& A,
                           const Target<Scalar>& target) {
  Matrix<Scalar> dA(A.rows(), A.cols());
  const double sum = loss_backward<Scalar>(loss, A, target, dA);
  return {sum, dA};
}

template <class Scalar>
Result<Scalar> from_logits(const Loss& loss, const Matrix<Scalar>& Z,
                           const Target<Scalar>& target) {
  Matrix<Scalar> dZ(Z.rows(), Z.cols());
  const double sum = loss_backward_from_logits<Scalar>(loss, Z, target, dZ);
  return {sum, dZ};
}

// The output activation that a loss is used with.
std::string_view output_of(const Loss& loss) {
  if (loss.name == "poisson") return "exponential";
  if (loss.name.starts_with("binary")) return "sigmoid";
  return loss.name.starts_with("categorical") ? "softmax" : "identity";
}

bool fused(const Loss& loss) { return output_of(loss) != "identity"; }

Loss huber_of(double delta) {
  Loss loss = "huber";
  loss.delta = delta;
  return loss;
}
Loss quantiles(std::vector<double> levels) {
  Loss loss = "quantile";
  loss.levels = std::move(levels);
  return loss;
}
Loss smoothed(std::string_view kind, double s) {
  Loss loss = kind;
  loss.label_smoothing = s;
  return loss;
}
Loss focal(std::string_view kind, double gamma, std::optional<double> alpha = {}) {
  Loss loss = kind;
  loss.gamma = gamma;
  loss.alpha = alpha;
  return loss;
}

// Logits and targets that suit the loss: any, not negative, or probabilities, soft ones too.
template <class Scalar>
struct Case {
  Matrix<Scalar> Z, A, Y;
  Vector<Scalar> weights;

  Case(std::mt19937& engine, const Loss& loss, Index n, Index m)
      : Z(random_matrix<Scalar>(engine, n, m, 3.0)),
        A(n, m),
        Y(random_matrix<Scalar>(engine, n, m, 3.0)),
        weights(random_vector<Scalar>(engine, m).cwiseAbs()) {
    activate<Scalar>(act(output_of(loss)), Z, A);
    activate<Scalar>(act(output_of(loss)), Y, Y);
  }
  Target<Scalar> target() const { return {Y.data(), nullptr, nullptr}; }
  Target<Scalar> weighted() const { return {Y.data(), nullptr, weights.data()}; }
};

// Every loss with its defaults, and with other hyper-parameters.
template <class Check>
void for_each_loss(Check check) {
  for (const LossRow& row : kernel_table().losses) {
    INFO(row.name);
    check(Loss(row.name));
  }
  int variant = 0;
  for (const Loss& loss :
       {huber_of(0.3), quantiles({0.9}), quantiles({0.1, 0.5, 0.8, 0.95}),
        smoothed("binary_cross_entropy", 0.2), smoothed("categorical_cross_entropy", 0.1),
        focal("binary_focal", 0.0), focal("binary_focal", 0.5), focal("binary_focal", 3.0, 0.25),
        focal("categorical_focal", 0.0), focal("categorical_focal", 0.5),
        focal("categorical_focal", 5.0)}) {
    ++variant;
    CAPTURE(variant);
    check(loss);
  }
}

template <class Check>
void for_each_fused_loss(Check check) {
  for_each_loss([&](const Loss& loss) {
    if (fused(loss)) check(loss);
  });
}

template <class Check>
void for_each_loss_over_classes(Check check) {
  for_each_loss([&](const Loss& loss) {
    if (loss.over_classes()) check(loss);
  });
}

// Numbers of outputs that are not those of a vector, but for as many quantiles as there are levels.
std::vector<Index> sizes(const Loss& loss) {
  const auto k = static_cast<Index>(loss.levels.size());
  return {k, 2 * k, 7 * k, 19 * k};
}

}  // namespace

TEST_CASE("losses go by the names that files and Python use") {
  std::set<std::string_view> names;
  for (const LossRow& row : kernel_table().losses) names.insert(row.name);
  CHECK(names == std::set<std::string_view>{"mean_squared_error", "mean_absolute_error", "huber",
                                            "log_cosh", "quantile", "poisson",
                                            "binary_cross_entropy", "binary_focal",
                                            "categorical_cross_entropy", "categorical_focal"});
}

TEST_CASE("a loss is fused with the output whose logits make it exact") {
  for_each_loss([](const Loss& loss) {
    const char* const output = kernel_table().losses[loss.row()].fused_output;
    CHECK((output != nullptr) == fused(loss));
    if (output) CHECK(output == output_of(loss));
  });
}

TEST_CASE("labels are for losses over classes") {
  for_each_loss(
      [](const Loss& loss) { CHECK(loss.over_classes() == (output_of(loss) == "softmax")); });
}

TEST_CASE_TEMPLATE("losses by hand", Scalar, float, double) {
  Matrix<Scalar> A(2, 2), Y(2, 2);
  A << Scalar(0.5), Scalar(0.25), Scalar(0.5), Scalar(0.75);
  Y << 1, 0, 0, 1;
  const Vector<Scalar> weights = Vector<Scalar>{{2, 4}};
  const Target<Scalar> target{Y.data(), nullptr, weights.data()};
  constexpr double log_2 = std::numbers::ln2;
  const double log_3_4 = std::log(0.75), entropy = 2.0 * log_2 - 0.75 * std::log(3.0);
  const auto check = [&](const Loss& loss, double sum, const Matrix<double>& dA) {
    const auto result = from_output(loss, A, target);
    CHECK(error(result.sum, sum) < rounding<Scalar>);
    CHECK(error(result.gradient, dA) < rounding<Scalar>);
  };
  Matrix<double> dA(2, 2);

  SUBCASE("mean squared error") {
    // 2 (0.5^2 + 0.5^2) / 2 + 4 (0.25^2 + 0.25^2) / 2
    dA << -1, 1, 1, -1;
    check("mean_squared_error", 0.75, dA);
  }
  SUBCASE("mean absolute error") {
    dA << -1, 2, 1, -2;
    check("mean_absolute_error", 2.0, dA);
  }
  SUBCASE("Huber") {
    // 2 * 0.25 (0.5 - 0.125) + 4 * 0.25^2 / 2
    dA << -0.25, 0.5, 0.25, -0.5;
    check(huber_of(0.25), 0.3125, dA);
  }
  SUBCASE("log cosh") {
    dA << std::tanh(-0.5), 2.0 * std::tanh(0.25), std::tanh(0.5), 2.0 * std::tanh(-0.25);
    check("log_cosh", 2.0 * std::log(std::cosh(0.5)) + 4.0 * std::log(std::cosh(0.25)), dA);
  }
  SUBCASE("quantiles") {
    // 2 (0.25 * 0.5 + 0.25 * 0.5) / 2 + 4 (0.75 * 0.25 + 0.75 * 0.25) / 2
    dA << -0.25, 1.5, 0.25, -1.5;
    check(quantiles({0.25, 0.75}), 1.0, dA);
  }
  SUBCASE("Poisson") {
    dA << -1, 2, 1, -2.0 / 3.0;
    check("poisson", 3.0 + log_2 - 2.0 * log_3_4, dA);
  }
  SUBCASE("binary cross-entropy") {
    dA << -2, 8.0 / 3.0, 2, -8.0 / 3.0;
    check("binary_cross_entropy", 2.0 * log_2 - 4.0 * log_3_4, dA);
    dA << -1, 0, 1, 0;  // 0 and 1 are 1/4 and 3/4
    check(smoothed("binary_cross_entropy", 0.5), 2.0 * log_2 + 4.0 * entropy, dA);
  }
  SUBCASE("categorical cross-entropy") {
    dA << -4, 0, 0, -16.0 / 3.0;
    check("categorical_cross_entropy", 2.0 * log_2 - 4.0 * log_3_4, dA);
    dA << -3, -4, -1, -4;
    check(smoothed("categorical_cross_entropy", 0.5), 2.0 * log_2 + 4.0 * entropy, dA);
  }
  SUBCASE("focal") {
    // d/dp -(1 - p)^2 log p at 1/2 and 3/4
    const double half = -log_2 - 0.5, near = 0.5 * log_3_4 - 0.0625 / 0.75;
    dA << 2.0 * half, 0, 0, 4.0 * near;
    check("categorical_focal", 0.5 * log_2 - 0.25 * log_3_4, dA);
    dA << 0.25 * half, -1.5 * near, -0.75 * half, 0.5 * near;
    check(focal("binary_focal", 2.0, 0.25), 0.25 * log_2 - 0.125 * log_3_4, dA);
    dA << half, -2.0 * near, -half, 2.0 * near;
    check("binary_focal", 0.5 * log_2 - 0.25 * log_3_4, dA);
  }
}

TEST_CASE_TEMPLATE("losses agree with the naive reference", Scalar, float, double) {
  std::mt19937 engine(1);
  for_each_loss([&](const Loss& loss) {
    for (const Index n : sizes(loss)) {
      for (const Index m : {1, 3, 16}) {
        CAPTURE(n);
        CAPTURE(m);
        const Case<Scalar> c(engine, loss, n, m);
        const Matrix<double> A = exact(c.A), Y = exact(c.Y);
        const auto plain = from_output(loss, c.A, c.target());
        CHECK(error(plain.sum, reference::loss_sum(loss, A, Y)) < rounding<Scalar>);
        CHECK(error(plain.gradient, reference::loss_gradient(loss, A, Y)) < rounding<Scalar>);

        const Vector<double> weights = exact(c.weights);
        const auto weighted = from_output(loss, c.A, c.weighted());
        CHECK(error(weighted.sum, reference::loss_sum(loss, A, Y, weights)) < rounding<Scalar>);
        CHECK(error(weighted.gradient, reference::loss_gradient(loss, A, Y, weights)) <
              rounding<Scalar>);
      }
    }
  });
}

TEST_CASE("gradients agree with central differences") {
  std::mt19937 engine(2);
  for_each_loss([&](const Loss& loss) {
    const Case<double> c(engine, loss, 4, 5);
    const auto f = [&](const Matrix<double>& A) { return from_output(loss, A, c.weighted()).sum; };
    // 1 / a^3, which is in the error of the difference, is large for small probabilities.
    const Matrix<double> gradient = from_output(loss, c.A, c.weighted()).gradient;
    CHECK(error(gradient, central_difference(c.A, f, 1e-6)) < 10.0 * central_difference_error);
  });
  for_each_fused_loss([&](const Loss& loss) {
    const Case<double> c(engine, loss, 4, 5);
    const auto f = [&](const Matrix<double>& Z) { return from_logits(loss, Z, c.weighted()).sum; };
    CHECK(error(from_logits(loss, c.Z, c.weighted()).gradient, central_difference(c.Z, f)) <
          central_difference_error);
  });
}

TEST_CASE_TEMPLATE("from the logits a loss is what it is from the output", Scalar, float, double) {
  std::mt19937 engine(3);
  for_each_fused_loss([&](const Loss& loss) {
    for (const Index n : {1, 2, 10, 33, 150}) {
      CAPTURE(n);
      const Case<Scalar> c(engine, loss, n, 6);
      for (const Target<Scalar>& target : {c.target(), c.weighted()}) {
        const auto of_logits = from_logits(loss, c.Z, target);
        const auto of_output = from_output(loss, c.A, target);
        Matrix<Scalar> dZ(n, 6);
        activate_backward<Scalar>(act(output_of(loss)), of_output.gradient, c.A, dZ);
        CHECK(error(of_logits.sum, of_output.sum) < rounding<Scalar>);
        CHECK(error(of_logits.gradient, dZ) < rounding<Scalar>);

        dZ = c.Z;
        CHECK(loss_backward_from_logits<Scalar>(loss, dZ, target, dZ) == of_logits.sum);
        CHECK(same_bits(dZ, of_logits.gradient));
      }
    }
  });
}

TEST_CASE_TEMPLATE("columns may lie apart", Scalar, float, double) {
  std::mt19937 engine(9);
  for_each_loss([&](const Loss& loss) {
    const Index n = 4, m = 5;
    const Case<Scalar> c(engine, loss, n, m);
    const auto check = [&](auto backward, const Matrix<Scalar>& input,
                           const Result<Scalar>& expected) {
      Matrix<Scalar> inputs = Matrix<Scalar>::Zero(n + 3, m), gradients = inputs;
      inputs.topRows(n) = input;
      const double sum = backward(loss, inputs.topRows(n), c.target(), gradients.topRows(n));
      CHECK(error(sum, expected.sum) < rounding<Scalar>);
      CHECK(same_bits(gradients.topRows(n), expected.gradient));
      CHECK(gradients.bottomRows(3).isZero(0));
    };
    check(loss_backward<Scalar>, c.A, from_output(loss, c.A, c.target()));
    if (fused(loss))
      check(loss_backward_from_logits<Scalar>, c.Z, from_logits(loss, c.Z, c.target()));
  });
}

TEST_CASE_TEMPLATE("fused gradients are A - Y", Scalar, float, double) {
  std::mt19937 engine(4);
  const Index n = 5, m = 8;
  for (const Loss& loss :
       {Loss("poisson"), Loss("binary_cross_entropy"), Loss("categorical_cross_entropy"),
        smoothed("binary_cross_entropy", 0.3), smoothed("categorical_cross_entropy", 0.3)}) {
    const Case<Scalar> c(engine, loss, n, m);
    const bool over_classes = loss.over_classes();
    const double s = loss.label_smoothing, classes = over_classes ? double(n) : 2.0;
    const Matrix<double> Y = ((1.0 - s) * exact(c.Y)).array() + s / classes;
    const double outputs = over_classes ? 1.0 : double(n);
    CHECK(error(from_logits(loss, c.Z, c.target()).gradient, (exact(c.A) - Y) / outputs) <
          rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a focal loss of gamma 0 is the cross-entropy", Scalar, float, double) {
  std::mt19937 engine(10);
  const auto check_same = [](const Result<Scalar>& a, const Result<Scalar>& b) {
    CHECK(error(a.sum, b.sum) < rounding<Scalar>);
    CHECK(error(a.gradient, b.gradient) < rounding<Scalar>);
  };
  for (const auto& [focal_kind, entropy] :
       {std::pair<const char*, const char*>("binary_focal", "binary_cross_entropy"),
        std::pair<const char*, const char*>("categorical_focal", "categorical_cross_entropy")}) {
    const Loss of_gamma_0 = focal(focal_kind, 0.0);
    const Case<Scalar> c(engine, entropy, 6, 9);
    check_same(from_output(of_gamma_0, c.A, c.weighted()),
               from_output<Scalar>(entropy, c.A, c.weighted()));
    check_same(from_logits(of_gamma_0, c.Z, c.weighted()),
               from_logits<Scalar>(entropy, c.Z, c.weighted()));
  }
}

TEST_CASE_TEMPLATE("a label is its one-hot column", Scalar, float, double) {
  std::mt19937 engine(5);
  for_each_loss_over_classes([&](const Loss& loss) {
    for (const Index n : {1, 6, 70}) {
      CAPTURE(n);
      const Index m = 11;
      const Case<Scalar> c(engine, loss, n, m);
      const std::vector<std::int64_t> labels = random_labels(engine, m, n);
      const Matrix<Scalar> Y = one_hot<Scalar>(labels, n);
      const Target<Scalar> by_label{nullptr, labels.data(), c.weights.data()};
      const Target<Scalar> by_column{Y.data(), nullptr, c.weights.data()};
      const auto check_same = [](const Result<Scalar>& a, const Result<Scalar>& b) {
        CHECK(error(a.sum, b.sum) < rounding<Scalar>);
        CHECK(error(a.gradient, b.gradient) < rounding<Scalar>);
      };
      check_same(from_output(loss, c.A, by_label), from_output(loss, c.A, by_column));
      check_same(from_logits(loss, c.Z, by_label), from_logits(loss, c.Z, by_column));

      Matrix<Scalar> dZ = c.Z;  // in its place
      loss_backward_from_logits<Scalar>(loss, dZ, by_label, dZ);
      CHECK(same_bits(dZ, from_logits(loss, c.Z, by_label).gradient));
    }
  });
}

TEST_CASE_TEMPLATE("a part of a target is a target", Scalar, float, double) {
  std::mt19937 engine(6);
  const Index n = 3, m = 10, first = 4;
  const Matrix<Scalar> Y = random_matrix<Scalar>(engine, n, m);
  const Vector<Scalar> weights = random_vector<Scalar>(engine, m);
  const std::vector<std::int64_t> labels = random_labels(engine, m, n);
  const auto part = Target<Scalar>{Y.data(), labels.data(), weights.data()}.from(first, n);
  CHECK(part.Y == Y.col(first).data());
  CHECK(part.labels == &labels[first]);
  CHECK(part.weights == &weights(first));
  const auto nothing = Target<Scalar>{}.from(first, n);
  CHECK(nothing.Y == nullptr);
  CHECK(nothing.labels == nullptr);
  CHECK(nothing.weights == nullptr);
}

TEST_CASE_TEMPLATE("no finite logit makes a cost infinite", Scalar, float, double) {
  for (const double size : {1e4, 1e30}) {
    CAPTURE(size);
    const auto z = static_cast<Scalar>(size);
    Matrix<Scalar> Z(1, 4), Y(1, 4), dZ(1, 4);
    Z << z, z, -z, -z;
    Y << 1, 0, 1, 0;
    dZ << 0, 1, -1, 0;
    for (const std::string_view loss : {"binary_cross_entropy", "binary_focal"}) {
      const auto result = from_logits<Scalar>(loss, Z, {Y.data(), nullptr, nullptr});
      CHECK(error(result.sum, 2.0 * size) < rounding<Scalar>);
      CHECK(result.gradient == dZ);
    }

    Z.resize(2, 4);
    Z << z, z, -z, z, -z, -z, z, z;
    const std::vector<std::int64_t> labels{0, 1, 0, 1};
    const Matrix<Scalar> one_hot_columns = one_hot<Scalar>(labels, 2);
    // Of the last column p is 1/2, and h = q^2 (2 p log p / q - 1) its derivative times p.
    const double h = -0.25 * (2.0 * std::numbers::ln2 + 1.0);
    for (const Target<Scalar>& target :
         {Target<Scalar>{nullptr, labels.data(), nullptr},
          Target<Scalar>{one_hot_columns.data(), nullptr, nullptr}}) {
      const auto entropy = from_logits<Scalar>("categorical_cross_entropy", Z, target);
      CHECK(error(entropy.sum, 4.0 * size + std::log(2.0)) < rounding<Scalar>);
      dZ.resize(2, 4);
      dZ << 0, 1, -1, Scalar(0.5), 0, -1, 1, Scalar(-0.5);
      CHECK(entropy.gradient == dZ);

      const auto of_focal = from_logits<Scalar>("categorical_focal", Z, target);
      CHECK(error(of_focal.sum, 4.0 * size + std::log(2.0) / 4.0) < rounding<Scalar>);
      dZ.col(3) << static_cast<Scalar>(-h / 2.0), static_cast<Scalar>(h / 2.0);
      CHECK(error(of_focal.gradient, dZ) < rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("a smoothed label wants a finite logit", Scalar, float, double) {
  Matrix<Scalar> Z(2, 1), Y(2, 1);
  Z << 1000, -1000;
  Y << 1, 0;
  const Target<Scalar> target{Y.data(), nullptr, nullptr};
  // A share of 0.1 is at the wrong end, of each of two outputs or of the two classes.
  for (const std::string_view kind : {"binary_cross_entropy", "categorical_cross_entropy"}) {
    const auto result = from_logits(smoothed(kind, 0.2), Z, target);
    const double distance = kind == "binary_cross_entropy" ? 1000.0 : 2000.0;
    CHECK(error(result.sum, 0.1 * distance) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a focal loss keeps its digits near a probability of 1", Scalar, float, double) {
  // q = e^-20 of two classes and of one output: q^2 (-log(1 - q)) is about q^3.
  const double q = std::exp(-20.0);
  const std::vector<std::int64_t> labels{0};
  Matrix<Scalar> Z(2, 1);
  Z << 20, 0;
  const auto of_classes =
      from_logits<Scalar>("categorical_focal", Z, {nullptr, labels.data(), nullptr});
  CHECK(std::abs(of_classes.sum / (q * q * q) - 1.0) < 1e-5);
  CHECK(std::abs(static_cast<double>(of_classes.gradient(0)) / (-3.0 * q * q * q) - 1.0) < 1e-5);
  CHECK(std::abs(static_cast<double>(of_classes.gradient(1)) / (3.0 * q * q * q) - 1.0) < 1e-5);
  const Matrix<Scalar> z = Matrix<Scalar>::Constant(1, 1, 20), y = Matrix<Scalar>::Ones(1, 1);
  const auto of_output = from_logits<Scalar>("binary_focal", z, {y.data(), nullptr, nullptr});
  CHECK(std::abs(of_output.sum / (q * q * q) - 1.0) < 1e-5);
  CHECK(std::abs(static_cast<double>(of_output.gradient(0)) / (-3.0 * q * q * q) - 1.0) < 1e-5);
}

TEST_CASE_TEMPLATE("log cosh neither overflows nor loses digits", Scalar, float, double) {
  for (const double size : {1e-15, 1e-6, 1e-3, 0.1, 0.999, 1.001, 5.0, 30.0, 1e4, 1e30}) {
    CAPTURE(size);
    const double expected = size < 20.0 ? std::log1p(2.0 * std::pow(std::sinh(size / 2.0), 2))
                                        : size - std::numbers::ln2;
    for (const double sign : {-1.0, 1.0}) {
      const Matrix<Scalar> A = Matrix<Scalar>::Constant(1, 1, static_cast<Scalar>(sign * size));
      const Matrix<Scalar> Y = Matrix<Scalar>::Zero(1, 1);
      const auto result = from_output<Scalar>("log_cosh", A, {Y.data(), nullptr, nullptr});
      CHECK(std::abs(result.sum / expected - 1.0) < rounding<Scalar>);
      CHECK(std::abs(static_cast<double>(result.gradient(0)) / (sign * std::tanh(size)) - 1.0) <
            rounding<Scalar>);
    }
  }
}

TEST_CASE_TEMPLATE("an event of probability 0 that does not happen costs nothing", Scalar, float,
                   double) {
  Matrix<Scalar> A(1, 3), Z(1, 3), Y(1, 3);
  A << 0, 0, 2;
  Y << 0, 1, 0;
  const Target<Scalar> target{Y.data(), nullptr, nullptr};
  const auto of_output = from_output<Scalar>("poisson", A, target);
  CHECK(of_output.sum == infinity<double>);
  CHECK(of_output.gradient(0) == 1);
  CHECK(of_output.gradient(1) == -infinity<Scalar>);
  CHECK(of_output.gradient(2) == 1);

  Z << -infinity<Scalar>, -1000, Scalar(std::numbers::ln2);
  const auto of_logits = from_logits<Scalar>("poisson", Z, target);
  CHECK(error(of_logits.sum, 1000.0 + 2.0) < rounding<Scalar>);
  CHECK(of_logits.gradient(0) == 0);
  CHECK(of_logits.gradient(1) == -1);
  CHECK(error(of_logits.gradient(2), 2.0) < rounding<Scalar>);
}

TEST_CASE_TEMPLATE("at a kink the derivative is 0", Scalar, float, double) {
  std::mt19937 engine(11);
  const Matrix<Scalar> A = random_matrix<Scalar>(engine, 2, 3);
  for (const Loss& loss : {Loss("mean_absolute_error"), quantiles({0.1, 0.9})}) {
    const auto result = from_output<Scalar>(loss, A, {A.data(), nullptr, nullptr});
    CHECK(result.sum == 0.0);
    CHECK(result.gradient.isZero(0));
  }
}

TEST_CASE_TEMPLATE("certain and right costs nothing", Scalar, float, double) {
  Matrix<Scalar> A(2, 2);
  A << 1, 0, 0, 1;
  const std::vector<std::int64_t> labels{0, 1};
  const Target<Scalar> same{A.data(), nullptr, nullptr};
  for_each_loss([&](const Loss& loss) {
    // A smoothed target is never certain, and Poisson's loss leaves a constant out.
    if (loss.label_smoothing != 0.0 || loss.name == "poisson") return;
    const auto result = from_output(loss, A, same);
    CHECK(result.sum == 0.0);
    CHECK(result.gradient.allFinite());
    if (!loss.over_classes()) return;
    const auto by_label = from_output<Scalar>(loss, A, {nullptr, labels.data(), nullptr});
    CHECK(by_label.sum == 0.0);
    CHECK(by_label.gradient.allFinite());
  });
}

TEST_CASE_TEMPLATE("an infinite error costs inf", Scalar, float, double) {
  Matrix<Scalar> A(1, 2), Y = Matrix<Scalar>::Zero(1, 2);
  A << infinity<Scalar>, -infinity<Scalar>;
  const Target<Scalar> target{Y.data(), nullptr, nullptr};
  for (const std::string_view loss :
       {"mean_squared_error", "mean_absolute_error", "huber", "log_cosh", "quantile"}) {
    const auto result = from_output<Scalar>(loss, A, target);
    CHECK(result.sum == infinity<double>);
    CHECK(result.gradient(0) > 0);
    CHECK(result.gradient(1) < 0);
  }
}

TEST_CASE_TEMPLATE("NaN in gives NaN out", Scalar, float, double) {
  std::mt19937 engine(7);
  const auto poison = [](Matrix<Scalar>& matrix) {
    matrix.col(1).setConstant(not_a_number<Scalar>);
  };
  const auto check_poisoned = [](const Result<Scalar>& result) {
    CHECK(std::isnan(result.sum));
    CHECK(result.gradient.col(0).allFinite());
    CHECK(result.gradient.col(1).hasNaN());
    CHECK(result.gradient.col(2).allFinite());
  };
  for_each_loss([&](const Loss& loss) {
    const Case<Scalar> clean(engine, loss, 4, 3);
    Case<Scalar> c = clean;
    poison(c.A);
    check_poisoned(from_output(loss, c.A, c.weighted()));
    c = clean;
    poison(c.Y);
    check_poisoned(from_output(loss, c.A, c.weighted()));
    c = clean;
    c.weights(1) = not_a_number<Scalar>;
    check_poisoned(from_output(loss, c.A, c.weighted()));
  });
  for_each_fused_loss([&](const Loss& loss) {
    const Case<Scalar> clean(engine, loss, 4, 3);
    // One NaN among a column's logits, at the label and beside it, is enough.
    for (const Index row : {0, 3}) {
      Case<Scalar> c = clean;
      c.Z(row, 1) = not_a_number<Scalar>;
      check_poisoned(from_logits(loss, c.Z, c.weighted()));
    }
    Case<Scalar> c = clean;
    poison(c.Y);
    check_poisoned(from_logits(loss, c.Z, c.weighted()));
  });
  const std::vector<std::int64_t> labels{0, 2, 1};
  for_each_loss_over_classes([&](const Loss& loss) {
    for (const Index row : {0, 2}) {
      Case<Scalar> c(engine, loss, 3, 3);
      c.Z(row, 1) = not_a_number<Scalar>;
      check_poisoned(from_logits<Scalar>(loss, c.Z, {nullptr, labels.data(), nullptr}));
    }
  });
}

TEST_CASE_TEMPLATE("a NaN beside the right class is no right answer", Scalar, float, double) {
  // 0 log 0 is 0, but 0 log NaN is NaN.
  const std::vector<std::int64_t> labels{0};
  const Matrix<Scalar> Y = one_hot<Scalar>(labels, 2);
  Matrix<Scalar> A(2, 1);
  A << 1, not_a_number<Scalar>;
  for_each_loss([&](const Loss& loss) {
    const auto result = from_output<Scalar>(loss, A, {Y.data(), nullptr, nullptr});
    CHECK(std::isnan(result.sum));
    CHECK(std::isnan(result.gradient(1)));
    if (!loss.over_classes()) return;
    const auto by_label = from_output<Scalar>(loss, A, {nullptr, labels.data(), nullptr});
    CHECK(std::isnan(by_label.sum));
    CHECK(std::isnan(by_label.gradient(1)));
  });
}

TEST_CASE_TEMPLATE("a weight of zero takes an example out", Scalar, float, double) {
  std::mt19937 engine(8);
  for_each_loss([&](const Loss& loss) {
    Case<Scalar> c(engine, loss, 4, 4);
    c.weights << 1, 0, 1, 0;
    const auto result = from_output(loss, c.A, c.weighted());
    const Matrix<Scalar> A = c.A(Eigen::all, {0, 2}), Y = c.Y(Eigen::all, {0, 2});
    CHECK(error(result.sum, reference::loss_sum(loss, exact(A), exact(Y))) < rounding<Scalar>);
    CHECK(result.gradient.col(1).isZero(0));
    CHECK(result.gradient.col(3).isZero(0));
  });
}

TEST_CASE_TEMPLATE("a mean's cost and its gradient have a factor each", Scalar, float, double) {
  std::mt19937 engine(9);
  for_each_loss([&](const Loss& loss) {
    if (loss.over_classes()) return;  // a sum over the classes
    const Case<Scalar> c(engine, loss, 3, 5);
    Loss scaled = loss;
    scaled.cost_factor = 0.5;
    scaled.gradient_factor = 4.0;
    const auto hold = [](const Result<Scalar>& with, const Result<Scalar>& without) {
      CHECK(with.sum == 0.5 * without.sum);  // powers of two change no digit
      CHECK(with.gradient == Scalar(4) * without.gradient);
    };
    hold(from_output(scaled, c.A, c.weighted()), from_output(loss, c.A, c.weighted()));
    if (fused(loss))
      hold(from_logits(scaled, c.Z, c.weighted()), from_logits(loss, c.Z, c.weighted()));
  });
}

TEST_CASE_TEMPLATE("a loss allocates nothing", Scalar, float, double) {
  std::mt19937 engine(12);
  for_each_loss([&](const Loss& loss) {
    const Case<Scalar> c(engine, loss, 4, 5);
    Matrix<Scalar> gradient(4, 5);
    CHECK(allocations_in([&] { loss_backward<Scalar>(loss, c.A, c.weighted(), gradient); }) == 0);
    if (!fused(loss)) return;
    CHECK(allocations_in(
              [&] { loss_backward_from_logits<Scalar>(loss, c.Z, c.weighted(), gradient); }) == 0);
  });
}

TEST_CASE_TEMPLATE("no outputs and no examples cost nothing", Scalar, float, double) {
  const Scalar weights[] = {1, 2, 3, 4, 5, 6};
  for_each_loss([&](const Loss& loss) {
    for (const auto& [n, m] : {std::pair<Index, Index>{0, 3}, {0, 6}, {3, 0}, {70, 0}, {0, 0}})
      for (const Scalar* const weight : {static_cast<const Scalar*>(nullptr), weights}) {
        const View<Scalar> none(nullptr, n, m);
        CHECK(loss_backward<Scalar>(loss, none, {nullptr, nullptr, weight}, none) == 0.0);
        if (fused(loss))
          CHECK(loss_backward_from_logits<Scalar>(loss, none, {nullptr, nullptr, weight}, none) ==
                0.0);
      }
  });
}

TEST_CASE_TEMPLATE("a quantile without a level is the median", Scalar, float, double) {
  std::mt19937 engine(14);
  const Case<Scalar> c(engine, "quantile", 3, 4);
  Loss without("quantile");
  without.levels.clear();
  CHECK(from_output(without, c.A, c.target()).sum ==
        from_output<Scalar>("quantile", c.A, c.target()).sum);
}
