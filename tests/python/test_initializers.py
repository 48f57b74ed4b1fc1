"""Initial weights: their variance, their seed, what suits which activation, and the user's own."""

import copy
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule import _core
from deltarule.initializers import (
    INITIALIZER_ALIASES,
    INITIALIZERS,
    Constant,
    Normal,
    Orthogonal,
    Uniform,
    as_initializer,
    suits,
)
from support import DTYPES, Array, assert_near, assert_same_bits

N, N_PREV = 300, 500
VARIANCE = {"he": 2 / N_PREV, "glorot": 2 / (N_PREV + N), "lecun": 1 / N_PREV}
SCALED = [name for name in INITIALIZERS if name.split("_")[0] in VARIANCE]


def weights(
    initializer: Any, n: int = N, n_prev: int = N_PREV, seed: int = 0, dtype: str = "float64"
) -> Array:
    dense = dr.Dense(n, "tanh", initializer=initializer)
    return dr.Network([dense], input_size=n_prev, seed=seed, dtype=dtype).layers[0].W


def biases(bias_initializer: Any, n: int = N) -> Array:
    dense = dr.Dense(n, "tanh", bias_initializer=bias_initializer)
    return dr.Network([dense], input_size=3, dtype="float64").layers[0].b


@pytest.mark.parametrize("name", SCALED)
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


# By name and by description -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("initializer", "mean", "standard_deviation"),
    [
        ("normal", 0.0, 0.05),
        ("small_normal", 0.0, 0.01),
        ("uniform", 0.0, 0.1 / math.sqrt(12)),
        (Normal(2.0), 0.0, 2.0),
        (Normal(0.5, mean=-3.0), -3.0, 0.5),
        (Uniform(1.0, 4.0), 2.5, 3 / math.sqrt(12)),
        (Uniform(), 0.0, 0.1 / math.sqrt(12)),
    ],
    ids=str,
)
def test_moments(initializer: Any, mean: float, standard_deviation: float) -> None:
    W = weights(initializer)
    assert W.mean() == pytest.approx(mean, abs=0.015 * standard_deviation)
    assert W.std() == pytest.approx(standard_deviation, rel=0.01)
    fourth = np.mean(((W - mean) / standard_deviation) ** 4)  # 3 where normal, 9/5 where uniform
    uniform = initializer == "uniform" or isinstance(initializer, Uniform)
    assert fourth == pytest.approx(1.8 if uniform else 3.0, rel=0.03)


def test_bounds() -> None:
    W = weights(Uniform(-2.0, 7.0))
    assert -2.0 <= W.min() < -1.99
    assert 6.99 < W.max() < 7.0


def test_constants() -> None:
    assert (weights("zeros") == 0).all()
    assert (weights("ones") == 1).all()
    assert (weights(Constant(0.25)) == 0.25).all()
    assert (weights(Uniform(3, 3)) == 3).all()
    assert (weights(Normal(0.0, mean=-1)) == -1).all()


def test_the_courses_own() -> None:
    """randn / sqrt(n_prev) and randn * 0.01, from the generator of the network."""
    numbers = np.random.default_rng(7).normal(size=(N, N_PREV))
    assert_near(weights("lecun_normal", seed=7), numbers / math.sqrt(N_PREV), 1e-14)
    assert_near(weights("small_normal", seed=7), numbers * 0.01, 1e-14)


@pytest.mark.parametrize("nonlinearity", ["linear", "relu", "tanh"])
def test_spreads_as_pytorch_has_them(nonlinearity: str) -> None:
    torch = pytest.importorskip("torch")
    init = torch.nn.init
    torch.manual_seed(0)
    tensor = torch.empty(N, N_PREV, dtype=torch.float64)
    ours = {"linear": "lecun", "relu": "he", "tanh": "glorot"}[nonlinearity]
    for distribution in ("normal", "uniform"):
        if ours == "glorot":
            getattr(init, f"xavier_{distribution}_")(tensor)
        else:
            getattr(init, f"kaiming_{distribution}_")(tensor, nonlinearity=nonlinearity)
        W, theirs = weights(f"{ours}_{distribution}"), tensor.numpy()
        assert W.std() == pytest.approx(theirs.std(), rel=0.01)
        if distribution == "uniform":
            assert np.abs(W).max() == pytest.approx(np.abs(theirs).max(), rel=1e-3)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(1, 40),
    n_prev=st.integers(1, 40),
    gain=st.sampled_from([1.0, 0.5, -2.0, math.sqrt(2)]),
    seed=st.integers(0, 1000),
)
def test_orthogonal(n: int, n_prev: int, gain: float, seed: int) -> None:
    W = weights(Orthogonal(gain), n, n_prev, seed)
    product = W @ W.T if n <= n_prev else W.T @ W
    np.testing.assert_allclose(product, gain**2 * np.eye(min(n, n_prev)), atol=1e-12)


def test_orthogonal_matrices_are_drawn_evenly() -> None:
    """Of an even draw each number has mean 0 and variance 1/n; without the signs it has not."""
    generator = np.random.default_rng(0)
    for n, n_prev in ((3, 3), (2, 3), (3, 2)):
        draws = np.array([Orthogonal()(generator, n, n_prev) for _ in range(20_000)])
        np.testing.assert_allclose(draws.mean(axis=0), 0, atol=0.02)
        np.testing.assert_allclose(draws.var(axis=0), 1 / 3, atol=0.02)
    determinants = np.linalg.det([Orthogonal()(generator, 3, 3) for _ in range(10_000)])
    assert (determinants > 0).mean() == pytest.approx(0.5, abs=0.03)


# The user's own -------------------------------------------------------------------------------


def test_an_array() -> None:
    W = np.arange(6.0).reshape(2, 3)
    dense = dr.Dense(2, initializer=W, bias_initializer=[1, 2])
    given = W.copy()
    W[:] = 77  # the description has them already
    assert hash(dense) == hash(copy.copy(dense))
    assert dense != dr.Dense(2, initializer=W)
    assert "initializer=<array of shape (2, 3)>" in repr(dense)
    layer = dr.Network([dense], input_size=3).layers[0]
    assert_same_bits(layer.W, np.asfortranarray(given, np.float32))
    assert layer.b.tolist() == [[1], [2]]
    assert weights([[1, 2, 3]], 1, 3).tolist() == [[1, 2, 3]]
    assert biases(np.array([[1.0], [2.0]]), 2).tolist() == [[1], [2]]


def test_a_function() -> None:
    def diagonal(generator: np.random.Generator, n: int, n_prev: int) -> Array:
        return np.eye(n, n_prev) + 0 * generator.normal()

    assert weights(diagonal, 2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert biases(diagonal, 2).tolist() == [[1], [0]]
    assert biases(lambda generator, n, n_prev: np.arange(n), 3).tolist() == [[0], [1], [2]]


def test_biases() -> None:
    assert (biases("ones") == 1).all()
    assert (biases(Constant(-0.5)) == -0.5).all()
    assert biases(Normal(2.0), 10_000).std() == pytest.approx(2.0, rel=0.03)
    assert not biases("zeros").any()


def test_biases_are_drawn_after_the_weights() -> None:
    with_biases = dr.Network([dr.Dense(4, bias_initializer="normal")], input_size=3)
    without = dr.Network([dr.Dense(4)], input_size=3)
    assert_same_bits(with_biases.layers[0].W, without.layers[0].W)
    assert with_biases.layers[0].b.all()


def test_a_network_with_functions_is_copied_and_pickled() -> None:
    dense = dr.Dense(2, initializer=lambda *_: np.ones((2, 3)), bias_initializer=lambda *_: [5, 6])
    net = dr.Network([dense], input_size=3)
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert_same_bits(other.parameters, net.parameters)


@pytest.mark.parametrize(
    ("initializer", "error", "message"),
    [
        (np.ones((3, 2)), ValueError, r"initializer gives shape \(3, 2\): expected \(2, 3\)"),
        (np.ones(3), ValueError, r"initializer gives shape \(3,\): expected \(2, 3\)"),
        (lambda *_: np.ones((3, 3)), ValueError, r"gives shape \(3, 3\): expected \(2, 3\)"),
        (lambda *_: None, TypeError, "initializer gives object: expected real numbers"),
        (lambda *_: np.full((2, 3), 1j), TypeError, "gives complex128: expected real numbers"),
        ([[1, 2, 3], [4, np.nan, 6]], ValueError, r"gives nan at \[1, 1\]: expected finite"),
        (Constant(1e300), ValueError, r"layers\[1\].W.* is 1e\+300: too large for float32"),
    ],
    ids=range(7),
)
def test_what_does_not_fit_the_layer(
    initializer: Any, error: type[Exception], message: str
) -> None:
    layers = [dr.Dense(3), dr.Dense(2, initializer=initializer)]
    with pytest.raises(error, match=rf"layers\[1\]\..*{message}|{message}"):
        dr.Network(layers, input_size=4)


def test_biases_that_do_not_fit_the_layer() -> None:
    for bad in (np.ones(3), np.ones((1, 2)), lambda *_: np.ones((2, 2))):
        message = r"layers\[0\]\.bias_initializer gives shape .*: expected \(2, 1\)"
        with pytest.raises(ValueError, match=message):
            dr.Network([dr.Dense(2, bias_initializer=bad)], input_size=4)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (
            "xavier",
            ValueError,
            r"initializer is 'xavier': expected one of .*, an array.*; did you mean "
            r"'glorot_normal' or 'glorot_uniform'\?",
        ),
        (0.5, TypeError, r"initializer is 0\.5: expected a name, an array .*Constant\(0\.1\)"),
        (["a"], TypeError, r"initializer is \['a'\]: expected a name"),
        (Normal, TypeError, r"initializer is <class.*Normal'>: expected Normal\(\.\.\.\)"),
    ],
)
def test_what_is_no_initializer(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^Dense: {message}"):
        dr.Dense(3, "tanh", initializer=given)
    with pytest.raises(error, match=f"^Dense: bias_{message}"):
        dr.Dense(3, "tanh", bias_initializer=given)


@pytest.mark.parametrize("alias", INITIALIZER_ALIASES)
def test_other_names_of_an_initialiser(alias: str) -> None:
    name = INITIALIZER_ALIASES[alias]
    for written in (alias, alias.title()):
        assert as_initializer(written, "Dense: initializer") is INITIALIZERS[name]
    if name in SCALED:
        with pytest.raises(ValueError, match=f"is '{alias}', whose spread is made for weights"):
            dr.Dense(3, bias_initializer=alias)
    net = dr.Network([dr.Dense(4, initializer=alias)], input_size=3)
    same = dr.Network([dr.Dense(4, initializer=name)], input_size=3)
    np.testing.assert_array_equal(net.parameters, same.parameters)


def test_biases_need_one() -> None:
    with pytest.raises(TypeError, match="Dense: bias_initializer is None: expected a name"):
        dr.Dense(3, bias_initializer=None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SCALED)
def test_spreads_for_weights_are_none_for_biases(name: str) -> None:
    message = f"^Dense: bias_initializer is '{name}', whose spread is made for weights: expected"
    with pytest.raises(ValueError, match=message):
        dr.Dense(3, "tanh", bias_initializer=name)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Normal(-1.0), ValueError, r"Normal: standard_deviation is -1\.0: expected 0 or"),
        (lambda: Normal("1"), TypeError, "Normal: standard_deviation is '1': expected a number"),
        (lambda: Normal(1.0, np.nan), ValueError, "Normal: mean is nan: expected a finite number"),
        (lambda: Uniform(1.0, 0.0), ValueError, r"Uniform: low is 1\.0: expected high, 0\.0, or"),
        (lambda: Uniform(0.0, np.inf), ValueError, "Uniform: high is inf: expected a finite"),
        (lambda: Constant(None), TypeError, "Constant: value is None: expected a number"),
        (lambda: Orthogonal(np.nan), ValueError, "Orthogonal: gain is nan: expected a finite"),
    ],
)
def test_descriptions_that_mean_nothing(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
