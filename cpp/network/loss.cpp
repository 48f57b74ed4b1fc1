#include "network/loss.hpp"

#include <cassert>
#include <type_traits>

namespace deltarule {

std::optional<Loss> Loss::named(std::string_view name) {
  const auto rows = kernel_table().losses;
  for (std::size_t row = 0; row < rows.size(); ++row)
    if (rows[row].name == name) return Loss(row);
  return std::nullopt;
}

const LossRow* Loss::row() const { return of_the_caller_ ? nullptr : &kernel_table().losses[row_]; }

LossParameters Loss::parameters() const {
  LossParameters parameters = hyper_parameters;
  parameters.levels = hyper_parameters.levels_in_turn.data();
  parameters.level_count = static_cast<Index>(hyper_parameters.levels_in_turn.size());
  return parameters;
}

std::string_view Loss::name() const { return row() ? row()->name : "custom"; }

bool Loss::takes_labels() const { return row() && row()->sums_over_classes; }

bool Loss::fused_with_any() const { return row() && row()->fused_output; }

bool Loss::fused_with(Activation output) const {
  return fused_with_any() && std::string_view(row()->fused_output) == row_of(output).name;
}

template <class Scalar>
double Loss::backward(View<const Scalar> A, const Target<Scalar>& target, View<Scalar> dA) const {
  if (!of_the_caller_) return kernels<Scalar>().loss.from_output[row_](parameters(), A, target, dA);
  if constexpr (std::is_same_v<Scalar, float>)
    return of_the_caller_->of_float(A, target, dA);
  else
    return of_the_caller_->of_double(A, target, dA);
}

template <class Scalar>
double Loss::backward_from_logits(View<const Scalar> Z, const Target<Scalar>& target,
                                  View<Scalar> dZ) const {
  assert(fused_with_any());
  return kernels<Scalar>().loss.from_logits[row_](parameters(), Z, target, dZ);
}

template double Loss::backward(View<const float>, const Target<float>&, View<float>) const;
template double Loss::backward(View<const double>, const Target<double>&, View<double>) const;
template double Loss::backward_from_logits(View<const float>, const Target<float>&,
                                           View<float>) const;
template double Loss::backward_from_logits(View<const double>, const Target<double>&,
                                           View<double>) const;

}  // namespace deltarule
