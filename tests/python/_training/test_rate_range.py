"""The learning-rate range test: its rates, its losses, and where it stops."""

import numpy as np
import pytest

import deltarule as dr
from deltarule._training import rate_range
from support import data, data_of_every_kind, network, nothing_written, of_every_kind, step

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
    found = rate_range._steepest(rates, losses)
    assert found is not None
    assert rates[40] < found < rates[60]
    assert rate_range._steepest(rates, losses[:1]) is None


def test_no_suggestion_where_nothing_falls() -> None:
    X, y = np.zeros((20, 4)), np.zeros((20, 3))
    net = network(N)
    for layer in net.layers:
        layer.b[:] = 0
    assert dr.learning_rate_range(net, X, y, steps=5).suggestion is None


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"steps": 1}, ValueError, "learning_rate_range: steps is 1: expected 2 or more"),
        ({"lowest": 0}, ValueError, r"lowest is 0 and highest is 10\.0: expected two numbers"),
        ({"lowest": 20.0}, ValueError, r"lowest is 20\.0 and highest is 10\.0"),
        ({"highest": np.inf}, ValueError, "highest is inf"),
    ],
)
def test_refused(options: dict[str, float], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        dr.learning_rate_range(network(N), *data(9, N), **options)  # type: ignore[arg-type]
