#include "model.hpp"
#include "network/ensemble.hpp"
#include "stacks.hpp"
#include "support.hpp"

#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <vector>

using namespace deltarule;
using namespace deltarule::test;

namespace {

constexpr Index inputs = 20;

// Networks with layers of every kind, and X that all of them take: two of its columns are codes.
template <class Scalar>
struct Family {
  std::vector<Model<Scalar>> models;
  Matrix<Scalar> X;

  Family(std::mt19937& engine, Index m) {
    const Stack* embedding = nullptr;
    const std::vector<Stack> all = stacks(inputs);
    for (const Stack& stack : all) {
      models.emplace_back(engine, stack.inputs, stack.layers);
      if (!embedded_columns(stack.layers).empty()) embedding = &stack;
    }
    REQUIRE(embedding);
    X = inputs_of<Scalar>(engine, inputs, embedding->layers, m);
  }

  std::vector<Member<Scalar>> members() const {
    std::vector<Member<Scalar>> found;
    for (const Model<Scalar>& model : models)
      found.push_back({&model.network, model.parameters.data()});
    return found;
  }
  std::vector<double> weights() const {  // 1, 2, 3, ...
    std::vector<double> found;
    for (std::size_t k = 0; k < models.size(); ++k) found.push_back(static_cast<double>(k + 1));
    return found;
  }
  // What each network says alone.
  std::vector<Matrix<Scalar>> alone() const {
    std::vector<Matrix<Scalar>> found;
    for (const Model<Scalar>& model : models) {
      found.emplace_back(model.outputs(), X.cols());
      Interrupt never;
      model.network.infer(model.parameters.data(), examples_of(X), found.back().data(), nullptr, {},
                          never);
    }
    return found;
  }
};

template <class Scalar>
Matrix<Scalar> mean_of(const Ensemble<Scalar>& ensemble, const Examples& X) {
  Matrix<Scalar> result(ensemble.outputs(), X.count);
  Interrupt never;
  ensemble.mean(X, result.data(), never);
  return result;
}

// The same examples, from numbers that do not lie as columns.
template <class Scalar>
Examples turned(const Matrix<Scalar>& X, Matrix<Scalar>& room) {
  constexpr auto size = static_cast<Index>(sizeof(Scalar));
  room = X.transpose();
  return {room.data(), type_of<Scalar>, X.cols(), X.rows(), size, X.cols() * size};
}

}  // namespace

TEST_CASE_TEMPLATE("an ensemble's members say what they say alone", Scalar, float, double) {
  std::mt19937 engine(31);
  for (const Index m : {1, 7, 40, 2001}) {
    CAPTURE(m);
    const Family<Scalar> family(engine, m);
    const std::vector<Matrix<Scalar>> alone = family.alone();
    const Ensemble<Scalar> ensemble(family.members(), family.weights());
    Matrix<Scalar> room;
    for (const Examples& X : {examples_of(family.X), turned(family.X, room)}) {
      const Index stride = ensemble.outputs() * m + 5;
      Vector<Scalar> outputs(ensemble.size() * stride);
      Interrupt never;
      ensemble.all(X, outputs.data(), stride, never);
      for (std::size_t k = 0; k < alone.size(); ++k) {
        const Matrix<Scalar> of_member = Eigen::Map<const Matrix<Scalar>>(
            outputs.data() + static_cast<Index>(k) * stride, ensemble.outputs(), m);
        CHECK(same_bits(of_member, alone[k]));
      }
    }
  }
}

TEST_CASE_TEMPLATE("an ensemble's mean is weighted", Scalar, float, double) {
  std::mt19937 engine(32);
  for (const Index m : {1, 7, 40, 2001}) {
    CAPTURE(m);
    const Family<Scalar> family(engine, m);
    const std::vector<double> weights = family.weights();
    Matrix<double> expected = Matrix<double>::Zero(family.models[0].outputs(), m);
    double total = 0.0;
    for (std::size_t k = 0; const Matrix<Scalar>& A : family.alone()) {
      expected += weights[k] * exact(A);
      total += weights[k++];
    }
    expected /= total;
    const Ensemble<Scalar> ensemble(family.members(), weights);
    const Matrix<Scalar> mean = mean_of(ensemble, examples_of(family.X));
    CHECK(error(mean, expected) < accumulated_rounding<Scalar>);
    Matrix<Scalar> room;
    CHECK(same_bits(mean_of(ensemble, turned(family.X, room)), mean));
  }
}

TEST_CASE_TEMPLATE("an ensemble's bits do not depend on the threads", Scalar, float, double) {
  std::mt19937 engine(33);
  for (const Index m : {3, 40, 2001}) {
    CAPTURE(m);
    const Family<Scalar> family(engine, m);
    // So many of each that a few examples are work for several threads.
    std::vector<Member<Scalar>> members;
    for (int times = 0; times < 50; ++times)
      for (const Member<Scalar>& member : family.members()) members.push_back(member);
    const Ensemble<Scalar> ensemble(members, std::vector<double>(members.size(), 1.0));
    Matrix<Scalar> by_one;
    for (const int n : {1, 2, 3}) {
      const Threads threads(n);
      const Matrix<Scalar> mean = mean_of(ensemble, examples_of(family.X));
      if (n == 1) by_one = mean;
      CHECK(same_bits(mean, by_one));
    }
  }
}

TEST_CASE_TEMPLATE("members that say the same are one, to the last bit", Scalar, float, double) {
  std::mt19937 engine(34);
  const Model<Scalar> model(engine, 6, {dense(9, "tanh"), dense(3, "softmax")});
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 6, 50);
  const Member<Scalar> member{&model.network, model.parameters.data()};
  const Matrix<Scalar> one = mean_of(Ensemble<Scalar>({member}, {1.0}), examples_of(X));
  const std::vector<Member<Scalar>> members(49, member);
  CHECK(same_bits(
      mean_of(Ensemble<Scalar>(members, std::vector<double>(49, 1.0 / 49.0)), examples_of(X)),
      one));
}

TEST_CASE_TEMPLATE("a member that weighs nothing is left out", Scalar, float, double) {
  std::mt19937 engine(35);
  const Index m = 40;
  const Model<Scalar> one(engine, 5, {dense(4, "tanh"), dense(2)});
  const Model<Scalar> other(engine, 5, {dense(3, "relu"), dense(2)});
  Model<Scalar> spoilt(engine, 5, {dense(3, "relu"), dense(2)});
  spoilt.parameters.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
  const Matrix<Scalar> X = random_matrix<Scalar>(engine, 5, m);
  const auto member = [](const Model<Scalar>& model) {
    return Member<Scalar>{&model.network, model.parameters.data()};
  };
  const Ensemble<Scalar> two({member(one), member(other)}, {0.25, 0.75});
  const Ensemble<Scalar> three({member(spoilt), member(one), member(other)}, {0.0, 1.0, 3.0});
  CHECK(same_bits(mean_of(three, examples_of(X)), mean_of(two, examples_of(X))));
}

TEST_CASE_TEMPLATE("an ensemble ends early when asked to", Scalar, float, double) {
  std::mt19937 engine(36);
  const Family<Scalar> family(engine, 9);
  const Ensemble<Scalar> ensemble(family.members(), family.weights());
  const Matrix<Scalar> untouched = Matrix<Scalar>::Constant(ensemble.outputs(), 9, Scalar(42));
  Matrix<Scalar> output = untouched;
  Interrupt interrupt([] { return true; });
  while (!interrupt.poll()) {
  }
  ensemble.mean(examples_of(family.X), output.data(), interrupt);
  CHECK(output == untouched);
}
