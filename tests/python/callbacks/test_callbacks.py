"""The callbacks that come with the package."""

import csv
import json
import sys
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.callbacks import TrainingRun, stopping
from support import (
    assert_same_bits,
    data,
    data_of_every_kind,
    network,
    of_every_kind,
    output_of,
)

N = [4, 6, 3]


class Set:
    """Puts values of one's choice into the history, as a metric that falls and rises again."""

    def __init__(self, values: list[float], name: str = "val_loss") -> None:
        self.values, self.name = values, name
        self.weights: list[Any] = []

    def on_epoch_end(self, run: TrainingRun) -> None:
        run.history[self.name] = self.values[: run.epoch]
        self.weights.append(run.network.parameters.copy())


def fit_with(values: list[float], *others: Any, name: str = "loss", **options: Any) -> Any:
    net, record = network(N), Set(values, name)
    net.fit(*data(9, N), epochs=len(values), callbacks=[record, *others], **options)
    return net, record


# Early stopping ------------------------------------------------------------------------------

FALLS_AND_RISES = [5.0, 3.0, 4.0, 2.0, 2.5, 2.5, 2.5, 1.0]


@pytest.mark.parametrize(
    ("patience", "min_delta", "best", "stopped"),
    [
        (1, 0.0, 2, 3),
        (2, 0.0, 4, 6),
        (3, 0.0, 4, 7),
        (4, 0.0, 8, None),
        (2, 1.0, 2, 4),
        (2, 0.99, 4, 6),
        (9, 9.0, 1, None),
    ],
)
def test_early_stopping(patience: int, min_delta: float, best: int, stopped: int | None) -> None:
    stop = dr.EarlyStopping("error", patience, min_delta)
    net, record = fit_with(FALLS_AND_RISES, stop, name="error")
    assert (stop.best_epoch, stop.stopped_epoch) == (best, stopped)
    assert len(record.weights) == (stopped or len(FALLS_AND_RISES))
    assert_same_bits(net.parameters, record.weights[best - 1])


def test_early_stopping_may_leave_the_last_weights() -> None:
    stop = dr.EarlyStopping("error", patience=2, restore_best_weights=False)
    net, record = fit_with(FALLS_AND_RISES, stop, name="error")
    assert stop.stopped_epoch == 6
    assert_same_bits(net.parameters, record.weights[5])


@pytest.mark.parametrize("mode", ["max", None])
def test_early_stopping_by_a_value_that_grows(mode: str | None) -> None:
    stop = dr.EarlyStopping("val_accuracy", patience=2, mode=mode)
    X, y = data(9, N, "categorical_cross_entropy")
    net, record = network(N, ["tanh", "softmax"]), Set([0.1, 0.5, 0.3, 0.4, 0.9], "val_accuracy")
    net.fit(X, y, epochs=5, validation_data=(X, y), callbacks=[record, stop])
    assert (stop.best_epoch, stop.stopped_epoch) == (2, 4)
    assert_same_bits(net.parameters, record.weights[1])


def test_early_stopping_restores_running_statistics_and_the_average() -> None:
    """The best epoch's network is its weights, their average, and its batch norm's moments."""
    net, others, (X, y) = of_every_kind(), of_every_kind(), data_of_every_kind(40)
    options: dict[str, Any] = {"batch_size": 8, "epochs": 4, "average": 0.9}
    worse = Set([3.0, 1.0, 2.0, 2.0], "loss")
    net.fit(X, y, callbacks=[worse, dr.EarlyStopping("loss")], **options)
    others.fit(X, y, **(options | {"epochs": 2}))
    assert_same_bits(net.parameters, others.parameters)
    assert_same_bits(net.statistics, others.statistics)
    assert net.average is not None
    assert others.average is not None
    assert_same_bits(net.average, others.average)
    assert_same_bits(net.predict(X), others.predict(X))


def test_nan_is_never_the_best() -> None:
    stop = dr.EarlyStopping("error", patience=2)
    fit_with([np.nan, 2.0, np.nan, np.nan, 1.0], stop, name="error")
    assert (stop.best_epoch, stop.stopped_epoch) == (2, 4)


def test_early_stopping_starts_anew_with_each_fit() -> None:
    stop = dr.EarlyStopping("error", patience=2)
    fit_with(FALLS_AND_RISES, stop, name="error")
    fit_with([9.0, 8.0, 7.0], stop, name="error")
    assert (stop.best_epoch, stop.stopped_epoch) == (3, None)


def test_an_error_keeps_its_own_weights() -> None:
    """The last good weights, not the best: that is what the message says."""

    class Fail:
        def on_epoch_begin(self, run: TrainingRun) -> None:
            if run.epoch == 4:
                raise KeyboardInterrupt

    net, record = network(N), Set([1.0, 2.0, 3.0])
    with pytest.raises(KeyboardInterrupt):
        net.fit(
            *data(9, N),
            epochs=9,
            callbacks=[record, dr.EarlyStopping("val_loss"), Fail()],
            validation_data=data(9, N),
        )
    assert_same_bits(net.parameters, record.weights[2])


def full_batches(*callbacks: Any, epochs: int = 30, **options: Any) -> tuple[Any, Any, Any]:
    """A rate that is too large: the loss falls, rises, and its weights are those before the step.

    Returns the network, X and y, and the weights that every epoch began with.
    """
    net, (X, y), record = network(N), data(9, N), Weights()
    options = {"optimizer": dr.SGD(2.5), "batch_size": 9} | options
    net.fit(X, y, epochs=epochs, callbacks=[record, *callbacks], **options)
    return net, (X, y), record.weights


class Weights:
    """Takes down the weights that each epoch begins with."""

    def __init__(self) -> None:
        self.weights: list[Any] = []

    def on_epoch_begin(self, run: TrainingRun) -> None:
        self.weights.append(run.network.parameters.copy())


def test_the_best_loss_of_a_full_batch_is_that_of_the_weights_before_its_step() -> None:
    stop = dr.EarlyStopping("loss")
    net, (X, y), _ = full_batches(stop)
    losses = net.history["loss"]
    assert losses[-1] > min(losses)
    assert stop.best_epoch == 1 + int(np.argmin(losses))
    assert net.evaluate(X, y)["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_the_best_loss_of_a_stream_of_one_batch() -> None:
    stop, (X, y), net = dr.EarlyStopping("loss"), data(9, N), network(N)
    net.fit(lambda: iter([(X, y)]), epochs=30, optimizer=dr.SGD(2.5), callbacks=[stop])
    losses = net.history["loss"]
    assert net.evaluate(X, y)["loss"] == pytest.approx(min(losses), rel=1e-6)


def test_the_best_loss_of_an_estimator_in_full_batches() -> None:
    pytest.importorskip("sklearn")
    stop, (X, y) = dr.EarlyStopping("loss", patience=40), data(9, N, dtype="float64")
    model = dr.MLPRegressor(
        hidden_layer_sizes=(6,),
        activation="tanh",
        solver="sgd",
        momentum=0.0,
        learning_rate_init=0.9,
        batch_size=9,
        max_iter=40,
        tol=0.0,
        alpha=0.0,
        n_iter_no_change=99,
        callbacks=[stop],
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    losses = model.loss_curve_
    assert 1 < stop.best_epoch < len(losses)
    loss = ((model.predict(X) - y) ** 2).mean() / 2
    assert loss == pytest.approx(min(losses), rel=1e-9)


@pytest.mark.parametrize("options", [{"batch_size": 4}, {"optimizer": "lbfgs"}])
def test_other_losses_leave_the_weights_at_the_end_of_the_best_epoch(
    options: dict[str, Any],
) -> None:
    """Those of mini-batches, at the weights in between, and of L-BFGS, at the end."""
    worse = Set([3.0, 1.0, 2.0, 2.0], "loss")
    net, _, weights = full_batches(worse, dr.EarlyStopping("loss"), epochs=4, **options)
    assert_same_bits(net.parameters, weights[2])


def test_the_checkpoint_with_the_best_loss_of_a_full_batch(tmp_path: Path) -> None:
    """It has the weights of that loss, and training goes on from it as it did."""
    keep = dr.Checkpoint(tmp_path / "best", keep="best", monitor="loss")
    net, (X, y), _ = full_batches(keep, epochs=20)
    losses = net.history["loss"]
    best: Any = dr.load(tmp_path / "best")
    assert best.evaluate(X, y)["loss"] == pytest.approx(min(losses), rel=1e-6)
    assert best.history["loss"] == losses[: int(np.argmin(losses))]
    other = network(N)
    other.fit(
        *(X, y),
        epochs=20,
        optimizer=dr.SGD(2.5),
        batch_size=9,
        callbacks=[dr.Checkpoint(tmp_path / "other", keep="best", monitor="loss")],
        resume=tmp_path / "best",
    )
    assert other.history == net.history
    assert_same_bits(other.parameters, net.parameters)


@pytest.mark.parametrize("every", [1, 3])
def test_a_rotation_keeps_the_weights_of_the_best_loss(every: int, tmp_path: Path) -> None:
    keep = dr.Checkpoint(tmp_path / "{epoch}", every=every, keep=1, monitor="loss")
    net, _, weights = full_batches(keep, epochs=20)
    judged = {e: loss for e, loss in enumerate(net.history["loss"], 1) if e % every == 0 or e == 20}
    best = min(judged, key=lambda epoch: judged[epoch])
    assert {path.name for path in tmp_path.iterdir()} == {str(best - 1), "20"}
    loaded: Any = dr.load(tmp_path / str(best - 1))
    assert_same_bits(loaded.parameters, weights[best - 1])


def test_the_best_loss_of_an_epoch_that_ruins_the_weights(tmp_path: Path) -> None:
    """The step after it makes them infinite, and training says so; the file has them before it."""
    keep = dr.Checkpoint(tmp_path / "best", keep="best", monitor="loss")
    rate = dr.SGD(lambda step: 0.1 if step < 3 else 1e300)
    with pytest.raises(dr.TrainingDivergedError):
        network(N, "identity").fit(*data(9, N), epochs=9, optimizer=rate, callbacks=[keep])
    loaded: Any = dr.load(tmp_path / "best")
    assert loaded.history.epochs == 3


# Logs ----------------------------------------------------------------------------------------


def test_csv_log(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("old\n")
    X, y = data(9, N)
    history = network(N).fit(X, y, epochs=3, validation_data=(X, y), callbacks=[dr.CSVLog(path)])
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    for name in ("loss", "val_loss"):
        assert [float(row[name]) for row in rows] == history[name]


def test_json_lines_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    _, record = fit_with([1.5, np.nan, np.inf], dr.JSONLinesLog(path), name="score")
    lines = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    assert [line["score"] for line in lines] == [1.5, None, None]
    assert len(record.weights) == 3


@pytest.mark.parametrize("make", [dr.CSVLog, dr.JSONLinesLog])
def test_a_log_is_there_as_soon_as_an_epoch_ends(make: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "log"
    lengths = []

    class Read:
        def on_epoch_end(self, run: TrainingRun) -> None:
            lengths.append(len(path.read_text().splitlines()))

    network(N).fit(*data(9, N), epochs=3, callbacks=[make(path), Read()])
    assert lengths == [1 + (make is dr.CSVLog) + epoch for epoch in range(3)]


def test_tensorboard(tmp_path: Path) -> None:
    """In another interpreter, as the writer may import much of the world."""
    if find_spec("tensorboardX") is None:
        pytest.skip("needs tensorboardX")
    script = f"""
import sys
import deltarule as dr
from support import data, network
sys.modules["torch.utils.tensorboard"] = None
callbacks = [dr.TensorBoard({str(tmp_path)!r})]
print(*network([4, 6, 3]).fit(*data(9, [4, 6, 3]), epochs=3, callbacks=callbacks)["loss"])
"""
    losses = output_of(script).split()
    files = list(tmp_path.glob("*tfevents*"))
    assert len(files) == 1
    written = files[0].read_bytes()
    assert written.count(b"loss") == len(losses) == 3
    for value in losses:
        assert np.float32(value).tobytes() in written


def test_tensorboard_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ImportError, match="TensorBoard: neither torch"):
        network(N).fit(*data(9, N), callbacks=[dr.TensorBoard(tmp_path)])


# Time ----------------------------------------------------------------------------------------


def test_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of the test's own: a second passes with each look at it."""
    looks = iter(range(10**9))
    monkeypatch.setattr(stopping, "monotonic", lambda: float(next(looks)))
    optimizer = dr.Adam()
    history = network(N).fit(
        *data(20, N), optimizer=optimizer, epochs=10**6, batch_size=20, callbacks=[dr.TimeLimit(7)]
    )
    assert optimizer.step == history.epochs == 7


def test_time_limit_within_an_epoch() -> None:
    optimizer = dr.SGD(1e-6)
    X, y = np.zeros((500_000, 4)), np.zeros(500_000)
    net = dr.Network([dr.Dense(1)], input_size=4)
    history = net.fit(
        X, y, optimizer=optimizer, batch_size=1, shuffle=False, callbacks=[dr.TimeLimit(0.05)]
    )
    assert 0 < optimizer.step < len(X)
    assert history.epochs == 0


# As they are shown ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call",
    [
        "EarlyStopping()",
        "EarlyStopping(monitor='val_size', patience=3, min_delta=0.5, mode='max')",
        "EarlyStopping(restore_best_weights=False)",
        "Checkpoint('run')",
        "Checkpoint('run', every=2, keep='best')",
        "Checkpoint('run-{epoch}', keep=3, monitor='size', mode='min')",
        "CSVLog('log.csv')",
        "JSONLinesLog('log')",
        "TensorBoard('folder')",
        "TimeLimit(2.5)",
        "Diagnostics()",
        "Diagnostics(every=7)",
    ],
)
def test_a_repr_is_the_call_that_makes_it(call: str) -> None:
    names = {name: getattr(dr, name) for name in dr.__all__}
    shown = repr(eval(call, names))
    assert repr(eval(shown, names)) == shown
    left = shown.replace(", monitor='val_loss'", "")  # what keep='best' goes by
    assert left == call


# Refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: dr.EarlyStopping(patience=0), ValueError, "patience is 0: expected 1 or more"),
        (lambda: dr.EarlyStopping(patience=1.5), TypeError, "patience is 1.5: expected an int"),
        (lambda: dr.EarlyStopping("size"), ValueError, "'size' and mode is None: expected mode="),
        (lambda: dr.EarlyStopping(mode="up"), ValueError, "mode is 'up': expected 'min' or"),
        (lambda: dr.EarlyStopping(min_delta=-1), ValueError, "min_delta is -1: expected 0 or"),
        (lambda: dr.Checkpoint("x", every=0), ValueError, "every is 0: expected 1 or more"),
        (lambda: dr.Checkpoint("x", keep="all"), ValueError, "keep is 'all': expected 'last' or"),
        (lambda: dr.TimeLimit(0), ValueError, "seconds is 0: expected a number above 0"),
        (lambda: dr.TimeLimit("3"), TypeError, "seconds is '3': expected a number above 0"),
        (lambda: dr.TimeLimit(np.ones(2)), TypeError, "TimeLimit: seconds is array"),
        (lambda: dr.Diagnostics("3"), TypeError, "Diagnostics: every is '3': expected an integer"),
        (lambda: dr.EarlyStopping(3), TypeError, "EarlyStopping: monitor is 3: expected a name"),
        (lambda: dr.EarlyStopping(mode=3), TypeError, "mode is 3: expected 'min' or 'max'"),
        (lambda: dr.EarlyStopping(mode=np.ones(2)), TypeError, "mode is array"),
        (
            lambda: dr.EarlyStopping(restore_best_weights="no"),
            TypeError,
            "EarlyStopping: restore_best_weights is 'no': expected True or False",
        ),
        (lambda: dr.Checkpoint(3), TypeError, "Checkpoint: path is 3: expected a path, a string"),
        (lambda: dr.Checkpoint("x", keep=np.ones(2)), TypeError, "keep is array.*an integer"),
        (lambda: dr.CSVLog(None), TypeError, "CSVLog: path is None: expected a path, a string"),
        (lambda: dr.JSONLinesLog(1.5), TypeError, "JSONLinesLog: path is 1.5: expected a path"),
        (lambda: dr.TensorBoard([]), TypeError, r"TensorBoard: folder is \[\]: expected a path"),
    ],
)
def test_refused(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


def test_a_monitor_that_is_not_there() -> None:
    net = network(N)
    with pytest.raises(ValueError, match="EarlyStopping: monitor is 'f1', which is not in the"):
        net.fit(*data(9, N), epochs=3, callbacks=[dr.EarlyStopping("f1")])
    assert net.history.epochs == 1
