"""When the cost stops being finite: the weights, the optimizer and the way on from there."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._training import last_good
from deltarule._training import runs as cutting
from support import (
    DTYPES,
    Array,
    assert_same_bits,
    batches,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
    step,
)

N = [4, 2]  # linear: the cost grows by about the same factor each step
BATCH, EPOCHS = 5, 400


@dataclass
class Stop:
    """An independent run, one step after the other, until a cost is not finite."""

    network: dr.Network  # as it was when its cost was last finite
    optimizer_step: int
    optimizer_state: Array
    batch: int  # whose cost is not finite, counted from 1 over all epochs
    costs: list[float]  # of the batches before it


def run_until_it_diverges(net: dr.Network, optimizer: dr.Optimizer, X: Array, y: Array) -> Stop:
    before = (copy.deepcopy(net), 0, np.zeros(0))
    costs: list[float] = []
    with np.errstate(all="ignore"):
        for batch in batches(len(X), BATCH) * EPOCHS:
            try:
                cost, gradients = net.loss_and_gradients(X[batch], y[batch])
            except ValueError:  # the weights themselves are not finite any more
                break
            if not np.isfinite(cost):
                break
            costs.append(cost)
            state = np.zeros(0) if optimizer.state is None else optimizer.state.copy()
            before = (copy.deepcopy(net), optimizer.step, state)
            try:
                net.update(gradients, optimizer)
            except ValueError:
                net.parameters[:] = np.nan
        else:
            pytest.fail("the run does not diverge")
    return Stop(*before, len(costs) + 1, costs)


def expect_the_same_stop(
    net: dr.Network, optimizer: dr.Optimizer, stop: Stop, error: Exception, m: int
) -> None:
    assert_same_bits(net.parameters, stop.network.parameters)
    assert optimizer.step == stop.optimizer_step
    assert optimizer.state is not None
    assert_same_bits(
        optimizer.state[: len(stop.optimizer_state)], stop.optimizer_state.astype(net.dtype)
    )
    if not len(stop.optimizer_state):
        assert not optimizer.state.any()
    epoch, batch = divmod(stop.batch - 1, len(batches(m, BATCH)))
    assert f"epoch {epoch + 1}, batch {batch + 1} of {len(batches(m, BATCH))}:" in str(error)
    assert net.history.epochs == epoch
    assert np.isfinite(net.history.get("loss", [])).all()


def diverge(net: dr.Network, optimizer: dr.Optimizer, X: Array, y: Array, **arguments: Any) -> Any:
    """Fit in the order of the rows, which must fail."""
    arguments = {"epochs": EPOCHS, "batch_size": BATCH, "shuffle": False} | arguments
    with pytest.raises(dr.TrainingDivergedError, match="not finite at") as caught:
        net.fit(X, y, optimizer=optimizer, **arguments)
    return caught.value


# A cost that grows step by step, and one that leaps at the first step.
OPTIMIZERS: dict[str, Any] = {
    "SGD": lambda dtype: dr.SGD(3.0),
    "momentum": lambda dtype: dr.SGD(5.0, 0.9),
    "Nesterov": lambda dtype: dr.SGD(5.0, 0.9, nesterov=True),
    "Adam": lambda dtype: dr.Adam(1e30 if dtype == "float32" else 1e200),
}


@pytest.fixture(params=[(0.05, 64), (0.0, 64), (0.0, 1), (0.0, 3)], ids=lambda p: f"{p[0]}s,{p[1]}")
def _runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs as they are; of one batch; and with a snapshot before each, and before every third."""
    seconds, runs = request.param
    monkeypatch.setattr(cutting, "_RUN_SECONDS", seconds)
    monkeypatch.setattr(last_good, "_MOST_RUNS", runs)


@pytest.mark.usefixtures("_runs")
@pytest.mark.parametrize("m", [5, 23, 100])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_keeps_what_a_run_stopped_one_step_before_has(name: str, dtype: str, m: int) -> None:
    X, y = data(m, N, dtype=dtype)
    net, optimizer = network(N, "identity", dtype), OPTIMIZERS[name](dtype)
    stop = run_until_it_diverges(net, optimizer, X, y)
    assert name == "Adam" or stop.batch > 10
    net, optimizer = network(N, "identity", dtype), OPTIMIZERS[name](dtype)
    error = diverge(net, optimizer, X, y)
    expect_the_same_stop(net, optimizer, stop, error, m)


@pytest.mark.parametrize("dtype", DTYPES)
def test_at_the_first_batch_of_an_epoch(dtype: str) -> None:
    X, y = data(BATCH, N, dtype=dtype)
    stop = run_until_it_diverges(network(N, "identity", dtype), dr.SGD(3.0), X, y)
    steps = stop.batch - 1
    assert steps > 3
    X, y = np.tile(X, (steps, 1)), np.tile(y, (steps, 1))  # an epoch is over just before
    net, optimizer = network(N, "identity", dtype), dr.SGD(3.0)
    error = diverge(net, optimizer, X, y, validation_data=(np.zeros((1, 4)), np.zeros((1, 2))))
    assert f"epoch 2, batch 1 of {steps}:" in str(error)
    expect_the_same_stop(net, optimizer, stop, error, len(X))
    assert net.history["loss"] == pytest.approx([np.mean(stop.costs)], rel=1e-12)


def test_at_the_first_step() -> None:
    net, optimizer = network(N, "identity"), dr.Adam()
    net.layers[0].W *= 1e25
    before = net.parameters.copy()
    error = diverge(net, optimizer, *data(23, N))
    assert "epoch 1, batch 1 of 5: the network keeps the weights of step 0" in str(error)
    assert_same_bits(net.parameters, before)
    assert optimizer.step == 0
    assert optimizer.state is not None
    assert not optimizer.state.any()
    assert net.history == {}


def test_at_the_first_step_of_a_later_fit() -> None:
    net, optimizer = network(N, "identity"), dr.Adam()
    X, y = data(23, N)
    net.fit(X, y, optimizer=optimizer)
    before, state = net.parameters.copy(), optimizer.state.copy()  # type: ignore[union-attr]
    error = diverge(net, optimizer, 1e30 * X, y)
    assert "epoch 1, batch 1 of 5: the network keeps the weights of step 1," in str(error)
    assert_same_bits(net.parameters, before)
    assert_same_bits(optimizer.state, state)  # type: ignore[arg-type]
    assert optimizer.step == 1


@pytest.mark.parametrize("row", [0, 4, 5, 12, 22])
def test_at_a_row_that_no_weights_can_take(row: int) -> None:
    X, y = data(23, N)
    X[row] *= 1e30
    net, optimizer = network(N, "identity"), dr.Adam()
    stop = run_until_it_diverges(net, optimizer, X, y)
    assert stop.batch == row // BATCH + 1
    net, optimizer = network(N, "identity"), dr.Adam()
    expect_the_same_stop(net, optimizer, stop, diverge(net, optimizer, X, y), 23)


def test_after_the_last_step() -> None:
    """Weights that no cost has judged yet are held to being finite, too."""
    X, y = data(BATCH, N)
    net, optimizer = network(N, "identity"), dr.SGD(3e38, 0.5)
    before = net.parameters.copy()
    error = diverge(net, optimizer, 100 * X, y, epochs=1)
    assert "epoch 1, after the last batch: the network keeps the weights of step 0" in str(error)
    assert_same_bits(net.parameters, before)
    assert optimizer.step == 0
    assert not optimizer.state.any()  # type: ignore[union-attr]


def test_with_shuffled_rows_and_weights() -> None:
    """The run that stops one step before: as many steps of the same fit, at the same bits."""
    X, y = data(40, N)
    weights = np.random.default_rng(0).uniform(size=40)
    arguments = {"batch_size": 1, "sample_weight": weights}
    net, optimizer = network(N, "identity"), dr.SGD(0.4)
    error = diverge(net, optimizer, X, y, shuffle=True, **arguments)
    epochs, steps = divmod(optimizer.step, 40)
    assert epochs >= 1, "choose a smaller rate"
    other, other_optimizer = network(N, "identity"), dr.SGD(0.4)
    other.fit(X, y, optimizer=other_optimizer, epochs=epochs, **arguments)
    order = other._generator.permutation(40)[:steps]
    for row in order:
        step(other, other_optimizer, X[[row]], y[[row]], sample_weight=weights[[row]])
    assert other_optimizer.step == optimizer.step
    assert_same_bits(net.parameters, other.parameters)
    assert f"keeps the weights of step {optimizer.step}," in str(error)


@pytest.mark.parametrize("name", ["momentum", "Adam"])
def test_training_goes_on_with_a_smaller_rate(name: str) -> None:
    X, y = data(BATCH, N)  # whose cost is finite with the weights that are kept
    net, optimizer = network(N, "identity"), OPTIMIZERS[name]("float32")
    stop = run_until_it_diverges(net, optimizer, X, y)
    net, optimizer = network(N, "identity"), OPTIMIZERS[name]("float32")
    diverge(net, optimizer, X, y)

    other, other_optimizer = stop.network, OPTIMIZERS[name]("float32")
    other_optimizer._state_for(other.parameters)[: len(stop.optimizer_state)] = stop.optimizer_state
    other_optimizer.step = stop.optimizer_step
    for each, its_optimizer in ((net, optimizer), (other, other_optimizer)):
        its_optimizer.learning_rate = 1e-6
        each.fit(X, y, optimizer=its_optimizer, batch_size=BATCH, epochs=3, shuffle=False)
    assert_same_bits(net.parameters, other.parameters)
    assert net.history.epochs == 3
    assert np.isfinite(net.history["loss"]).all()


def test_the_message_says_what_to_do() -> None:
    net = network(N, "identity")
    error = diverge(net, dr.SGD(1e30), *data(23, N))
    assert isinstance(error, ArithmeticError)
    assert "expected a smaller learning rate than 1e+30, or data and targets scaled" in str(error)


@pytest.mark.parametrize("seconds", [1e9, 0.0], ids=["one snapshot", "a snapshot a run"])
@pytest.mark.parametrize("good", [1, 2, 9])
def test_the_average_and_the_moments_come_back(
    good: int, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a network with every kind of layer, clipped and averaged, at any batch."""
    monkeypatch.setattr(last_good, "_LEAST_SECONDS", seconds)
    monkeypatch.setattr(last_good, "_COPIES_OF_TIME", seconds)
    monkeypatch.setattr(cutting, "_RUN_SECONDS", 0.0 if seconds == 0 else 1e9)
    net, expected = of_every_kind(), of_every_kind()
    X, y = data_of_every_kind(60)
    options: dict[str, Any] = {"loss": "mean_squared_error", "average": 0.8, "clip_norm": 1}
    options |= {"batch_size": 5, "shuffle": False}
    for each in (net, expected):
        each.adapt(X)
    Y = np.eye(3, dtype=np.float32)[y]
    Y[good * 5 :] = np.finfo("float32").max / 4  # whose squares are not finite
    with pytest.raises(dr.TrainingDivergedError, match=f"batch {good + 1} of 12"):
        net.fit(X, Y, **options)
    made = max(good - 1, 0)
    if made:
        expected.fit(X[: 5 * made], Y[: 5 * made], **options)
        assert net.average is not None
        assert expected.average is not None
        assert_same_bits(net.average, expected.average)
    assert_same_bits(net.parameters, expected.parameters)
    assert_same_bits(net.statistics, expected.statistics)
