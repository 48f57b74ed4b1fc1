"""L-BFGS: SciPy's iterations on the core's cost and gradients, and how they end."""

import copy
import pickle
import signal
import sys
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule._network import all_examples
from deltarule.callbacks import stopping
from support import (
    DTYPES,
    LOSSES,
    Array,
    assert_near,
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    nothing_written,
    of_every_kind,
)

scipy_optimize = pytest.importorskip("scipy.optimize")

N = [3, 4, 2]
SUITS = {
    "mean_squared_error": "identity",
    "binary_cross_entropy": "sigmoid",
    "categorical_cross_entropy": "softmax",
}


def fitted(epochs: int, dtype: str = "float64", **arguments: Any) -> dr.Network:
    net = network(N, dtype=dtype)
    net.fit(*data(30, N, dtype=dtype), optimizer=dr.LBFGS(), epochs=epochs, **arguments)
    return net


@pytest.mark.parametrize("loss", LOSSES)
def test_the_iterations_are_scipy_s(loss: str) -> None:
    X, y = data(40, N, loss, "float64")
    net, own = (network(N, ["tanh", SUITS[loss]], "float64") for _ in range(2))
    costs: list[float] = []

    def cost_and_gradients(p: Array) -> tuple[float, Array]:
        own.parameters = p
        return own.loss_and_gradients(X, y, loss=loss)

    def note(p: Array) -> None:
        costs.append(cost_and_gradients(p)[0])

    result = scipy_optimize.minimize(
        cost_and_gradients,
        own.parameters.copy(),
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": 12, "maxcor": 5, "ftol": 0, "gtol": 0},
    )
    optimizer = dr.LBFGS(history_size=5, tolerance=0, gradient_tolerance=0)
    history = net.fit(X, y, loss=loss, optimizer=optimizer, epochs=12)
    assert optimizer.step == result.nit == 12
    assert_near(net.parameters, result.x, 1e-10)
    assert_near(np.array(history["loss"]), np.array(costs), 1e-12)
    assert net.evaluate(X, y, loss=loss)["loss"] == pytest.approx(history["loss"][-1], rel=1e-12)


def test_a_linear_network_finds_the_least_squares() -> None:
    X, y = data(50, [4, 2], dtype="float64")
    net = network([4, 2], "identity", "float64")
    optimizer = dr.LBFGS(tolerance=0, gradient_tolerance=1e-12)
    history = net.fit(X, y, optimizer=optimizer, epochs=200)
    with_bias = np.column_stack([X, np.ones(len(X))])
    expected, *_ = np.linalg.lstsq(with_bias, y, rcond=None)
    assert_near(np.column_stack([net.layers[0].W, net.layers[0].b]), expected.T, 1e-6)
    assert 1 < history.epochs == optimizer.step < 200  # and there it ends
    assert "CONVERGENCE" in optimizer.message


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_iteration_lowers_the_cost(dtype: str) -> None:
    net = fitted(15, dtype)
    losses = net.history["loss"]
    assert len(losses) == 15
    assert (np.diff(losses) < 0).all()
    assert net.parameters.dtype == dtype


def test_by_name_and_with_labels() -> None:
    X, y = data(30, N, "categorical_cross_entropy", "float64")
    one_hot, labels = (network(N, ["tanh", "softmax"], "float64") for _ in range(2))
    one_hot.fit(X, y, optimizer="lbfgs", epochs=5)
    labels.fit(X, y.argmax(axis=1), optimizer="lbfgs", epochs=5)
    assert_near(labels.parameters, one_hot.parameters, 1e-10)


def test_batch_size_and_shuffle_mean_nothing() -> None:
    assert_same_bits(fitted(5, batch_size=7, shuffle=True).parameters, fitted(5).parameters)


def test_weight_2_is_a_row_twice() -> None:
    X, y = data(11, N, dtype="float64")
    weights = np.where(np.arange(11) % 3 == 0, 2, 1)
    weighted, twice = network(N, dtype="float64"), network(N, dtype="float64")
    arguments = {"optimizer": "lbfgs", "epochs": 8}
    weighted.fit(X, y, sample_weight=weights, **arguments)
    twice.fit(np.repeat(X, weights, axis=0), np.repeat(y, weights, axis=0), **arguments)
    assert_near(weighted.parameters, twice.parameters, 1e-8)
    assert (weighted.parameters != fitted(8).parameters).any()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_many_examples_go_in_parts(
    loss: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = data(40, N, loss, "float64")
    weights = np.random.default_rng(0).uniform(size=40) if weighted else None
    whole, parts = (network(N, ["tanh", SUITS[loss]], "float64") for _ in range(2))
    arguments: dict[str, Any] = {"loss": loss, "epochs": 8, "sample_weight": weights}
    whole.fit(X, y, optimizer="lbfgs", **arguments)
    monkeypatch.setattr(all_examples, "_NUMBERS_A_PART", 7 * sum(N))
    calls = count_calls(monkeypatch, "part_of")
    parts.fit(X, y, optimizer="lbfgs", **arguments)
    assert len(calls) % 6 == 0
    assert len(calls) >= 6 * 8
    assert_near(parts.parameters, whole.parameters, 1e-8)


def count_calls(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    calls: list[None] = []
    function = getattr(all_examples, name)

    def counted(*arguments: Any) -> Any:
        calls.append(None)
        return function(*arguments)

    monkeypatch.setattr(all_examples, name, counted)
    return calls


def test_validation_and_metrics_after_every_iteration() -> None:
    X, y = data(30, N, "categorical_cross_entropy")
    net = network(N, ["tanh", "softmax"])
    history = net.fit(
        X,
        y,
        optimizer="lbfgs",
        epochs=4,
        metrics=["accuracy"],
        validation_data=data(9, N, "categorical_cross_entropy", seed=4),
    )
    assert list(history) == ["loss", "accuracy", "val_loss", "val_accuracy"]
    assert {len(values) for values in history.values()} == {4}
    assert history["accuracy"][-1] == net.evaluate(X, y)["accuracy"]
    assert net.history is history


def test_progress_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    fitted(3, progress=True)
    shown = capfd.readouterr().err
    assert "epoch 3/3  loss" in shown


def test_no_epochs() -> None:
    assert fitted(0).history == {}
    assert_same_bits(fitted(0).parameters, network(N, dtype="float64").parameters)


def test_evaluations_are_bounded() -> None:
    net, optimizer = network(N, dtype="float64"), dr.LBFGS(max_evaluations=5)
    history = net.fit(*data(30, N, dtype="float64"), optimizer=optimizer, epochs=100)
    assert 1 <= history.epochs <= 6
    assert "EVALUATIONS" in optimizer.message.upper()


def test_same_bits_for_any_number_of_threads() -> None:
    n = [50, 80, 3]
    X, y = data(2000, n)
    results = set()
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        net = network(n)
        net.fit(X, y, optimizer=dr.LBFGS(), epochs=3)
        results.add(net.parameters.tobytes())
    assert len(results) == 1


def test_one_optimizer_serves_any_network() -> None:
    """It keeps nothing of a network; and a second fit is a first one from other weights."""
    optimizer = dr.LBFGS()
    X, y = data(30, N, dtype="float64")
    nets = [network(N, dtype="float64") for _ in range(3)]
    for net in nets[:2]:
        net.fit(X, y, optimizer=optimizer, epochs=3)
        net.fit(X, y, optimizer=optimizer, epochs=3)
    assert_same_bits(nets[0].parameters, nets[1].parameters)
    assert optimizer.step == 12
    assert optimizer.state is None
    copied = pickle.loads(pickle.dumps(copy.deepcopy(optimizer)))
    assert copied.step == 12
    nets[2].fit(X, y, optimizer=copied, epochs=3)
    nets[2].fit(X, y, optimizer=copied, epochs=3)
    assert_same_bits(nets[2].parameters, nets[0].parameters)


# What stops it -------------------------------------------------------------------------------


def interrupt(x: Array) -> Array:
    signal.raise_signal(signal.SIGINT)
    return x


@pytest.mark.parametrize(
    ("trouble", "error", "message"),
    [
        (interrupt, KeyboardInterrupt, None),
        (
            lambda x: np.full_like(x, np.nan),
            dr.TrainingDivergedError,
            r"fit: the cost or its gradient is not finite in iteration 8: the network keeps the "
            r"weights of iteration 7, the last",
        ),
    ],
    ids=["Ctrl-C", "NaN"],
)
def test_what_stops_it_leaves_the_last_iteration_s_weights(
    trouble: Any, error: type[BaseException], message: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, optimizer = network(N, dtype="float64"), dr.LBFGS()
    X, y = data(30, N, dtype="float64")
    call = all_examples.Cost.__call__
    monkeypatch.setattr(
        all_examples.Cost,
        "__call__",
        lambda cost, x: call(cost, trouble(x) if optimizer.step == 7 else x),
    )
    with pytest.raises(error, match=message):
        net.fit(X, y, optimizer=optimizer, epochs=100)
    monkeypatch.undo()
    uninterrupted = fitted(7)
    assert_same_bits(net.parameters, uninterrupted.parameters)
    assert net.history == uninterrupted.history
    assert net.fit(X, y, optimizer="lbfgs").epochs == 1  # the next one is let in


def test_a_cost_that_overflows() -> None:
    """A line search goes far where the cost is flat, and e^z leaves float32."""
    net = dr.Network([dr.Dense(1, "exponential", "zeros")], input_size=1)
    X, y = np.ones((4, 1), np.float32), np.full(4, 1e15, np.float32)
    with pytest.raises(dr.TrainingDivergedError, match=r"in iteration 1: .*of the beginning"):
        net.fit(X, y, optimizer="lbfgs", epochs=100)
    assert not net.parameters.any()


def test_a_cost_that_is_infinite_from_the_beginning() -> None:
    net = network(N, "identity", "float64")
    X, y = data(9, N, dtype="float64")
    before = net.parameters.copy()
    with pytest.raises(dr.TrainingDivergedError, match=r"in iteration 1: .*of the beginning"):
        net.fit(X, y * 1e200, optimizer="lbfgs", epochs=3)
    assert_same_bits(net.parameters, before)


@pytest.mark.parametrize("version", ["1.10.1", "1.9.0rc1", "0.19.1"])
def test_with_an_old_scipy(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose minimiser a callback cannot end."""
    monkeypatch.setattr("scipy.__version__", version)
    with pytest.raises(ImportError, match=f"needs SciPy 1.11 or later, but {version} is installed"):
        fitted(1)


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    net = network(N)
    before = net.parameters.copy()
    with pytest.raises(ImportError, match=r"fit: LBFGS needs SciPy, .*pip install scipy"):
        net.fit(*data(9, N), optimizer="lbfgs")
    assert_same_bits(net.parameters, before)


def test_no_step_from_a_gradient_alone() -> None:
    net = network(N)
    with pytest.raises(TypeError, match=r"LBFGS: it makes no step .*expected fit"):
        net.update(np.ones_like(net.parameters), dr.LBFGS())


def test_a_hyper_parameter_spoilt_later() -> None:
    net, optimizer = network(N), dr.LBFGS()
    optimizer.history_size = 0
    with pytest.raises(ValueError, match="LBFGS: history_size is 0: expected 1 or more"):
        net.fit(*data(9, N), optimizer=optimizer)


# Beside layers, callbacks and the other options of fit -----------------------------------------


class Diary:
    def __init__(self, stop: int | None = None) -> None:
        self.entries: list[tuple[str, int]] = []
        self.stop = stop

    def on_epoch_begin(self, run: Any) -> None:
        self.entries.append(("begin", run.epoch))

    def on_run_end(self, run: Any) -> None:
        self.entries.append(("run", run.epoch))
        if run.epoch == self.stop:
            run.stop()

    def on_epoch_end(self, run: Any) -> None:
        self.entries.append(("end", run.history.epochs))


def test_callbacks_are_called_at_every_iteration() -> None:
    diary = Diary()
    net = fitted(3, callbacks=[diary])
    assert diary.entries == [(name, i) for i in (1, 2, 3) for name in ("begin", "run", "end")]
    assert net.history.epochs == 3
    assert_same_bits(net.parameters, fitted(3).parameters)


def test_a_callback_stops_it() -> None:
    net = fitted(50, callbacks=[Diary(stop=4)])
    assert net.history.epochs == 4
    assert_same_bits(net.parameters, fitted(4).parameters)


def test_time_limit_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 2.0, 30.0, 40.0, 50.0])
    monkeypatch.setattr(stopping, "monotonic", lambda: next(clock))
    assert fitted(50, callbacks=[dr.TimeLimit(20)]).history.epochs == 3


def test_early_stopping_stops_it_and_restores_the_best() -> None:
    held_out = data(30, N, dtype="float64", seed=9)
    stop = dr.EarlyStopping(patience=3)
    net = fitted(200, callbacks=[stop], validation_data=held_out)
    assert stop.best_epoch is not None
    assert stop.stopped_epoch == stop.best_epoch + 3 == net.history.epochs < 200
    assert_same_bits(net.parameters, fitted(stop.best_epoch).parameters)
    assert net.evaluate(*held_out)["loss"] == min(net.history["val_loss"])


def test_penalties_are_part_of_the_cost() -> None:
    """Logistic regression: the weights that SciPy finds on an objective written in NumPy."""
    X, y = data(40, [3, 2], "binary_cross_entropy", dtype="float64")
    net = dr.Network([dr.Dense(2, "sigmoid", l2=0.2)], input_size=3, dtype="float64")

    def cost(p: Array) -> float:
        W, b = p[:6].reshape((2, 3), order="F"), p[6:]
        Z = X @ W.T + b
        losses = np.logaddexp(0, Z) - y * Z
        return float(losses.mean() + 0.1 * (W**2).sum())

    start = net.parameters.copy()
    optimizer = dr.LBFGS(tolerance=1e-15, gradient_tolerance=1e-10)
    history = net.fit(X, y, optimizer=optimizer, epochs=1000)
    found = scipy_optimize.minimize(cost, start, method="BFGS", options={"gtol": 1e-8})
    assert history["loss"][-1] == pytest.approx(cost(net.parameters), rel=1e-12)
    assert_near(net.parameters, found.x, 1e-5)


@pytest.mark.parametrize("parts", [1, 3])
def test_layers_of_every_kind_that_is_a_function_of_the_weights(
    parts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that are frozen stay, moments too; and examples may go in parts."""
    net = of_every_kind("float64", dropout=False)
    X, y = data_of_every_kind(60, "float64")
    net.adapt(X)
    for layer in net.layers:
        layer.frozen = layer.description.kind in ("batch_norm", "embedding")
    net.layers["slow"].learning_rate = 1.0
    if parts > 1:
        units = net.input_size + sum(layer.units for layer in net.layers)
        monkeypatch.setattr(all_examples, "_NUMBERS_A_PART", 20 * units)
    before = [[view.copy() for view in part] for part in net.unflatten(net.parameters)]
    statistics = net.statistics.copy()
    history = net.fit(X, y, optimizer="lbfgs", epochs=30)
    assert_same_bits(net.statistics, statistics)
    cost, _ = net.loss_and_gradients(X, y)
    assert history["loss"][-1] == pytest.approx(cost, rel=1e-12)
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    for layer, old, new in zip(net.layers, before, net.unflatten(net.parameters), strict=True):
        for one, other in zip(old, new, strict=True):
            assert (one == other).all() == layer.frozen


def with_rule(**rule: Any) -> dr.Network:
    return dr.Network([dr.Dense(3, **rule)], input_size=4)


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (of_every_kind(batch_norm=False), {}, "the network has a Dropout layer: expected one with"),
        (of_every_kind(dropout=False), {}, "the network has a BatchNorm layer: expected one with"),
        (with_rule(max_norm=1), {}, r"layers\[0\].max_norm is 1: expected 0, or a frozen layer"),
        (with_rule(learning_rate=0.5), {}, r"layers\[0\].learning_rate is 0.5: expected 1, or a f"),
        (with_rule(), {"clip_norm": 1.0}, "clip_norm is 1.0: expected None, as LBFGS makes no"),
        (with_rule(), {"clip_value": 1.0}, "clip_value is 1.0: expected None, as LBFGS makes no"),
        (with_rule(), {"average": 0.9}, "average is 0.9: expected None, as LBFGS makes no steps"),
        (with_rule(), {"resume": "a file"}, "resume is for optimizers that make steps"),
    ],
)
def test_refused(net: dr.Network, options: dict[str, Any], message: str) -> None:
    X, y = data_of_every_kind(9)
    targets = y if net.input_size == 6 else np.zeros((9, 3))
    with nothing_written(net), pytest.raises(ValueError, match=f"fit: .*{message}"):
        net.fit(X[:, : net.input_size], targets, optimizer="lbfgs", **options)


def test_batches_are_refused() -> None:
    net, (X, y) = network(N), data(9, N)
    with nothing_written(net), pytest.raises(ValueError, match="LBFGS needs all examples at each"):
        net.fit([(X, y)], optimizer="lbfgs")
