#include "deltarule/network.hpp"

#include "deltarule/dense.hpp"
#include "deltarule/prelu.hpp"
#include "parallel.hpp"
#include "subnormals.hpp"
#include "sums.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace deltarule {
namespace {

// How a batch is cut into slices. A slice is worth handing out from about a million operations on,
// and passes through the layers within a core's own cache. Weights that are copied for a product are
// copied again for every slice, so a network with such a layer is cut into wide ones.
constexpr double slice_work = 1e6;
constexpr Index slice_bytes = 64 * 1024;
constexpr Index least_width = 16, least_width_on_copies = 256;
constexpr Index most_slices = 4096;

// A gradient of each group of slices is worth its place from so many examples on: then what the groups
// have to add up is little beside what they make.
constexpr Index examples_a_group = 96, numbers_of_groups = 1024 * 1024;

// How the parameters are cut into tiles: into some sixteen, neither so small that handing one out
// costs more than its gradient, nor so large that it leaves the cache before it is updated. Again,
// what is copied is cut wide.
constexpr Index least_tile = 1024, most_tile = 32 * 1024;
constexpr Index inputs_on_copies = 512;

// Parameters beyond this many bytes do not stay beside a slice in a core's own cache.
constexpr Index bytes_by_slices = 256 * 1024;
constexpr Index least_halved = 64, half_step = 16;

constexpr Index alignment_bytes = 64;

// One function of a visitor for each kind.
template <class... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloaded(Functions...) -> Overloaded<Functions...>;

template <class Scalar>
UnitMoments<Scalar> unit_moments(const Cache<Scalar>& cache, Index l) {
  const auto units = cache.of_units(l);
  return {{units.col(Cache<Scalar>::mean).data(), units.rows()},
          {units.col(Cache<Scalar>::inverse).data(), units.rows()}};
}

template <class Scalar>
Index aligned(Index numbers) {
  constexpr Index step = alignment_bytes / static_cast<Index>(sizeof(Scalar));
  return (numbers + step - 1) / step * step;
}

}  // namespace

template <class Scalar>
Network<Scalar>::Network(Index inputs, const std::vector<Layer>& layers)
    : layers_(1), offsets_(1), statistics_offsets_(1), cached_rows_(1), rules_(1) {
  constexpr Index most = std::numeric_limits<Index>::max() / 64;
  if (inputs < 1 || inputs > most)
    throw std::invalid_argument("Network: input_size is " + std::to_string(inputs) +
                                ": expected 1 or more, and a number that a computer can hold");
  if (layers.empty()) throw std::invalid_argument("Network: no layers: expected 1 or more");
  units_.push_back(inputs);
  Index statistics = 0;
  for (const Layer& layer : layers) {
    const Index l = depth() + 1;
    const std::string name = "Network: layer " + std::to_string(l);
    if (const auto* add = std::get_if<Add>(&layer.kind);
        add && (add->from < 0 || add->from >= l || n(add->from) != units_.back()))
      throw std::invalid_argument(name + " adds the output of layer " + std::to_string(add->from) +
                                  " to " + std::to_string(units_.back()) +
                                  " units: expected an earlier layer of as many units");
    const LayerSizes sizes = layer_sizes(layer, units_.back(), name);
    if (sizes.parameters > most - parameter_count_)
      throw std::invalid_argument(name + " has " + std::to_string(sizes.n) + " units and " +
                                  std::to_string(units_.back()) +
                                  " inputs: expected a number of weights that a computer can hold");
    layers_.push_back(layer);
    units_.push_back(sizes.n);
    offsets_.push_back(parameter_count_);
    statistics_offsets_.push_back(statistics);
    cached_rows_.push_back(sizes.cached);
    rules_.emplace_back();
    parameter_count_ += sizes.parameters;
    statistics += sizes.statistics;
  }
  offsets_.push_back(parameter_count_);
  statistics_ = Vector<Scalar>::Zero(statistics);
  skips_.resize(layers_.size());
  for (Index l = 1; l <= depth(); ++l) {
    if (const auto* add = std::get_if<Add>(&layer(l).kind))
      skips_[static_cast<std::size_t>(add->from)].push_back(l);
    if (normalizes_units(l)) statistics_.segment(statistics_offset(l) + n(l), n(l)).setOnes();
  }
  for (const auto& adding : skips_) kept_for_later_ += adding.empty() ? 0 : 1;
  embeds_ = std::any_of(layers_.begin(), layers_.end(), [](const Layer& layer) {
    return std::holds_alternative<Embedding>(layer.kind);
  });
  layerwise_ = parameter_count_ * static_cast<Index>(sizeof(Scalar)) > bytes_by_slices;
  cut_into_tiles();
  set_rule(1, {});
}

template <class Scalar>
void Network<Scalar>::set_rule(Index l, const LayerRule& rule) {
  rules_[static_cast<std::size_t>(l)] = rule;
  couplings_.clear();
  penalized_ = limits_norms_ = false;
  lowest_trained_ = depth() + 1;
  for (Index k = 1; k <= depth(); ++k) {
    const bool frozen = this->rule(k).frozen;
    penalized_ = penalized_ || this->rule(k).l1 > 0.0 || this->rule(k).l2 > 0.0;
    limits_norms_ = limits_norms_ || this->rule(k).max_norm > 0.0;
    if (std::holds_alternative<BatchNorm>(layer(k).kind) && !frozen) couplings_.push_back(k);
    if (!frozen && parameter_offset(k + 1) > parameter_offset(k))
      lowest_trained_ = std::min(lowest_trained_, k);
  }
}

template <class Scalar>
Index Network<Scalar>::half(Index l, Index h) const {
  const Index inputs = n(l - 1);
  const bool in_two = layerwise_ && dense(l) && inputs >= least_halved &&
                      product_in_place<Scalar>(n(l), inputs / 2);
  if (h == 0) return 0;
  return h == 1 && in_two ? inputs / 2 / half_step * half_step : inputs;
}

template <class Scalar>
bool Network<Scalar>::takes_inputs_in_turn() const {
  return halved(1) && n(1) > 1 && n(1) * inputs_in_turn<Scalar>() <= most_tile;
}

template <class Scalar>
void Network<Scalar>::cut_into_tiles() {
  const Index tile_size = std::clamp(parameter_count_ / 16, least_tile, most_tile);
  // First the tiles of every layer's first half, then the others: a thread that has half of the tiles
  // has the half that it multiplied by.
  for (Index h = 0; h < 2; ++h) {
    for (Index l = 1; l <= depth(); ++l) {
      if (!dense(l)) {
        const Index count = parameter_offset(l + 1) - parameter_offset(l);
        if (h == 0 && count > 0) tiles_.push_back({l, 0, 0, false, parameter_offset(l), count});
        continue;
      }
      const Index first = half(l, h), inputs = half(l, h + 1) - first;
      if (l == 1 && takes_inputs_in_turn()) {
        for (Index from = first; from < first + inputs; from += inputs_in_turn<Scalar>()) {
          const Index to = std::min(from + inputs_in_turn<Scalar>(), first + inputs);
          tiles_.push_back({l, from, to, false, from * n(l), (to - from) * n(l)});
        }
        if (h == 1) tiles_.push_back({l, n(0), n(0), true, n(0) * n(l), n(l)});
        continue;
      }
      const Index width = product_in_place<Scalar>(n(l), inputs)
                              ? std::max<Index>(1, tile_size / n(l))
                              : inputs_on_copies;
      const Index count = (inputs + width - 1) / width;
      for (Index t = 0; t < count; ++t) {
        const Index from = first + inputs * t / count, to = first + inputs * (t + 1) / count;
        const bool with_bias = to == n(l - 1);
        tiles_.push_back({l, from, to, with_bias, parameter_offset(l) + from * n(l),
                          (to - from + (with_bias ? 1 : 0)) * n(l)});
      }
    }
  }
}

template <class Scalar>
double Network<Scalar>::work() const {
  double sum = 0.0;
  for (Index l = 1; l <= depth(); ++l)
    sum += static_cast<double>(n(l)) * (dense(l) ? static_cast<double>(n(l - 1)) : 1.0);
  return sum;
}

template <class Scalar>
Slices Network<Scalar>::slices_of(Index m, Index widest) const {
  Index numbers = 0;  // of one example, forward and backward
  bool copied = false;
  for (Index l = 1; l <= depth(); ++l) {
    numbers += 2 * n(l);
    copied = copied || (dense(l) && !product_in_place<Scalar>(n(l), n(l - 1)));
  }
  const Index least = copied ? least_width_on_copies : least_width;
  const Index in_cache = slice_bytes / (numbers * static_cast<Index>(sizeof(Scalar)));
  const Index half = (m + 1) / 2;  // two threads are the least that there may be
  const Index width = std::max(least, std::min({in_cache, widest, half}));
  // As many for one thread as for the other.
  const Index count = std::clamp<Index>((m + width - 1) / width, 1, most_slices);
  return {m, count == 1 ? 1 : (count + 1) / 2 * 2};
}

template <class Scalar>
Slices Network<Scalar>::slices(Index m) const {
  return slices_of(m, static_cast<Index>(slice_work / (4 * work())));
}

template <class Scalar>
Slices Network<Scalar>::training_slices(Index m) const {
  return gradient_groups(m) > 1 ? slices_of(m, m) : slices(m);
}

template <class Scalar>
Index Network<Scalar>::gradient_groups(Index m) const {
  if (layerwise_ || parameter_count_ == 0 || m < 2 * examples_a_group) return 1;
  const Index most = std::min(m / examples_a_group, numbers_of_groups / parameter_count_);
  return std::clamp<Index>(most / 2 * 2, 2, slices_of(m, m).count);
}

template <class Scalar>
bool Network<Scalar>::normalizes_units(Index l) const {
  return std::holds_alternative<BatchNorm>(layer(l).kind) ||
         std::holds_alternative<Standardize>(layer(l).kind);
}

template <class Scalar>
void Network<Scalar>::inverse_deviation(Index l, Scalar* inverse) const {
  const auto* const batch_norm = std::get_if<BatchNorm>(&layer(l).kind);
  const auto epsilon = static_cast<Scalar>(batch_norm ? batch_norm->epsilon : 0.0);
  const Scalar* const variance = running_variance(l);
  for (Index i = 0; i < n(l); ++i) inverse[i] = Scalar(1) / std::sqrt(variance[i] + epsilon);
}

template <class Scalar>
void Network<Scalar>::begin(const Pass& pass, const Slices& slices, Cache<Scalar>& cache) const {
  static const std::vector<Index> none;
  cache.begin(pass, pass.training ? couplings_ : none, 0);
  for (Index l = 1; l <= depth(); ++l) {
    if (!normalizes_units(l)) continue;
    if (cache.couples(l)) {
      cache.make_room_for_slices(l, slices.count);
    } else {
      auto units = cache.of_units(l);
      units.col(Cache<Scalar>::mean) = ConstVectorMap<Scalar>(running_mean(l), n(l));
      inverse_deviation(l, units.col(Cache<Scalar>::inverse).data());
    }
  }
}

template <class Scalar>
void Network<Scalar>::measure_slice(Index l, Index s, Slice slice, Cache<Scalar>& cache) const {
  auto moments = cache.of_slices(l, s + 1).col(s);
  with_input(cache, l, [&](const auto& A_prev) {
    column_moments<Scalar>(A_prev.middleCols(slice.first, slice.count), moments.head(n(l)),
                           moments.tail(n(l)));
  });
}

template <class Scalar>
void Network<Scalar>::measured(Index l, const Slices& slices, Cache<Scalar>& cache) const {
  auto units = cache.of_units(l);
  auto mean = units.col(Cache<Scalar>::mean), variance = units.col(Cache<Scalar>::variance);
  const auto moments = cache.of_slices(l, slices.count);
  mean = moments.col(0).head(n(l));
  variance = moments.col(0).tail(n(l));  // the sum of squares, so far
  for (Index s = 1; s < slices.count; ++s)
    merge_moments<Scalar>(slices.first(s), mean, variance, slices[s].count,
                          moments.col(s).head(n(l)), moments.col(s).tail(n(l)));
  variance /= static_cast<Scalar>(slices.m);
  const auto epsilon = static_cast<Scalar>(std::get<BatchNorm>(layer(l).kind).epsilon);
  units.col(Cache<Scalar>::inverse) = (variance.array() + epsilon).sqrt().inverse();
}

template <class Scalar>
void Network<Scalar>::measure_slice_back(Index l, Index s, Slice slice,
                                         Cache<Scalar>& cache) const {
  const FlushSubnormals flush;
  auto sums = cache.of_slices(l, s + 1).col(s);
  with_input(cache, l, [&](const auto& A_prev) {
    unit_norm_backward_parameters<Scalar>(cache.dZ(l).middleCols(slice.first, slice.count),
                                          A_prev.middleCols(slice.first, slice.count),
                                          unit_moments(cache, l), Scalar(1), sums.head(n(l)),
                                          sums.tail(n(l)));
  });
}

template <class Scalar>
void Network<Scalar>::measured_back(Index l, const Slices& slices, Cache<Scalar>& cache) const {
  auto units = cache.of_units(l);
  auto d_gamma = units.col(Cache<Scalar>::d_gamma), d_beta = units.col(Cache<Scalar>::d_beta);
  const auto sums = cache.of_slices(l, slices.count);
  d_gamma = sums.col(0).head(n(l));
  d_beta = sums.col(0).tail(n(l));
  for (Index s = 1; s < slices.count; ++s) {
    d_gamma += sums.col(s).head(n(l));
    d_beta += sums.col(s).tail(n(l));
  }
}

template <class Scalar>
bool Network<Scalar>::finite_moments(const Cache<Scalar>& cache) const {
  const std::vector<Index>& couplings = cache.couplings();
  return std::all_of(couplings.begin(), couplings.end(), [&](Index l) {
    return cache.of_units(l).col(Cache<Scalar>::variance).allFinite();
  });
}

template <class Scalar>
void Network<Scalar>::limit_norms(Scalar* parameters, int threads) const {
  constexpr Index rows_at_once = 64;
  for (Index l = 1; l <= depth(); ++l) {
    if (rule(l).max_norm == 0.0 || rule(l).frozen || !dense(l)) continue;
    const auto most = static_cast<Scalar>(rule(l).max_norm);
    const Index units = n(l), blocks = (units + rows_at_once - 1) / rows_at_once;
    parallel_for(threads, blocks, [&](Index block, int) {
      const Index first = block * rows_at_once, rows = std::min(rows_at_once, units - first);
      auto part = W(parameters, l).middleRows(first, rows);
      const Scalar* const w = part.data();
      std::array<Scalar, rows_at_once> factor;
      sum_columns<Scalar>(rows, part.cols(), factor.data(), nullptr, false, [=](Index i, Index j) {
        return Two<Scalar>{w[j * units + i] * w[j * units + i], 0};
      });
      for (Index i = 0; i < rows; ++i) {
        Scalar& f = factor[static_cast<std::size_t>(i)];
        const Scalar norm = std::sqrt(f);
        f = norm > most ? most / norm : Scalar(1);
      }
      part.array().colwise() *= ConstVectorMap<Scalar>(factor.data(), rows).array();
    });
  }
}

// running := (1 - momentum) running + momentum of the batch, whose variance is taken without bias.
template <class Scalar>
void Network<Scalar>::keep_moments(const Cache<Scalar>& cache) {
  const Index m = cache.m();
  if (m == 0) return;  // which has none
  for (const Index l : cache.couplings()) {
    const auto momentum = static_cast<Scalar>(std::get<BatchNorm>(layer(l).kind).momentum);
    const Scalar unbiased = m > 1 ? static_cast<Scalar>(m) / static_cast<Scalar>(m - 1) : Scalar(1);
    auto mean = statistics_.segment(statistics_offset(l), n(l));
    auto variance = statistics_.segment(statistics_offset(l) + n(l), n(l));
    const auto units = cache.of_units(l);
    mean += momentum * (units.col(Cache<Scalar>::mean) - mean);
    variance += momentum * (unbiased * units.col(Cache<Scalar>::variance) - variance);
  }
}

template <class Scalar>
void Network<Scalar>::forward_layer(const Scalar* parameters, Slice slice, Index l,
                                    Cache<Scalar>& cache) const {
  const auto of_slice = [&](auto matrix) { return matrix.middleCols(slice.first, slice.count); };
  auto Z = of_slice(cache.Z(l));
  const Scalar* const p = parameters + parameter_offset(l);
  with_input(cache, l, [&](const auto& input) {
    const auto A_prev = input.middleCols(slice.first, slice.count);
    std::visit(Overloaded{
                   [&](const Dense&) {
                     dense_forward<Scalar>(W(parameters, l), b(parameters, l), A_prev, Z);
                   },
                   [&](const Identity&) {
                     if (!activates_input(l, cache)) Z = A_prev;
                   },
                   [&](const Dropout& dropout) {
                     if (!cache.pass().training) {
                       Z = A_prev;
                       return;
                     }
                     auto mask = of_slice(cache.own(l));
                     const DropoutKey key{cache.pass().seed, cache.pass().number,
                                          static_cast<std::uint32_t>(l)};
                     dropout_mask<Scalar>(dropout.rate, key, cache.first_of_batch() + slice.first,
                                          mask);
                     dropout_apply<Scalar>(A_prev, mask, Z);
                   },
                   [&](const BatchNorm&) {
                     unit_norm_forward<Scalar>(A_prev, unit_moments(cache, l), p, p + n(l), Z);
                   },
                   [&](const LayerNorm& norm) {
                     layer_norm_forward<Scalar>(A_prev, p, p + n(l), norm.epsilon,
                                                of_slice(cache.own(l)).data(), Z);
                   },
                   [&](const PRelu&) { prelu_forward<Scalar>(A_prev, p, Z); },
                   [&](const Standardize&) {
                     unit_norm_forward<Scalar>(A_prev, unit_moments(cache, l), nullptr, nullptr, Z);
                   },
                   [&](const Embedding& embedding) {
                     embedding_forward<Scalar>(embedding.columns, p, A_prev, Z);
                   },
                   [&](const Add& add) {
                     with_input(cache, add.from + 1,
                                [&](const auto& from) { Z = A_prev + of_slice(from); });
                   },
               },
               layer(l).kind);
  });
}

template <class Scalar>
void Network<Scalar>::backward_layer(const Scalar* parameters,
                                     const TransposedWeights<Scalar>& transposed, Slice slice,
                                     Index l, const Cache<Scalar>& cache,
                                     MatrixRef<Scalar> dA_prev) const {
  const auto of_slice = [&](const auto& matrix) {
    return matrix.middleCols(slice.first, slice.count);
  };
  const auto dZ = of_slice(cache.dZ(l));
  const Scalar* const p = parameters + parameter_offset(l);
  const auto pass = [&] {
    if (dA_prev.data() != dZ.data()) dA_prev = dZ;
  };
  with_input(cache, l, [&](const auto& input) {
    const auto A_prev = input.middleCols(slice.first, slice.count);
    std::visit(
        Overloaded{
            [&](const Dense&) {
              dense_backward_input<Scalar>(W(parameters, l), dZ, dA_prev, transposed(l));
            },
            [&](const Identity&) { pass(); },
            [&](const Dropout&) {
              if (cache.pass().training)
                dropout_apply<Scalar>(dZ, of_slice(cache.own(l)), dA_prev);
              else
                pass();
            },
            [&](const BatchNorm&) {
              if (!cache.couples(l))
                return unit_norm_backward_input<Scalar>(dZ, unit_moments(cache, l), p, dA_prev);
              const auto units = cache.of_units(l);
              batch_norm_backward_input<Scalar>(
                  dZ, A_prev, unit_moments(cache, l), p, units.col(Cache<Scalar>::d_gamma).data(),
                  units.col(Cache<Scalar>::d_beta).data(), cache.m(), dA_prev);
            },
            [&](const LayerNorm&) {
              layer_norm_backward_input<Scalar>(dZ, A_prev, of_slice(cache.own(l)), p, dA_prev);
            },
            [&](const PRelu&) { prelu_backward_input<Scalar>(dZ, A_prev, p, dA_prev); },
            [&](const Standardize&) {
              unit_norm_backward_input<Scalar>(dZ, unit_moments(cache, l), nullptr, dA_prev);
            },
            [&](const Embedding& embedding) {
              embedding_backward_input<Scalar>(embedding.columns, dZ, dA_prev);
            },
            [&](const Add&) { dA_prev = dZ; },
        },
        layer(l).kind);
  });
}

template <class Scalar>
void Network<Scalar>::gradient_of(Index l, const Cache<Scalar>& cache, Slice slice, Scalar scale,
                                  bool adds, Scalar* gradients) const {
  const auto of_slice = [&](const auto& matrix) {
    return matrix.middleCols(slice.first, slice.count);
  };
  const auto dZ = of_slice(cache.dZ(l));
  VectorMap<Scalar> first(gradients, n(l)), second(gradients + n(l), n(l));
  with_input(cache, l, [&](const auto& input) {
    const auto A_prev = input.middleCols(slice.first, slice.count);
    std::visit(
        Overloaded{
            [&](const BatchNorm&) {
              if (!cache.couples(l))
                return unit_norm_backward_parameters<Scalar>(dZ, A_prev, unit_moments(cache, l),
                                                             scale, first, second, adds);
              const auto units = cache.of_units(l);
              // The batch's sums are there already; its first slice answers for all.
              const Scalar share = slice.first == 0 ? scale : Scalar(0);
              if (!adds) {
                first.setZero();
                second.setZero();
              }
              first += share * units.col(Cache<Scalar>::d_gamma);
              second += share * units.col(Cache<Scalar>::d_beta);
            },
            [&](const LayerNorm&) {
              layer_norm_backward_parameters<Scalar>(dZ, A_prev, of_slice(cache.own(l)), scale,
                                                     first, second, adds);
            },
            [&](const PRelu&) { prelu_backward_slope<Scalar>(dZ, A_prev, scale, gradients, adds); },
            [&](const Embedding& embedding) {
              embedding_backward_tables<Scalar>(embedding.columns, dZ, A_prev, scale, gradients,
                                                adds);
            },
            [](const auto&) {},  // without parameters
        },
        layer(l).kind);
  });
}

template <class Scalar>
void Network<Scalar>::add_skipped(Index l, Slice slice, Index first_row, const Cache<Scalar>& cache,
                                  MatrixRef<Scalar> dA) const {
  for (const Index add : skips_[static_cast<std::size_t>(l)])
    dA += cache.dZ(add).block(first_row, slice.first, dA.rows(), slice.count);
}

template <class Scalar>
void Network<Scalar>::forward_slice(const Scalar* parameters, Slice slice, Index first, Index last,
                                    Cache<Scalar>& cache) const {
  if (first == 1) cache.load(slice);
  for (Index l = first; l <= last; ++l) {
    forward_layer(parameters, slice, l, cache);
    if (l < depth()) activate_slice(slice, l, cache);
  }
}

// Where Z[l] need not be kept, an activation alone reads A[l-1] itself.
template <class Scalar>
bool Network<Scalar>::activates_input(Index l, const Cache<Scalar>& cache) const {
  return l < depth() && std::holds_alternative<Identity>(layer(l).kind) &&
         cache.Z(l).data() == cache.A(l).data();
}

template <class Scalar>
bool Network<Scalar>::overwrites_input(Index l) const {
  return std::holds_alternative<Identity>(layer(l).kind) && g(l - 1) == Activation::identity &&
         skips_[static_cast<std::size_t>(l - 1)].empty();
}

template <class Scalar>
void Network<Scalar>::activate_slice(Slice slice, Index l, Cache<Scalar>& cache) const {
  const auto of_slice = [&](auto matrix) { return matrix.middleCols(slice.first, slice.count); };
  if (activates_input(l, cache))
    with_input(cache, l, [&](const auto& input) {
      activation_forward<Scalar>(g(l), of_slice(input), of_slice(cache.A(l)));
    });
  else
    activation_forward<Scalar>(g(l), of_slice(cache.Z(l)), of_slice(cache.A(l)));
}

template <class Scalar>
void Network<Scalar>::output_slice(Slice slice, Cache<Scalar>& cache) const {
  const Index L = depth();
  activation_forward<Scalar>(g(L), cache.Z(L).middleCols(slice.first, slice.count),
                             cache.A(L).middleCols(slice.first, slice.count));
}

template <class Scalar>
double Network<Scalar>::loss_slice(const Loss& loss, Slice slice, const Target<Scalar>& target,
                                   Cache<Scalar>& cache) const {
  const FlushSubnormals flush;
  const Index L = depth();
  auto dZ = cache.dZ(L).middleCols(slice.first, slice.count);
  if (fused_with_output(loss, g(L)))
    return loss_backward_from_logits<Scalar>(loss, cache.Z(L).middleCols(slice.first, slice.count),
                                             target, dZ);
  output_slice(slice, cache);
  const double sum =
      loss_backward<Scalar>(loss, cache.A(L).middleCols(slice.first, slice.count), target, dZ);
  activation_backward<Scalar>(g(L), dZ, derivative_cache(cache, L, slice), dZ);
  return sum;
}

template <class Scalar>
void Network<Scalar>::backward_slice(const Scalar* parameters,
                                     const TransposedWeights<Scalar>& transposed, Slice slice,
                                     Index first, Index last, Cache<Scalar>& cache,
                                     Scalar* dX) const {
  const FlushSubnormals flush;
  for (Index l = first; l > std::max<Index>(last, 1); --l) {
    auto dZ_prev = cache.dZ(l - 1).middleCols(slice.first, slice.count);  // dA_prev, then dZ_prev
    backward_layer(parameters, transposed, slice, l, cache, dZ_prev);
    add_skipped(l - 1, slice, 0, cache, dZ_prev);
    activation_backward<Scalar>(g(l - 1), dZ_prev, derivative_cache(cache, l - 1, slice), dZ_prev);
  }
  if (last > 0 || !dX) return;
  MatrixMap<Scalar> dA(dX + slice.first * n(0), n(0), slice.count);
  backward_layer(parameters, transposed, slice, 1, cache, dA);
  add_skipped(0, slice, 0, cache, dA);
}

template <class Scalar>
void Network<Scalar>::gradient_tile(const Cache<Scalar>& cache, const Tile& tile, Scalar scale,
                                    Scalar* gradients) const {
  const FlushSubnormals flush;
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  if (rule(l).frozen) {
    std::fill_n(gradients, tile.count, Scalar(0));
    return;
  }
  if (!dense(l)) return gradient_of(l, cache, {0, cache.m()}, scale, false, gradients);
  const auto dZ = cache.dZ(l);
  MatrixMap<Scalar> dW(gradients, n(l), inputs);
  if (inputs > 0)
    with_input(cache, l, [&](const auto& A_prev) {
      dense_backward_weights<Scalar>(dZ, A_prev.middleRows(tile.first_input, inputs), scale, dW);
    });
  if (tile.with_bias)
    dense_backward_bias<Scalar>(dZ, scale, VectorMap<Scalar>(gradients + inputs * n(l), n(l)));
}

template <class Scalar>
void Network<Scalar>::gradient_slice(const Cache<Scalar>& cache, Slice slice, bool adds,
                                     Scalar* gradients) const {
  const FlushSubnormals flush;
  for (Index l = lowest_trained_; l <= depth(); ++l) {
    if (rule(l).frozen) continue;
    if (!dense(l)) {
      gradient_of(l, cache, slice, Scalar(1), adds, gradients + parameter_offset(l));
      continue;
    }
    const auto dZ = cache.dZ(l).middleCols(slice.first, slice.count);
    with_input(cache, l, [&](const auto& A_prev) {
      dense_backward_weights<Scalar>(dZ, A_prev.middleCols(slice.first, slice.count), Scalar(1),
                                     W(gradients, l), adds);
    });
    dense_backward_bias<Scalar>(dZ, Scalar(1), b(gradients, l), adds);
  }
}

template <class Scalar>
void Network<Scalar>::forward(const Scalar* parameters, const Examples& X, const Pass& pass,
                              Cache<Scalar>& cache) const {
  cache.resize(*this, X.count, Cache<Scalar>::Keep::all);
  cache.bind(X, nullptr, 0);
  const Slices all =
      pass.training && !couplings_.empty() ? training_slices(X.count) : slices(X.count);
  begin(pass, all, cache);
  const int threads = threads_for(2 * work() * static_cast<double>(X.count));
  Index first = 1;
  for (const Index coupling : cache.couplings()) {
    parallel_for(threads, all.count, [&](Index s, int) {
      forward_slice(parameters, all[s], first, coupling - 1, cache);
      measure_slice(coupling, s, all[s], cache);
    });
    measured(coupling, all, cache);
    first = coupling;
  }
  parallel_for(threads, all.count, [&](Index s, int) {
    forward_slice(parameters, all[s], first, depth(), cache);
    output_slice(all[s], cache);
  });
}

template <class Scalar>
void Network<Scalar>::backward(const Scalar* parameters, const Scalar* dA, Scalar scale,
                               Cache<Scalar>& cache, Scalar* gradients, Scalar* dX) const {
  const std::vector<Index>& whole = cache.couplings();
  const Slices all = whole.empty() ? slices(cache.m()) : training_slices(cache.m());
  const Index L = depth();
  const int threads = threads_for(2 * work() * static_cast<double>(cache.m()));
  TransposedWeights<Scalar> transposed(*this);
  transposed.copy(parameters);
  parallel_for(threads, all.count, [&](Index s, int) {
    const Slice slice = all[s];
    activation_backward<Scalar>(
        g(L), ConstMatrixMap<Scalar>(dA + slice.first * n(L), n(L), slice.count),
        derivative_cache(cache, L, slice), cache.dZ(L).middleCols(slice.first, slice.count));
  });
  Index first = L;
  for (auto coupling = whole.rbegin(); coupling != whole.rend(); ++coupling) {
    parallel_for(threads, all.count, [&](Index s, int) {
      backward_slice(parameters, transposed, all[s], first, *coupling, cache, nullptr);
      measure_slice_back(*coupling, s, all[s], cache);
    });
    measured_back(*coupling, all, cache);
    first = *coupling;
  }
  parallel_for(threads, all.count, [&](Index s, int) {
    backward_slice(parameters, transposed, all[s], first, 0, cache, dX);
  });
  parallel_for(threads, static_cast<Index>(tiles_.size()), [&](Index t, int) {
    const Tile& tile = tiles_[static_cast<std::size_t>(t)];
    gradient_tile(cache, tile, scale, gradients + tile.first);
  });
}

template <class Scalar>
void Network<Scalar>::infer_layer(const Scalar* parameters, Index l,
                                  const ConstMatrixRef<Scalar>& in,
                                  const ConstMatrixRef<Scalar>& skipped, const Scalar* inverse,
                                  MatrixRef<Scalar> out) const {
  const Scalar* const p = parameters + parameter_offset(l);
  const auto pass = [&] {
    if (in.data() != out.data()) out = in;
  };
  const auto moments = [&] {
    return UnitMoments<Scalar>{{running_mean(l), n(l)}, {inverse, n(l)}};
  };
  std::visit(
      Overloaded{
          [&](const Dense&) { dense_forward<Scalar>(W(parameters, l), b(parameters, l), in, out); },
          [&](const Identity&) { pass(); },
          [&](const Dropout&) { pass(); },
          [&](const BatchNorm&) { unit_norm_forward<Scalar>(in, moments(), p, p + n(l), out); },
          [&](const LayerNorm& norm) {
            layer_norm_forward<Scalar>(in, p, p + n(l), norm.epsilon, nullptr, out);
          },
          [&](const PRelu&) { prelu_forward<Scalar>(in, p, out); },
          [&](const Standardize&) {
            unit_norm_forward<Scalar>(in, moments(), nullptr, nullptr, out);
          },
          [&](const Embedding& embedding) {
            embedding_forward<Scalar>(embedding.columns, p, in, out);
          },
          [&](const Add&) { out = in + skipped; },
      },
      layer(l).kind);
}

template <class Scalar>
double Network<Scalar>::infer(const Scalar* parameters, const Examples& X, Scalar* output,
                              const Loss* loss, const Target<Scalar>& target,
                              Interrupt& interrupt) const {
  const Index m = X.count, L = depth();
  if (m == 0) return 0.0;
  const Slices all = slices(m);
  const int threads = threads_for(2 * work() * static_cast<double>(m));
  // Two rooms a thread, between which the layers pass a slice to and fro; the first also takes X
  // where it does not lie as columns already. And one for each A[l] that a later layer adds.
  const Index widest = *std::max_element(units_.begin(), units_.end());
  const Index room = aligned<Scalar>(widest * all.widest());
  const Index kept = kept_for_later_;
  Vector<Scalar> rooms((2 + kept) * room * threads);
  std::vector<double> losses(loss ? static_cast<std::size_t>(all.count) : 0);
  const bool lies_as_columns = in_place<Scalar>(X);
  Vector<Scalar> inverses(statistics_.size() / 2);
  const auto inverse = [&](Index l) { return inverses.data() + statistics_offset(l) / 2; };
  for (Index l = 1; l <= L && statistics_.size() > 0; ++l)
    if (normalizes_units(l)) inverse_deviation(l, inverse(l));

  parallel_for(threads, all.count, [&](Index s, int thread) {
    if (interrupt.poll_on(thread)) return;
    const auto [first, count] = all[s];
    Scalar* here = rooms.data() + (2 + kept) * room * thread;
    Scalar* there = here + room;
    Scalar* const to_add = there + room;
    const auto added = [&](Index l) {  // A[l], which a later layer adds
      Index before = 0;
      for (Index k = 0; k < l; ++k) before += skips_[static_cast<std::size_t>(k)].empty() ? 0 : 1;
      return MatrixMap<Scalar>(to_add + before * room, n(l), count);
    };
    const auto keep = [&](Index l, const ConstMatrixRef<Scalar>& A) {
      if (!skips_[static_cast<std::size_t>(l)].empty()) added(l) = A;
    };
    if (!lies_as_columns) gather<Scalar>(X, nullptr, first, MatrixMap<Scalar>(here, n(0), count));
    for (Index l = 1; l <= L; ++l) {
      MatrixMap<Scalar> A(l == L ? output + first * n(L) : there, n(l), count);
      const auto step = [&](const auto& A_prev) {
        if (l == 1 && kept > 0) keep(0, A_prev);
        if (dense(l)) return dense_forward<Scalar>(W(parameters, l), b(parameters, l), A_prev, A);
        const auto* const add = std::get_if<Add>(&layer(l).kind);
        const MatrixMap<Scalar> skipped = add ? added(add->from) : A;
        infer_layer(parameters, l, A_prev, skipped, inverse(l), A);
      };
      if (l == 1 && lies_as_columns)
        step(columns_in_place<Scalar>(X, first, count));
      else
        step(ConstMatrixMap<Scalar>(here, n(l - 1), count));
      if (l < L) {
        activation_forward<Scalar>(g(l), A, A);
        if (kept > 0) keep(l, A);
        std::swap(here, there);
      }
    }
    MatrixMap<Scalar> A(output + first * n(L), n(L), count);  // Z[L] so far
    MatrixMap<Scalar> gradient(there, n(L), count);           // not wanted
    const auto slice_target = target.from(first, n(L));
    double sum = 0.0;
    if (loss && fused_with_output(*loss, g(L)))
      sum = loss_backward_from_logits<Scalar>(*loss, A, slice_target, gradient);
    activation_forward<Scalar>(g(L), A, A);
    if (loss && !fused_with_output(*loss, g(L)))
      sum = loss_backward<Scalar>(*loss, A, slice_target, gradient);
    if (loss) losses[static_cast<std::size_t>(s)] = sum;
  });
  double total = 0.0;
  for (const double slice_loss : losses) total += slice_loss;
  return total;
}

template <class Scalar>
void Cache<Scalar>::resize(const Network<Scalar>& network, Index m, Keep keep) {
  m_ = m;
  if (m <= capacity_ && keep == keep_) return;
  const Index capacity = std::max(m, std::exchange(capacity_, -1));  // if memory fails, -1 stays
  const Index L = network.depth();
  units_.clear();
  for (Index l = 0; l <= L; ++l) units_.push_back(network.n(l));

  const auto kept_Z = [&](Index l) {
    return keep == Keep::all || derivative_from(network.g(l)) == DerivativeFrom::Z;
  };
  Index total = aligned<Scalar>(n(0) * capacity);
  for (Index l = 1; l <= L; ++l) {
    total += (kept_Z(l) ? 3 : 2) * aligned<Scalar>(n(l) * capacity) +
             aligned<Scalar>(network.cached_rows(l) * capacity);
    if (network.halved(l)) total += aligned<Scalar>(n(l) * capacity);
  }
  // Eigen aligns to what its vector instructions need; the rest of a cache line is ours to find.
  make_room<Scalar>(memory_, total + alignment_bytes / static_cast<Index>(sizeof(Scalar)));
  const auto address = reinterpret_cast<std::uintptr_t>(memory_.data());
  const std::uintptr_t past_line = address % static_cast<std::uintptr_t>(alignment_bytes);
  const auto to_line = past_line == 0 ? 0 : alignment_bytes - static_cast<Index>(past_line);
  Scalar* next = memory_.data() + to_line / static_cast<Index>(sizeof(Scalar));
  const auto take = [&](Index rows, Index columns) {
    Scalar* const matrix = next;
    next += aligned<Scalar>(rows * columns);
    return matrix;
  };
  gathered_ = take(n(0), capacity);
  for (auto* matrices : {&A_, &Z_, &second_Z_, &dZ_, &own_}) matrices->assign(1, nullptr);
  own_rows_.assign(1, 0);
  units_room_.resize(static_cast<std::size_t>(L) + 1);
  slices_room_.resize(static_cast<std::size_t>(L) + 1);
  // Where a layer's backward step is done with dZ[l] at once, dA[l-1] takes its place.
  const auto passes_back = [&](Index l) {
    const Kind& kind = network.layer(l).kind;
    return std::holds_alternative<Identity>(kind) || std::holds_alternative<Dropout>(kind);
  };
  // An activation alone overwrites what it activates where nobody asks for that again.
  const auto in_place = [&](Index l) {
    return l > 1 && keep == Keep::needed && !kept_Z(l) && network.overwrites_input(l);
  };
  for (Index l = 1; l <= L; ++l) {
    A_.push_back(in_place(l) ? A_.back() : take(n(l), capacity));
    Z_.push_back(kept_Z(l) ? take(n(l), capacity) : A_.back());
    second_Z_.push_back(network.halved(l) ? take(n(l), capacity) : nullptr);
    dZ_.push_back(take(n(l), capacity));
    own_.push_back(take(network.cached_rows(l), capacity));
    own_rows_.push_back(network.cached_rows(l));
    if (l > 1 && passes_back(l)) dZ_[static_cast<std::size_t>(l) - 1] = dZ_.back();
    if (network.normalizes_units(l))
      make_room(units_room_[static_cast<std::size_t>(l)], n(l) * unit_columns);
  }
  capacity_ = capacity;
  keep_ = keep;
}

template <class Scalar>
void Cache<Scalar>::bind(const Examples& X, const std::int64_t* order, Index first) {
  source_ = X;
  order_ = order;
  first_ = first;
  if (!order && in_place<Scalar>(X)) {
    const auto columns = columns_in_place<Scalar>(X, first, m_);
    X_ = columns.data();
    X_stride_ = columns.outerStride();
  } else {
    X_ = gathered_;
    X_stride_ = n(0);
  }
}

template <class Scalar>
void Cache<Scalar>::load(Slice slice, Index first_row, Index rows) {
  if (X_ != gathered_) return;
  gather<Scalar>(
      source_.features_from(first_row, rows), order_, first_ + slice.first,
      MatrixMap<Scalar>(gathered_, n(0), m_).block(first_row, slice.first, rows, slice.count));
}

template <class Scalar>
TransposedWeights<Scalar>::TransposedWeights(const Network<Scalar>& network) : network_(network) {
  // The first layer's backward step stops at dW.
  const auto keeps = [&](Index l) {
    return l > 1 && network.dense(l) &&
           wants_transposed_weights<Scalar>(network.n(l), network.n(l - 1));
  };
  Index total = 0;
  for (Index l = 1; l <= network.depth(); ++l)
    if (keeps(l)) total += aligned<Scalar>(network.n(l) * network.n(l - 1));
  memory_.resize(total);
  Scalar* next = memory_.data();
  kept_.push_back(nullptr);
  for (Index l = 1; l <= network.depth(); ++l) {
    kept_.push_back(keeps(l) ? next : nullptr);
    if (keeps(l)) next += aligned<Scalar>(network.n(l) * network.n(l - 1));
  }
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters) {
  for (const Tile& tile : network_.tiles()) copy(parameters, tile);
}

template <class Scalar>
void TransposedWeights<Scalar>::copy(const Scalar* parameters, const Tile& tile) {
  const Index l = tile.layer, inputs = tile.last_input - tile.first_input;
  if (Scalar* const kept = at(l); kept && inputs > 0)
    transpose_weights<Scalar>(network_.W(parameters, l).middleCols(tile.first_input, inputs),
                              MatrixMap<Scalar>(kept, network_.n(l - 1), network_.n(l))
                                  .middleRows(tile.first_input, inputs));
}

template class Network<float>;
template class Network<double>;
template class Cache<float>;
template class Cache<double>;
template class TransposedWeights<float>;
template class TransposedWeights<double>;

}  // namespace deltarule
