"""Initial weights: their variance, their seed, and what suits which activation."""

import numpy as np
import pytest

import deltarule as dr
from deltarule import _core
from deltarule.initializers import INITIALIZERS, suits
from support import DTYPES, assert_same_bits

N, N_PREV = 300, 500
VARIANCE = {"he": 2 / N_PREV, "glorot": 2 / (N_PREV + N), "lecun": 1 / N_PREV}
RANDOM = [name for name in INITIALIZERS if name != "zeros"]


@pytest.mark.parametrize("name", RANDOM)
def test_variance(name: str) -> None:
    scheme, distribution = name.split("_")
    W = INITIALIZERS[name](np.random.default_rng(0), N, N_PREV)
    assert W.shape == (N, N_PREV)
    # 150,000 draws: the variance is known to 0.4 %, the mean to 0.3 % of the deviation.
    assert W.var() == pytest.approx(VARIANCE[scheme], rel=0.02)
    assert abs(W.mean()) < 0.015 * np.sqrt(VARIANCE[scheme])
    limit = np.sqrt(3 * VARIANCE[scheme])
    if distribution == "uniform":
        assert 0.99 * limit < np.abs(W).max() <= limit
    else:
        assert np.abs(W).max() > 2 * limit


def test_zeros() -> None:
    net = dr.Network([dr.Dense(4, "relu", initializer="zeros")], input_size=3)
    assert not net.parameters.any()


def test_every_activation_has_one_that_suits() -> None:
    assert all(suits(activation) in INITIALIZERS for activation in _core.activation_names())


@pytest.mark.parametrize(
    ("activation", "variance"),
    [
        ("relu", VARIANCE["he"]),
        ("gelu", VARIANCE["he"]),
        ("tanh", VARIANCE["glorot"]),
        ("sigmoid", VARIANCE["glorot"]),
        ("softmax", VARIANCE["glorot"]),
        ("identity", VARIANCE["lecun"]),
    ],
)
def test_a_layer_takes_what_suits_its_activation(activation: str, variance: float) -> None:
    layer = dr.Network([dr.Dense(N, activation)], input_size=N_PREV).layers[0]
    assert layer.W.var() == pytest.approx(variance, rel=0.02)
    assert not layer.b.any()


def test_a_name_goes_before_what_suits() -> None:
    dense = dr.Dense(N, "relu", initializer="lecun_uniform")
    W = dr.Network([dense], input_size=N_PREV).layers[0].W
    assert W.var() == pytest.approx(VARIANCE["lecun"], rel=0.02)
    assert np.abs(W).max() <= np.sqrt(3 * VARIANCE["lecun"]) * (1 + 1e-6)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_seed_makes_the_same_weights(dtype: str) -> None:
    def parameters(seed: int | None) -> np.ndarray:
        layers = [dr.Dense(7, "relu"), dr.Dense(2, "softmax")]
        return dr.Network(layers, input_size=5, seed=seed, dtype=dtype).parameters

    assert_same_bits(parameters(3), parameters(3))
    assert (parameters(3) != parameters(4)).any()
    assert (parameters(None) != parameters(None)).any()


def test_both_dtypes_draw_the_same_numbers() -> None:
    single, double = (
        dr.Network([dr.Dense(6, "relu"), dr.Dense(3)], input_size=4, seed=1, dtype=dtype).parameters
        for dtype in DTYPES
    )
    assert_same_bits(single, double.astype(np.float32))


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match=r"initializer is 'xavier': expected one of .*'glorot_"):
        dr.Dense(3, "tanh", initializer="xavier")
