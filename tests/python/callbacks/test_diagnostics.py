"""Statistics of layers in training, and warnings about them."""

import warnings
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import (
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
)

N = [4, 6, 3]
SUITS = {
    "mean_squared_error": "identity",
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
}


# Statistics ----------------------------------------------------------------------------------


def test_statistics_by_hand() -> None:
    X, y = data(20, N)
    net, other, look = network(N, ["relu", "tanh"]), network(N, ["relu", "tanh"]), dr.Diagnostics(1)
    net.fit(X, y, optimizer=dr.SGD(0.1), batch_size=20, callbacks=[look])
    _, gradients = other.loss_and_gradients(X, y)
    before = other.parameters.copy()
    other.update(gradients, dr.SGD(0.1))
    A, caches = other.forward(X)
    assert [row["layer"] for row in look.rows] == [0, 1]
    for row, outputs, g, p, q in zip(
        look.rows,
        (caches[1].A_prev, A),
        other.unflatten(gradients),
        other.unflatten(before),
        other.unflatten(other.parameters),
        strict=True,
    ):
        g_flat, p_flat, q_flat = (np.r_[v.W.ravel(), v.b.ravel()] for v in (g, p, q))
        assert row["step"] == 1
        assert row["mean"] == pytest.approx(outputs.mean(), rel=1e-5)
        assert row["std"] == pytest.approx(outputs.std(), rel=1e-5)
        assert row["zero"] == pytest.approx((outputs == 0).mean())
        assert row["dead"] == pytest.approx((outputs == 0).all(axis=0).mean())
        assert row["gradient_mean"] == pytest.approx(g_flat.mean(), rel=1e-4)
        assert row["gradient_std"] == pytest.approx(g_flat.std(), rel=1e-4)
        assert row["gradient_norm"] == pytest.approx(np.linalg.norm(g_flat), rel=1e-4)
        update = np.linalg.norm(q_flat - p_flat) / np.linalg.norm(q_flat)
        assert row["update_ratio"] == pytest.approx(update, rel=1e-4)
    assert 0 < look.rows[0]["zero"] < 1


@pytest.mark.parametrize(
    ("activation", "inputs", "saturated"),
    [
        ("tanh", [2.0, 3.0, -3.0, 0.0], 0.5),  # tanh 2 = 0.964, tanh 3 = 0.995
        ("sigmoid", [4.0, 6.0, -6.0, 0.0], 0.5),  # sigmoid 4 = 0.982, sigmoid 6 = 0.998
        ("relu", [9.0, 9.0, 9.0, 9.0], 0.0),
    ],
)
def test_saturated(activation: str, inputs: list[float], saturated: float) -> None:
    net = dr.Network([dr.Dense(1, activation)], input_size=1)
    net.layers[0].W[:] = 1
    look = dr.Diagnostics(1)
    X = np.array(inputs)[:, np.newaxis]
    net.fit(X, net.predict(X), loss="mean_squared_error", optimizer="sgd", callbacks=[look])
    assert look.rows[0]["saturated"] == saturated


def test_every_so_often() -> None:
    look = dr.Diagnostics(every=3)
    net, alone = network(N), network(N)
    X, y = data(20, N)
    net.fit(X, y, epochs=2, batch_size=5, callbacks=[look])
    assert [row["step"] for row in look.rows] == [3, 3, 6, 6]
    alone.fit(X, y, epochs=2, batch_size=5)
    assert_same_bits(net.parameters, alone.parameters)


def test_table_and_columns() -> None:
    look = dr.Diagnostics(1)
    assert look.columns() == {}
    network(N).fit(*data(9, N), callbacks=[look])
    columns = look.columns()
    assert columns["activation"] == ["tanh", "tanh"]
    assert columns["layer"] == [0, 1]
    lines = look.table().splitlines()
    assert lines[0].split() == list(columns)
    assert len(lines) == 3
    assert lines[1].split()[:3] == ["1", "0", "tanh"]


# Warnings ------------------------------------------------------------------------------------


def warned_by(net: dr.Network, X: Any, y: Any, **options: Any) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net.fit(X, y, callbacks=[dr.Diagnostics(1)], **({"optimizer": dr.SGD(1e-9)} | options))
    assert all(each.category is dr.TrainingWarning for each in caught)
    return [str(each.message) for each in caught]


def test_dead_relus() -> None:
    net = network([4, 8, 8, 3], ["relu", "relu", "identity"])
    net.layers[1].b[:5] = -100
    (message,) = warned_by(net, *data(40, N), epochs=3)
    assert message.startswith(
        "step 1, layers[1] (relu): 62% of its ReLUs are 0 for every example of the batch; what may "
        "help: a smaller learning rate"
    )


def test_vanishing_gradients() -> None:
    net = network([4, *[10] * 8, 3], "sigmoid")
    messages = warned_by(net, *data(40, N), loss="mean_squared_error", epochs=2)
    assert messages
    assert messages[0].startswith("step 1, layers[0] (sigmoid): its gradients vanish: ")
    assert "what may help: relu with he_normal in place of sigmoid" in messages[0]
    assert len(messages) == len(set(messages)) < 8


def test_exploding_gradients() -> None:
    net = network([4, *[10] * 8, 3], "identity")
    for layer in net.layers:
        layer.W *= 10
    messages = warned_by(net, *data(40, N), optimizer=dr.SGD(1e-30))
    assert messages[0].startswith("step 2, layers[0] (identity): its gradients explode: norm ") or (
        messages[0].startswith("step 1, layers[0] (identity): its gradients explode: norm ")
    )
    assert "what may help: inputs and targets scaled to about 1" in messages[0]


@pytest.mark.parametrize("activation", ["relu", "tanh", "identity"])
def test_no_warning_where_all_is_well(activation: str) -> None:
    net = network([4, 32, 32, 3], [activation, activation, "identity"])
    assert warned_by(net, *data(200, N), epochs=5, optimizer=dr.Adam()) == []


def test_no_warning_where_nothing_is_left_to_learn() -> None:
    X = np.random.default_rng(0).normal(size=(20, 4))
    net = network(N)
    assert warned_by(net, X, net.predict(X)) == []


def test_a_warning_made_an_error_leaves_a_whole_network() -> None:
    net = network([4, 8, 3], ["relu", "identity"])
    net.layers[0].b[:] = -100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(dr.TrainingWarning, match=r"layers\[0\]"):
            net.fit(*data(9, N), callbacks=[dr.Diagnostics(1)])
    assert np.isfinite(net.parameters).all()


# Layers of every kind --------------------------------------------------------------------------


def test_every_layer_is_looked_at() -> None:
    net, look, (X, y) = of_every_kind(), dr.Diagnostics(1), data_of_every_kind(40)
    other = of_every_kind()
    net.fit(X, y, epochs=2, batch_size=20, callbacks=[look])
    other.fit(X, y, epochs=2, batch_size=20)
    assert_same_bits(net.parameters, other.parameters)
    assert_same_bits(net.statistics, other.statistics)
    assert [row["layer"] for row in look.rows] == [*range(len(net.layers))] * 4
    for row in look.rows:
        assert all(np.isfinite(value) for name, value in row.items() if name != "activation")
        has_parameters = bool(net.layers[row["layer"]].description.parameters(1))
        assert (row["gradient_norm"] > 0) == has_parameters
        assert (row["update_ratio"] > 0) == has_parameters


def test_a_frozen_layer_has_no_gradients_that_vanish() -> None:
    net = network([4, 8, 8, 3], ["relu", "relu", "identity"])
    net.layers[0].frozen = True
    assert warned_by(net, *data(40, N), epochs=2, optimizer=dr.Adam()) == []
    for layer in net.layers:
        layer.frozen = True
    assert warned_by(net, *data(40, N)) == []


def test_a_dead_layer_of_another_kind_is_named() -> None:
    net = dr.Network([dr.Dense(8), dr.BatchNorm(), dr.Activation("relu"), dr.Dense(3)], 4)
    net.layers[1].beta[:] = -100
    messages = warned_by(net, *data(40, N))
    assert any("layers[2] (relu): 100% of its ReLUs are 0" in message for message in messages)
