#include "deltarule/loss.hpp"
#include "reference.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string_view>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

template <class Scalar>
struct Result {
  double sum;
  Matrix<Scalar> gradient;
};

template <class Scalar>
Result<Scalar> from_output(Loss loss, const Matrix<Scalar>& A, const Target<Scalar>& target) {
  Matrix<Scalar> dA(A.rows(), A.cols());
  const double sum = loss_backward<Scalar>(loss, A, target, dA);
  return {sum, dA};
}

template <class Scalar>
Result<Scalar> from_logits(Loss loss, const Matrix<Scalar>& Z, const Target<Scalar>& target) {
  Matrix<Scalar> dZ(Z.rows(), Z.cols());
  const double sum = loss_backward_from_logits<Scalar>(loss, Z, target, dZ);
  return {sum, dZ};
}

// The output activation that a loss is used with.
Activation output_of(Loss loss) {
  switch (loss) {
    case Loss::mean_squared_error: return Activation::identity;
    case Loss::binary_cross_entropy: return Activation::sigmoid;
    case Loss::categorical_cross_entropy: break;
  }
  return Activation::softmax;
}

// Logits and targets that suit the loss: probabilities for the cross-entropies, soft ones too.
template <class Scalar>
struct Case {
  Matrix<Scalar> Z, A, Y;
  Vector<Scalar> weights;

  Case(std::mt19937& engine, Loss loss, Index n, Index m)
      : Z(random_matrix<Scalar>(engine, n, m, 3.0)),
        A(n, m),
        Y(random_matrix<Scalar>(engine, n, m, 3.0)),
        weights(random_vector<Scalar>(engine, m).cwiseAbs()) {
    activation_forward<Scalar>(output_of(loss), Z, A);
    activation_forward<Scalar>(output_of(loss), Y, Y);
  }
  Target<Scalar> target() const { return {Y.data(), nullptr, nullptr}; }
  Target<Scalar> weighted() const { return {Y.data(), nullptr, weights.data()}; }
};

template <class Check>
void for_each_loss(Check check) {
  for (const LossName& entry : loss_names()) {
    INFO(entry.name);
    check(entry.loss);
  }
}

constexpr Loss fused_losses[] = {Loss::binary_cross_entropy, Loss::categorical_cross_entropy};

}  // namespace

TEST_CASE("losses go by the names that files and Python use") {
  std::set<std::string_view> names;
  for (const LossName& entry : loss_names()) names.insert(entry.name);
  CHECK(names == std::set<std::string_view>{"mean_squared_error", "binary_cross_entropy",
                                            "categorical_cross_entropy"});
}

TEST_CASE("a loss is fused with the output whose logits make it exact") {
  for_each_loss([](Loss loss) {
    for (const ActivationName& output : activation_names()) {
      INFO(output.name);
      const bool expected =
          loss != Loss::mean_squared_error && output.activation == output_of(loss);
      CHECK(fused_with_output(loss, output.activation) == expected);
    }
  });
}

TEST_CASE_TEMPLATE("losses by hand", Scalar, float, double) {
  Matrix<Scalar> A(2, 2), Y(2, 2);
  A << Scalar(0.5), Scalar(0.25), Scalar(0.5), Scalar(0.75);
  Y << 1, 0, 0, 1;
  const Vector<Scalar> weights = Vector<Scalar>{{2, 4}};
  const Target<Scalar> target{Y.data(), nullptr, weights.data()};
  Matrix<Scalar> dA(2, 2);

  SUBCASE("mean squared error") {
    // 2 (0.5^2 + 0.5^2) / 2 + 4 (0.25^2 + 0.25^2) / 2
    const auto result = from_output(Loss::mean_squared_error, A, target);
    CHECK(result.sum == 0.75);
    dA << -1, 1, 1, -1;
    CHECK(result.gradient == dA);
  }
  SUBCASE("binary cross-entropy") {
    const auto result = from_output(Loss::binary_cross_entropy, A, target);
    CHECK(error(result.sum, 2.0 * std::log(2.0) + 4.0 * std::log(4.0 / 3.0)) < rounding<Scalar>);
    dA << -2, Scalar(8.0 / 3.0), 2, Scalar(-8.0 / 3.0);
    CHECK(error(result.gradient, dA) < rounding<Scalar>);
  }
  SUBCASE("categorical cross-entropy") {
    const auto result = from_output(Loss::categorical_cross_entropy, A, target);
    CHECK(error(result.sum, 2.0 * std::log(2.0) + 4.0 * std::log(4.0 / 3.0)) < rounding<Scalar>);
    dA << -4, 0, 0, Scalar(-16.0 / 3.0);
    CHECK(error(result.gradient, dA) < rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("losses agree with the naive reference", Scalar, float, double) {
  std::mt19937 engine(1);
  for_each_loss([&](Loss loss) {
    for (const Index n : {1, 2, 7, 19}) {
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
  for_each_loss([&](Loss loss) {
    const Case<double> c(engine, loss, 4, 5);
    const auto f = [&](const Matrix<double>& A) { return from_output(loss, A, c.weighted()).sum; };
    // 1 / a^3, which is in the error of the difference, is large for small probabilities.
    const Matrix<double> gradient = from_output(loss, c.A, c.weighted()).gradient;
    CHECK(error(gradient, central_difference(c.A, f, 1e-6)) < 10.0 * central_difference_error);
  });
  for (const Loss loss : fused_losses) {
    const Case<double> c(engine, loss, 4, 5);
    const auto f = [&](const Matrix<double>& Z) { return from_logits(loss, Z, c.weighted()).sum; };
    CHECK(error(from_logits(loss, c.Z, c.weighted()).gradient, central_difference(c.Z, f)) <
          central_difference_error);
  }
}

TEST_CASE_TEMPLATE("from the logits a loss is what it is from the output", Scalar, float, double) {
  std::mt19937 engine(3);
  for (const Loss loss : fused_losses) {
    for (const Index n : {1, 2, 10, 33}) {
      CAPTURE(n);
      const Case<Scalar> c(engine, loss, n, 6);
      const auto fused = from_logits(loss, c.Z, c.weighted());
      const auto unfused = from_output(loss, c.A, c.weighted());
      Matrix<Scalar> dZ(n, 6);
      activation_backward<Scalar>(output_of(loss), unfused.gradient, c.A, dZ);
      CHECK(error(fused.sum, unfused.sum) < rounding<Scalar>);
      CHECK(error(fused.gradient, dZ) < rounding<Scalar>);

      dZ = c.Z;
      CHECK(loss_backward_from_logits<Scalar>(loss, dZ, c.weighted(), dZ) == fused.sum);
      CHECK(same_bits(dZ, fused.gradient));
    }
  }
}

TEST_CASE_TEMPLATE("fused gradients are A - Y", Scalar, float, double) {
  std::mt19937 engine(4);
  const Index n = 5, m = 8;
  for (const Loss loss : fused_losses) {
    const Case<Scalar> c(engine, loss, n, m);
    // Binary cross-entropy is a mean over outputs.
    const Scalar outputs = loss == Loss::binary_cross_entropy ? Scalar(n) : Scalar(1);
    CHECK(error(from_logits(loss, c.Z, c.target()).gradient, (c.A - c.Y) / outputs) <
          rounding<Scalar>);
  }
}

TEST_CASE_TEMPLATE("a label is its one-hot column", Scalar, float, double) {
  std::mt19937 engine(5);
  const Loss loss = Loss::categorical_cross_entropy;
  const Index n = 6, m = 11;
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
    const auto binary =
        from_logits<Scalar>(Loss::binary_cross_entropy, Z, {Y.data(), nullptr, nullptr});
    CHECK(error(binary.sum, 2.0 * size) < rounding<Scalar>);
    dZ << 0, 1, -1, 0;
    CHECK(binary.gradient == dZ);

    Z.resize(2, 4);
    Z << z, z, -z, z, -z, -z, z, z;
    const std::vector<std::int64_t> labels{0, 1, 0, 1};
    const auto categorical =
        from_logits<Scalar>(Loss::categorical_cross_entropy, Z, {nullptr, labels.data(), nullptr});
    CHECK(error(categorical.sum, 4.0 * size + std::log(2.0)) < rounding<Scalar>);
    dZ.resize(2, 4);
    dZ << 0, 1, -1, Scalar(0.5), 0, -1, 1, Scalar(-0.5);
    CHECK(categorical.gradient == dZ);
  }
}

TEST_CASE_TEMPLATE("certain and right costs nothing", Scalar, float, double) {
  Matrix<Scalar> A(2, 2);
  A << 1, 0, 0, 1;
  const std::vector<std::int64_t> labels{0, 1};
  const Target<Scalar> same{A.data(), nullptr, nullptr};
  for_each_loss([&](Loss loss) {
    const auto result = from_output(loss, A, same);
    CHECK(result.sum == 0.0);
    CHECK(result.gradient.allFinite());
  });
  const auto by_label =
      from_output<Scalar>(Loss::categorical_cross_entropy, A, {nullptr, labels.data(), nullptr});
  CHECK(by_label.sum == 0.0);
  CHECK(by_label.gradient.allFinite());
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
  for_each_loss([&](Loss loss) {
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
  for (const Loss loss : fused_losses) {
    const Case<Scalar> clean(engine, loss, 4, 3);
    // One NaN among a column's logits, at the label and beside it, is enough.
    for (const Index row : {0, 3}) {
      Case<Scalar> c = clean;
      c.Z(row, 1) = not_a_number<Scalar>;
      check_poisoned(from_logits(loss, c.Z, c.weighted()));
    }
  }
  const std::vector<std::int64_t> labels{0, 2, 1};
  for (const Index row : {0, 2}) {
    Case<Scalar> c(engine, Loss::categorical_cross_entropy, 3, 3);
    c.Z(row, 1) = not_a_number<Scalar>;
    check_poisoned(from_logits<Scalar>(Loss::categorical_cross_entropy, c.Z,
                                       {nullptr, labels.data(), nullptr}));
  }
}

TEST_CASE_TEMPLATE("a NaN beside the right class is no right answer", Scalar, float, double) {
  // 0 log 0 is 0, but 0 log NaN is NaN.
  const std::vector<std::int64_t> labels{0};
  const Matrix<Scalar> Y = one_hot<Scalar>(labels, 2);
  Matrix<Scalar> A(2, 1);
  A << 1, not_a_number<Scalar>;
  for_each_loss([&](Loss loss) {
    const auto result = from_output<Scalar>(loss, A, {Y.data(), nullptr, nullptr});
    CHECK(std::isnan(result.sum));
    CHECK(std::isnan(result.gradient(1)));
  });
  const auto by_label =
      from_output<Scalar>(Loss::categorical_cross_entropy, A, {nullptr, labels.data(), nullptr});
  CHECK(std::isnan(by_label.sum));
  CHECK(std::isnan(by_label.gradient(1)));
}

TEST_CASE_TEMPLATE("a weight of zero takes an example out", Scalar, float, double) {
  std::mt19937 engine(8);
  for_each_loss([&](Loss loss) {
    Case<Scalar> c(engine, loss, 3, 4);
    c.weights << 1, 0, 1, 0;
    const auto result = from_output(loss, c.A, c.weighted());
    const Matrix<Scalar> A = c.A(Eigen::all, {0, 2}), Y = c.Y(Eigen::all, {0, 2});
    CHECK(error(result.sum, reference::loss_sum(loss, exact(A), exact(Y))) < rounding<Scalar>);
    CHECK(result.gradient.col(1).isZero(0));
    CHECK(result.gradient.col(3).isZero(0));
  });
}
