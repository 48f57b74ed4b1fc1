"""The learning-rate range test: its rates, its losses, and where it stops."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._training import rate_range
from support import Array, data, data_of_every_kind, network, nothing_written, of_every_kind, step

N = [4, 16, 3]


def test_rates_and_losses_are_those_of_explicit_steps() -> None:
    X, y = data(20, N)
    net, other, optimizer = network(N), network(N), dr.SGD(9.0)
    found = dr.learning_rate_range(
        net, X, y, optimizer=optimizer, lowest=1e-3, highest=0.1, steps=9, batch_size=20
    )
    np.testing.assert_allclose(found.rates, 1e-3 * 100 ** (np.arange(9) / 8))
    same, weights, total = dr.SGD(), 0.0, 0.0
    for rate, smoothed in zip(found.rates, found.losses, strict=True):
        same.learning_rate = rate
        total = 0.9 * total + step(other, same, X, y)
        weights = 0.9 * weights + 1
        assert smoothed == pytest.approx(total / weights)


def test_network_and_optimizer_stay_as_they_are() -> None:
    X, y = data(20, N)
    net, optimizer = network(N), dr.Adam(0.5)
    net.fit(X, y, optimizer=optimizer, batch_size=5)
    with nothing_written(net, optimizer):
        found = dr.learning_rate_range(net, X, y, optimizer=optimizer, steps=7, batch_size=5)
    assert len(found.rates) == len(found.losses) == 7
    assert optimizer.learning_rate == 0.5
    net.fit(X, y, optimizer=optimizer)


@pytest.mark.parametrize("fitted", [False, True])
def test_layers_of_every_kind_stay_as_they_are(fitted: bool) -> None:
    """Moments, masks, the average and the generator of a network that has trained, or has not."""
    net, optimizer, (X, y) = of_every_kind(), dr.Adam(), data_of_every_kind(40)
    if fitted:
        net.fit(X, y, optimizer=optimizer, batch_size=8, average=0.9)
    with nothing_written(net, optimizer):
        found = dr.learning_rate_range(
            net, X, y, optimizer=optimizer, steps=9, batch_size=8, average=0.9, sampling="balanced"
        )
    assert len(found.rates) == 9
    assert np.isfinite(found.losses).all()


@pytest.mark.parametrize("activation", ["identity", "tanh"])
def test_it_stops_when_the_loss_blows_up(activation: str) -> None:
    X, y = data(200, N)
    found = dr.learning_rate_range(
        network(N, [activation, "identity"]), X, y, optimizer="sgd", highest=1e6, steps=200
    )
    assert 50 < len(found.rates) < 200
    assert np.isfinite(found.losses).all()
    assert found.suggestion is not None
    assert found.suggestion < found.rates[-1]


def test_the_suggestion_trains() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 4))
    y = np.tanh(X @ rng.normal(size=(4, 3)))
    found = dr.learning_rate_range(network(N), X, y)
    assert found.suggestion is not None
    before = network(N).evaluate(X, y)["loss"]
    net = network(N)
    net.fit(X, y, optimizer=dr.Adam(found.suggestion), epochs=10)
    assert net.evaluate(X, y)["loss"] < 0.1 * before


def test_the_suggestion_is_where_the_loss_falls_most() -> None:
    rates = np.geomspace(1e-6, 1, 100)
    losses = np.full(100, 5.0)
    losses[:3] = [9.0, 2.0, 5.0]  # the first batches say nothing yet
    losses[40:60] = np.linspace(5.0, 1.0, 20)
    losses[60:] = 1.0
    found, reason = rate_range._steepest(rates, losses)
    assert found is not None
    assert rates[40] < found < rates[60]
    assert reason is None
    odd = losses.copy()
    odd[[15, 22, 23, 80]] = 500.0, 90.0, 80.0, 900.0
    assert rate_range._steepest(rates, odd) == (found, None)


@pytest.mark.parametrize(
    ("costs", "reason"),
    [
        (np.linspace(9, 5, 15), "the test ended after 15 of 100 steps, before a fall could"),
        (np.full(100, 3.0), "the loss did not fall further than it varies"),
        (np.linspace(3, 5, 100), "the loss did not fall further than it varies"),
        (5 + np.random.default_rng(0).normal(size=100), "did not fall further than it varies"),
        (np.r_[np.full(50, 3.0), 99, 2.9, np.full(48, 3.0)], "did not fall further than it"),
    ],
)
def test_no_suggestion_and_why(costs: Array, reason: str) -> None:
    found, why = rate_range._steepest(np.geomspace(1e-6, 1, 100), costs)
    assert found is None
    assert why is not None
    assert reason in why


@pytest.mark.parametrize("seed", range(6))
def test_a_few_odd_examples_do_not_decide(seed: int) -> None:
    """Targets of which one in five hundred is far off, as a table's outliers make it."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(3200, 4))
    y = np.tanh(X @ rng.normal(size=4))
    y[rng.choice(3200, 6, replace=False)] *= 300
    net = dr.Network([dr.Dense(16, "tanh"), dr.Dense(1)], input_size=4, seed=seed)
    found = dr.learning_rate_range(net, X, y)
    assert found.suggestion is not None
    assert 5e-4 < found.suggestion < 0.5


def test_one_odd_batch_is_not_the_end() -> None:
    X, y = data(3200, N)
    y[640] = 1e4
    found = dr.learning_rate_range(network(N, ["tanh", "identity"]), X, y, shuffle=False)
    assert max(found.losses) > 10 * found.losses[0]
    assert len(found.rates) > 60


def test_no_suggestion_where_nothing_falls() -> None:
    X, y = np.zeros((20, 4)), np.zeros((20, 3))
    net = network(N)
    for layer in net.layers:
        layer.b[:] = 0
    found = dr.learning_rate_range(net, X, y, steps=20)
    assert found.suggestion is None
    assert found.reason is not None
    assert "did not fall" in found.reason


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 1}, ValueError, "learning_rate_range: steps is 1: expected 2 or more"),
        ({"lowest": 0}, ValueError, r"lowest is 0 and highest is 10\.0: expected two numbers"),
        ({"lowest": 20.0}, ValueError, r"lowest is 20\.0 and highest is 10\.0"),
        ({"highest": np.inf}, ValueError, "highest is inf"),
        ({"highest": "1"}, TypeError, "highest is '1': expected two numbers"),
        ({"epochs": 3}, TypeError, "epochs is the test's own: expected steps, lowest and"),
        ({"optimizer": "lbfgs"}, ValueError, "optimizer is LBFGS, which has no learning rate: exp"),
    ],
)
def test_refused(options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.learning_rate_range(network(N), *data(9, N), **options)


def test_a_repr_is_short() -> None:
    found = dr.learning_rate_range(network(N), *data(200, N), steps=40)
    assert repr(found).startswith("LearningRateRange(40 steps from 1e-06 to 10: ")
    assert f"{found.rates[-1]:.3g}" in found._repr_html_()
    none = dr.learning_rate_range(network(N), *data(20, N), steps=2)
    assert none.reason is not None
    assert none.reason in repr(none)
    assert none.reason in none._repr_html_()
