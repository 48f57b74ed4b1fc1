"""Callbacks: one's own code at certain moments of a fit, and those that come with the package.

A callback is an object with any of these, each of which is handed the `TrainingRun`:

======================  ===========================================================================
``on_fit_begin(run)``   before the first epoch
``on_epoch_begin(run)`` before each epoch
``on_run_end(run)``     after each run of mini-batches, some 20 times a second: to watch the clock
``on_step_end(run)``    after every step, or after each ``every_steps`` of them
``on_epoch_end(run)``   after each epoch, when ``run.history`` has its record
``on_fit_end(run)``     at the end, however training ends; ``run.exception`` says how
======================  ===========================================================================

Only ``on_step_end`` has a price: the steps that it sees are calls to the core of their own. What
must survive an interruption, ``state`` and ``restore`` hand to a `Checkpoint` and back.
"""

import csv
import json
import os
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from deltarule.history import History, monitored
from deltarule.schedules import Schedule, expect_mode, rate_now

if TYPE_CHECKING:
    from deltarule.network import Network
    from deltarule.optimizers import Optimizer

Array = NDArray[Any]

HOOKS = (
    "on_fit_begin",
    "on_epoch_begin",
    "on_run_end",
    "on_step_end",
    "on_epoch_end",
    "on_fit_end",
)


class TrainingRun:
    """A fit under way, as its callbacks see it.

    Attributes
    ----------
    network : Network
    optimizer : Optimizer
    history : History
        Of the epochs that are finished.
    epoch, epochs : int
        The epoch under way, counted from 1, and how many are planned.
    resumed : bool
        Whether the run goes on from a checkpoint.
    exception : BaseException or None
        What ended training, for ``on_fit_end``.
    """

    def __init__(
        self,
        network: "Network",
        optimizer: "Optimizer",
        callbacks: Sequence[Any],
        epochs: int,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self.history: History = network.history
        self.callbacks = tuple(callbacks)
        self.epochs = epochs
        self.epoch = 0
        self.resumed = False
        self.stopping = False
        self.exception: BaseException | None = None
        self._hooks = {
            name: [getattr(each, name) for each in callbacks if hasattr(each, name)]
            for name in HOOKS
        }
        self._step_hooks = [(each, each.on_step_end) for each in callbacks if _sees_steps(each)]
        self._called = False
        self._gradients: Array | None = None
        self._before: Array | None = None
        self._batch: Any = None

    @property
    def step(self) -> int:
        """Steps that the optimizer has made."""
        return self.optimizer.step

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. Assigning a number puts it in a schedule's place."""
        optimizer: Any = self.optimizer
        return rate_now(optimizer.learning_rate, optimizer.step, optimizer.epochs)

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        optimizer: Any = self.optimizer
        before, optimizer.learning_rate = optimizer.learning_rate, value
        try:
            optimizer._rule()
        except (TypeError, ValueError):
            optimizer.learning_rate = before
            raise

    @property
    def gradients(self) -> Array:
        """The flat gradients of the last step; in ``on_step_end`` alone."""
        gradients: Array = self._expect_step(self._gradients, "gradients")
        return gradients

    @property
    def update(self) -> Array:
        """What the last step added to the parameters; in ``on_step_end`` alone."""
        update: Array = self.network.parameters - self._expect_step(self._before, "update")
        return update

    @property
    def batch(self) -> tuple[Array, Array, Array | None]:
        """X, y and the examples' weights (or None) of the last step; in ``on_step_end`` alone."""
        return self._expect_step(self._batch, "batch")()  # type: ignore[no-any-return]

    def activations(self) -> list[Array]:
        """``A[1]`` to ``A[L]`` of the last batch, with the weights as they are now.

        Rows, one an example; in ``on_step_end`` alone.
        """
        A, caches = self.network.forward(self.batch[0])
        return [cache.A_prev for cache in caches][1:] + [A]

    def stop(self) -> None:
        """End training: after the epoch under way or, said within one, after the last step.

        An epoch that is not finished has no place in the history.
        """
        self.stopping = True

    def begin_epoch(self) -> bool:
        """Go on to the next epoch, if there is to be one."""
        if self.stopping or self.history.epochs >= self.epochs:
            return False
        self.epoch = self.history.epochs + 1
        self.call("on_epoch_begin")
        return not self.stopping

    def end_epoch(self, record: Mapping[str, float]) -> None:
        """Take down what an epoch came to, and tell the schedule and the callbacks."""
        self.history.record(record)
        optimizer: Any = self.optimizer
        optimizer.epochs += 1
        rate = getattr(optimizer, "learning_rate", None)
        if isinstance(rate, Schedule):
            rate.end_epoch(record)
        self.call("on_epoch_end")

    def call(self, hook: str) -> None:
        """Call every callback's hook of that name."""
        for each in self._hooks[hook]:
            self._called = True
            each(self)

    def was_called(self) -> bool:
        """Whether a callback has run since this was last asked."""
        called, self._called = self._called, False
        return called

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.exception = exception
        self.call("on_fit_end")

    def steps_unseen(self, step: int) -> int | None:
        """How many steps follow step number ``step`` before one that a callback wants to see."""
        if not self._step_hooks:
            return None
        return min(_every(each) - 1 - step % _every(each) for each, _ in self._step_hooks)

    def show_step(self, gradients: Array, before: Array, batch: Any) -> None:
        """Call those callbacks that want to see the step that was just made."""
        self._gradients, self._before, self._batch = gradients, before, batch
        try:
            for each, hook in self._step_hooks:
                if self.step % _every(each) == 0:
                    self._called = True
                    hook(self)
        finally:
            self._gradients = self._before = self._batch = None

    def _expect_step(self, value: Any, name: str) -> Any:
        if value is None:
            raise RuntimeError(f"TrainingRun: {name} is there in on_step_end alone")
        return value


def _sees_steps(callback: Any) -> bool:
    return hasattr(callback, "on_step_end")


def _every(callback: Any) -> int:
    return int(getattr(callback, "every_steps", 1))


def as_callbacks(callbacks: Sequence[Any], validated: bool) -> list[Any]:
    """Callbacks that are such, those that write the others' state last."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"fit: callbacks is {callbacks!r}: expected a list of callbacks")
    for index, each in enumerate(callbacks):
        if isinstance(each, type) or not any(callable(getattr(each, hook, None)) for hook in HOOKS):
            raise TypeError(
                f"fit: callbacks[{index}] is {each!r}: expected an object with one of {HOOKS}"
            )
        if _sees_steps(each) and _every(each) < 1:
            raise ValueError(
                f"fit: callbacks[{index}].every_steps is {each.every_steps!r}: expected 1 or more"
            )
        expect_validation(each, f"callbacks[{index}]", validated)
    return sorted(callbacks, key=lambda each: isinstance(each, Checkpoint))


def expect_validation(watcher: Any, what: str, validated: bool) -> None:
    """Refuse to watch a value of the validation data where there are none."""
    monitor = getattr(watcher, "monitor", None)
    if isinstance(monitor, str) and monitor.startswith("val_") and not validated:
        raise ValueError(
            f"fit: {what} monitors {monitor!r} but there is no validation_data: expected some, or "
            "monitor='loss'"
        )


class Best:
    """The best value so far, small or large ones being good."""

    def __init__(self, monitor: str, mode: str | None, min_delta: float, who: str) -> None:
        if mode is None:
            losses = ("loss", "error", "deviance")
            mode = "min" if monitor.endswith(losses) else "max"
        expect_mode(mode, who)
        if not min_delta >= 0:
            raise ValueError(f"{who}: min_delta is {min_delta!r}: expected 0 or more")
        self._monitor, self._who = monitor, who
        self._sign = 1.0 if mode == "min" else -1.0
        self._min_delta = min_delta
        self.value: float | None = None

    def improves(self, run: TrainingRun) -> bool:
        """Whether the epoch that has just ended is better than all before, which it then joins."""
        value = monitored(run.history.at(run.epoch), self._monitor, self._who)
        better = self.value is None or self._sign * (self.value - value) > self._min_delta
        if better and value == value:  # NaN is never the best
            self.value = value
            return True
        return False


class EarlyStopping:
    """Stop when more than ``patience`` epochs in a row brought nothing better (Prechelt 1998).

    Parameters
    ----------
    monitor : str
        A name in the history.
    patience : int
        Epochs without a better value that are borne.
    min_delta : float
        Better means by more than this.
    mode : {"min", "max"}, optional
        Whether small or large values are good; by default small ones of losses and errors.
    restore_best_weights : bool
        Leave the network with the weights of its best epoch.

    Attributes
    ----------
    best_epoch : int or None
        Counted from 1.
    stopped_epoch : int or None
        The epoch after which it stopped training, if it did.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 10,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best_weights: bool = True,
    ) -> None:
        _expect_count(patience, "EarlyStopping: patience", least=0)
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.patience = int(patience)
        self.restore_best_weights = restore_best_weights
        self._forget()

    def _forget(self) -> None:
        self._best = Best(self.monitor, self.mode, self.min_delta, "EarlyStopping")
        self._best_weights: dict[str, Array] = {}
        self.best_epoch: int | None = None
        self.stopped_epoch: int | None = None

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102 -- the module says it
        if not run.resumed:
            self._forget()
        elif self.stopped_epoch is not None:
            run.stop()

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        if self._best.improves(run):
            self.best_epoch = run.epoch
            if self.restore_best_weights:
                self._best_weights = {
                    name: vector.copy() for name, vector in weights_of(run.network).items()
                }
        elif run.epoch - (self.best_epoch or 0) > self.patience:
            self.stopped_epoch = run.epoch
            run.stop()

    def on_fit_end(self, run: TrainingRun) -> None:  # noqa: D102
        if run.exception is None:
            for name, vector in self._best_weights.items():
                weights_of(run.network)[name][:] = vector

    def state(self) -> dict[str, Any]:  # noqa: D102
        return {
            "best": self._best.value,
            "best_epoch": self.best_epoch,
            "stopped_epoch": self.stopped_epoch,
            **{f"best_{name}": vector for name, vector in self._best_weights.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        self._best.value = state["best"]
        self.best_epoch, self.stopped_epoch = state["best_epoch"], state["stopped_epoch"]
        self._best_weights = {
            name.removeprefix("best_"): value
            for name, value in state.items()
            if isinstance(value, np.ndarray)
        }


def weights_of(network: "Network") -> dict[str, Array]:
    """The flat vectors that make a network what it is, live."""
    return {"parameters": network.parameters}


class Checkpoint:
    """Write the whole state of training to a file, from which ``fit(..., resume=path)`` goes on.

    The training that goes on gives the weights of one that was never interrupted, to the last bit.

    Parameters
    ----------
    path : path-like
        ``{epoch}`` in it becomes the epoch's number, so that each has a file of its own; else the
        newest replaces the one before, in one move, so that there is always a whole one.
    every : int
        Epochs from one to the next; the last epoch is always written.
    keep : {"last", "best"}
        Whether to write always, or only what is better than all before.
    monitor, mode
        For ``keep="best"``, as for `EarlyStopping`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep: str = "last",
        monitor: str = "val_loss",
        mode: str | None = None,
    ) -> None:
        _expect_count(every, "Checkpoint: every", least=1)
        if keep not in ("last", "best"):
            raise ValueError(f"Checkpoint: keep is {keep!r}: expected 'last' or 'best'")
        self.path, self.every, self.keep = os.fspath(path), int(every), keep
        self.monitor = monitor if keep == "best" else None
        self._mode = mode
        self._best = Best(monitor, mode, 0.0, "Checkpoint")

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        if not run.resumed:
            self._best.value = None

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        due = run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopping
        if due and (self.keep == "last" or self._best.improves(run)):
            from deltarule import checkpoint

            checkpoint.write(self.path.replace("{epoch}", str(run.epoch)), run)

    def state(self) -> dict[str, Any]:  # noqa: D102
        return {"best": self._best.value}

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        self._best.value = state["best"]


class CSVLog:
    """A file of comma-separated values: a row an epoch, written as it ends.

    Parameters
    ----------
    path : path-like
        A file that is there is replaced; a training that is resumed writes its earlier epochs anew.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self.path.write_text("", encoding="utf-8")
        for epoch in range(1, run.history.epochs + 1):
            self._append(run, epoch)

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        self._append(run, run.epoch)

    def _append(self, run: TrainingRun, epoch: int) -> None:
        record = {"epoch": epoch, **run.history.at(epoch)}
        with self.path.open("a", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if epoch == 1:
                rows.writerow(record)
            rows.writerow(record.values())


class JSONLinesLog:
    """A file of JSON objects: a line an epoch, written as it ends; ``path`` as for `CSVLog`."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self.path.write_text("", encoding="utf-8")
        for epoch in range(1, run.history.epochs + 1):
            self._append(run, epoch)

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        self._append(run, run.epoch)

    def _append(self, run: TrainingRun, epoch: int) -> None:
        # JSON has no NaN or infinity; null is what others write for them.
        values = {
            name: value if np.isfinite(value) else None
            for name, value in run.history.at(epoch).items()
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"epoch": epoch, **values}, allow_nan=False) + "\n")


class TensorBoard:
    """Losses and metrics for TensorBoard; needs PyTorch's writer and tensorboard, or tensorboardX.

    Parameters
    ----------
    folder : path-like
        Where the event file goes.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._writer: Any = None

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self._writer = _summary_writer()(str(self.folder))

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        for name, value in run.history.at(run.epoch).items():
            self._writer.add_scalar(name, value, run.epoch)
        self._writer.flush()

    def on_fit_end(self, run: TrainingRun) -> None:  # noqa: D102
        if self._writer is not None:
            self._writer.close()
            self._writer = None


def _summary_writer() -> Any:
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            return import_module(module).SummaryWriter
        except ImportError:
            continue
    raise ImportError(
        "TensorBoard: neither torch.utils.tensorboard nor tensorboardX is there: expected one of "
        "them (`pip install tensorboardX`)"
    )


class TimeLimit:
    """Stop after so many seconds, within an epoch if need be; between two steps."""

    def __init__(self, seconds: float) -> None:
        if not seconds > 0:
            raise ValueError(f"TimeLimit: seconds is {seconds!r}: expected a number above 0")
        self.seconds = seconds
        self._end = 0.0

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self._end = monotonic() + self.seconds

    def on_run_end(self, run: TrainingRun) -> None:  # noqa: D102
        if monotonic() >= self._end:
            run.stop()


def _expect_count(value: Any, what: str, least: int) -> None:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"{what} is {value!r}: expected an integer")
    if value < least:
        raise ValueError(f"{what} is {value}: expected {least} or more")
