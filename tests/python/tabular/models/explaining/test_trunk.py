"""Networks without their layers of columns, and without their output's activation."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular.models.explaining.trunk import Trunk

COLUMNS = 5  # of which column 1 holds codes of 4 categories
FRONTS: dict[str, list[Any]] = {
    "none": [],
    "embedding": [dr.Embedding({1: (4, 3)})],
    "periodic": [dr.Embedding({1: (4, 3)}), dr.Periodic(3, d=8, sigma=1.0)],
    "plain periodic": [dr.Embedding({1: (4, 3)}), dr.Periodic(3, columns=[0, 3])],
    "cosine": [dr.Embedding({1: (4, 3)}), dr.Periodic(3, form="cosine", columns=[2, 4])],
    "pbld": [dr.Periodic(3, d=4, form="pbld", columns=[0, 2, 4]), dr.BatchNorm()],
    "bins": [
        dr.Embedding({1: (4, 2)}),
        dr.PiecewiseLinear([[0, 0.5, 1], [0, 1]], columns=[0, 3]),
        dr.Periodic(2, form="cosine", columns=[2]),
    ],
    "standardize": [dr.Standardize(), dr.Embedding({1: (4, 3)})],
    "residual": [dr.Embedding({1: (4, 1)}), dr.Residual([dr.Dense(4, "relu"), dr.Dense(5)])],
}


def rows(m: int = 40) -> np.ndarray:
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(m, COLUMNS)).astype(np.float32)
    X[:, 1] = rng.integers(0, 4, m)
    return X


def network(front: str, output: Any) -> dr.Network:
    layers = [*FRONTS[front], dr.Dense(6, "tanh"), dr.Dropout(0.5), dr.LayerNorm(), output]
    net = dr.Network(layers, input_size=COLUMNS, seed=3)
    net.fit(rows(), np.full((40, net.output_size), 1 / net.output_size), epochs=2)
    return net


@pytest.mark.parametrize("front", FRONTS)
def test_the_whole_is_what_it_was(front: str) -> None:
    net = network(front, dr.Dense(2))
    trunk = Trunk(net, "here")
    A, _ = trunk.forward(trunk.numbers(rows()))
    np.testing.assert_allclose(A, net.predict(rows()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("front", FRONTS)
def test_every_number_belongs_to_its_column(front: str) -> None:
    """What changes when a column does is what is said to be made of it, and nothing else."""
    trunk = Trunk(network(front, dr.Dense(1)), "here")
    before = trunk.numbers(rows())
    for column in range(COLUMNS):
        X = rows()
        X[:, column] = 3 - X[:, column] if column == 1 else X[:, column] / 2 + 0.1
        changed = (trunk.numbers(X) != before).any(axis=0)
        assert changed[trunk.columns == column].any()
        assert not changed[trunk.columns != column].any()


@pytest.mark.parametrize("units", [1, 3])
@pytest.mark.parametrize("apart", [False, True])
def test_probabilities_become_logits(units: int, apart: bool) -> None:
    activation = "sigmoid" if units == 1 else "softmax"
    layers = (
        [dr.Dense(units), dr.Activation(activation)] if apart else [dr.Dense(units, activation)]
    )
    net = dr.Network([dr.Dense(4, "relu"), *layers], input_size=COLUMNS, seed=1)
    trunk = Trunk(net, "here")
    Z = trunk.forward(trunk.numbers(rows()))[0].astype(float)
    e = np.exp(Z)
    P = e / (1 + e) if units == 1 else e / e.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P, net.predict(rows()), rtol=1e-5)


def test_the_way_back() -> None:
    net = dr.Network([dr.Dense(6, "tanh"), dr.Dense(2)], input_size=COLUMNS, dtype="float64")
    trunk, h, step = Trunk(net, "here"), rows().astype(np.float64), 1e-6
    slopes = np.random.default_rng(1).normal(size=(40, 2))
    found = trunk.backward(slopes, trunk.forward(h)[1])
    for number in range(COLUMNS):
        shift = step * (np.arange(COLUMNS) == number)
        change = (trunk.forward(h + shift)[0] - trunk.forward(h - shift)[0]) / (2 * step)
        np.testing.assert_allclose(found[:, number], (slopes * change).sum(axis=1), atol=1e-8)


def test_a_block_around_what_takes_columns() -> None:
    layers = [dr.Residual([dr.Periodic(2, d=3), dr.Dense(COLUMNS)]), dr.Dense(1)]
    with pytest.raises(ValueError, match="here: a network's residual block goes around"):
        Trunk(dr.Network(layers, input_size=COLUMNS), "here")
