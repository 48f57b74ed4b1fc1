"""Parts of predictions: that they add up, and that they are whose they are said to be."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular.models.explaining.attributions import Attributions, integrated_gradients
from deltarule.tabular.models.explaining.joint_output import LogOdds, MeanNumbers
from deltarule.tabular.models.explaining.trunk import Trunk
from support import assert_same_bits


def rows(m: int = 60, n: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(m, n)).astype(np.float32)


def of_numbers(nets: list[dr.Network], X: np.ndarray, groups: Any = None) -> Attributions:
    weights = np.full(len(nets), 1 / len(nets))
    joint = MeanNumbers(weights, np.zeros(1), np.ones(1))
    groups = np.arange(X.shape[1]) if groups is None else np.array(groups)
    return integrated_gradients([Trunk(net, "here") for net in nets], joint, X, X, groups)


def test_a_linear_network_has_its_weights() -> None:
    """W (x - mean x), exactly."""
    net = dr.Network([dr.Dense(1)], input_size=4, seed=1)
    X = rows()
    found = of_numbers([net], X)
    expected = net.layers[0].W[0] * (X - X.mean(axis=0))
    np.testing.assert_allclose(found.parts[..., 0], expected, atol=1e-5)
    assert found.errors.max() < 1e-5


def test_a_product_is_shared() -> None:
    """Of x y between (0, 0) and (x, y), each has the half: a network that has learned it."""
    X = np.random.default_rng(0).uniform(-1, 1, (4000, 2)).astype(np.float32)
    net = dr.Network([dr.Dense(32, "tanh"), dr.Dense(1)], input_size=2)
    net.fit(X, X[:, 0] * X[:, 1], optimizer=dr.Adam(0.01), batch_size=100, epochs=40)
    found = of_numbers([net], X[:200])
    half = X[:200, 0] * X[:200, 1] / 2
    assert np.abs(found.parts[..., 0] - half[:, np.newaxis]).mean() < 0.05
    assert np.corrcoef(found.parts[:, 0, 0], half)[0, 1] > 0.95


@pytest.mark.parametrize("units", [1, 3])
def test_parts_add_up(units: int) -> None:
    activation = "sigmoid" if units == 1 else "softmax"
    fronts: list[list[Any]] = [[], [dr.Periodic(4, d=3)], [dr.Embedding({2: (3, 2)})]]
    nets = [
        dr.Network(
            [*front, dr.Dense(32, "relu"), dr.Dropout(0.5), dr.Dense(units, activation)],
            input_size=4,
            seed=k,
        )
        for k, front in enumerate(fronts)
    ]
    X = rows(300)
    X[:, 2] = np.arange(300) % 3
    weights = np.array([0.2, 0.5, 0.3])
    joint = LogOdds(weights, max(2, units), 0.8)
    trunks = [Trunk(net, "here") for net in nets]
    found = integrated_gradients(trunks, joint, X, X[:50], np.arange(4))
    added = found.base + found.parts.sum(axis=1)
    np.testing.assert_allclose(np.abs(added - found.outputs), found.errors, atol=1e-12)
    sizes = np.abs(found.outputs - found.base).mean(axis=0)
    assert (found.errors < 0.02 * sizes).all()
    P = dr.Ensemble(nets, weights).predict(X).astype(float)
    logs = np.log(P / (1 - P)) if units == 1 else np.log(P) - np.log(P).mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found.outputs, logs / 0.8, atol=1e-4)


def test_a_column_that_is_not_used_has_nothing() -> None:
    net = dr.Network([dr.Dense(16, "relu"), dr.Dense(1)], input_size=4)
    net.layers[0].W[:, 2] = 0
    parts = of_numbers([net], rows()).parts
    assert (parts[:, 2] == 0).all()
    assert np.abs(parts[:, [0, 1, 3]]).mean(axis=0).min() > 0.01


def test_columns_of_a_group_are_added() -> None:
    net = dr.Network([dr.Dense(16, "relu"), dr.Dense(1)], input_size=4)
    each, grouped = of_numbers([net], rows()).parts, of_numbers([net], rows(), [1, 0, 1, 1]).parts
    np.testing.assert_allclose(grouped[:, 0], each[:, 1], atol=1e-7)
    np.testing.assert_allclose(grouped[:, 1], each[:, [0, 2, 3]].sum(axis=1), atol=1e-7)


def test_members_that_are_the_same_are_one() -> None:
    net = dr.Network([dr.Dense(16, "relu"), dr.Dense(1)], input_size=4)
    one, both = of_numbers([net], rows()), of_numbers([net, net], rows())
    np.testing.assert_allclose(both.parts, one.parts, atol=1e-6)


def test_the_same_bits_with_any_number_of_threads_and_rows() -> None:
    net = dr.Network([dr.Dense(64, "relu"), dr.Dense(1)], input_size=4)
    X = rows(3000)
    dr.set_num_threads(1)
    one = of_numbers([net], X)
    dr.set_num_threads(2)
    assert_same_bits(of_numbers([net], X).parts, one.parts)


def test_no_rows() -> None:
    net = dr.Network([dr.Dense(1)], input_size=4)
    joint = MeanNumbers(np.ones(1), np.zeros(1), np.ones(1))
    found = integrated_gradients([Trunk(net, "")], joint, rows(0), rows(3), np.arange(4))
    assert found.parts.shape == (0, 4, 1)
