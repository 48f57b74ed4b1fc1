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

Only ``on_step_end`` has a price: the steps that it sees are calls to the core of their own, and
``every_steps``, 1 if it is not there, says which these are. What must survive an interruption,
``state()`` gives to a `Checkpoint` (a dictionary of numbers, strings, lists and arrays) and
``restore(state)`` takes back. Callbacks are called in their order, after them those with
``goes_last``.
"""

import csv
import json
import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from deltarule import checkpoint
from deltarule.checks import expect_count
from deltarule.history import monitored
from deltarule.rotation import Rotation
from deltarule.schedules import expect_mode
from deltarule.training_run import TrainingRun
from deltarule.untrusted_file import ModelFileError

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]


# What names say about values.
_GOOD = {
    "min": ("loss", "error", "rmse", "mse", "mae", "deviance"),
    "max": ("accuracy", "precision", "recall", "f1", "auc", "r2"),
}


class Best:
    """The best value so far, small or large ones being good."""

    def __init__(self, monitor: str, mode: str | None, min_delta: float, who: str) -> None:
        if mode is None:
            mode = next((good for good, names in _GOOD.items() if monitor.endswith(names)), None)
        if mode is None:
            raise ValueError(
                f"{who}: monitor is {monitor!r} and mode is None: expected mode='min' or 'max', as "
                "the name does not say whether small or large values are good"
            )
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

    def restore(self, value: Any) -> None:
        """Go on from a value."""
        if value is not None and type(value) not in (int, float):
            raise TypeError(f"best is {value!r}: expected a number or None")
        self.value = value


class EarlyStopping:
    """Stop when ``patience`` epochs in a row brought nothing better (Prechelt 1998).

    Parameters
    ----------
    monitor : str
        A name in the history.
    patience : int
        Epochs in a row without a better value, after which training stops.
    min_delta : float
        Better means by more than this.
    mode : {"min", "max"}, optional
        Whether small or large values are good; by default what the name says, if it does: small
        losses and errors, large accuracies.
    restore_best_weights : bool
        Leave the network with the weights of its best epoch, their average and running moments too.

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
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta
        self.patience = expect_count(patience, "EarlyStopping: patience", least=1)
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
            return
        for name, vector in self._best_weights.items():
            like = weights_of(run.network).get(name)
            if like is None or (like.shape, like.dtype) != (vector.shape, vector.dtype):
                raise ModelFileError(
                    f"EarlyStopping: the best {name} are {vector.dtype} of shape {vector.shape}: "
                    "expected those of the network"
                )
        if self.stopped_epoch is not None:
            run.stop()

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        if self._best.improves(run):
            self.best_epoch = run.epoch
            if self.restore_best_weights:
                self._best_weights = {
                    name: vector.copy() for name, vector in weights_of(run.network).items()
                }
        elif run.epoch - (self.best_epoch or 0) >= self.patience:
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
        self._best.restore(state["best"])
        for name in ("best_epoch", "stopped_epoch"):
            if state[name] is not None and type(state[name]) is not int:
                raise TypeError(f"{name} is {state[name]!r}: expected a whole number or None")
        self.best_epoch, self.stopped_epoch = state["best_epoch"], state["stopped_epoch"]
        self._best_weights = {
            name.removeprefix("best_"): value
            for name, value in state.items()
            if isinstance(value, np.ndarray)
        }


def weights_of(network: "Network") -> dict[str, Array]:
    """The flat vectors that make a network what it is, live."""
    vectors = {"parameters": network.parameters, "statistics": network.statistics}
    return vectors if network.average is None else vectors | {"average": network.average}


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
    keep : {"last", "best"} or int
        Whether to write always, or only what is better than all before. A number, with ``{epoch}``
        in ``path``, keeps so many of the newest files, and where ``monitor`` is given the best one
        too; older ones are deleted if this training wrote them, before it was resumed or since.
    monitor, mode
        As for `EarlyStopping`; for ``keep="best"`` ``"val_loss"`` by default.

    Notes
    -----
    Where the weights are not finite any more nothing is written: training is about to say so.
    """

    goes_last = True  # when the others' state is that of the epoch's end

    def __init__(
        self,
        path: str | os.PathLike[str],
        every: int = 1,
        keep: str | int = "last",
        monitor: str | None = None,
        mode: str | None = None,
    ) -> None:
        if isinstance(keep, str) and keep not in ("last", "best"):
            raise ValueError(
                f"Checkpoint: keep is {keep!r}: expected 'last' or 'best', or how many files"
            )
        self.path, self.keep = os.fspath(path), keep
        self.every = expect_count(every, "Checkpoint: every", least=1)
        self.monitor = "val_loss" if keep == "best" and monitor is None else monitor
        if keep == "last" and monitor is not None:
            raise ValueError(
                f"Checkpoint: monitor is {monitor!r} but keep is 'last': expected keep='best', or "
                "a number"
            )
        self._best = None if self.monitor is None else Best(self.monitor, mode, 0.0, "Checkpoint")
        self._rotation: Rotation | None = None
        if not isinstance(keep, str):
            if "{epoch}" not in self.path:
                raise ValueError(
                    f"Checkpoint: keep is {keep!r} but path is {self.path!r}: expected "
                    "{epoch} in it, as every file replaces the one before"
                )
            newest = expect_count(keep, "Checkpoint: keep", least=1)
            self._rotation = Rotation(newest, self._path_of)

    def _path_of(self, epoch: int) -> str:
        return self.path.replace("{epoch}", str(epoch))

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        if run.resumed:
            return
        if self._best is not None:
            self._best.value = None
        if self._rotation is not None:
            self._rotation.forget()

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        due = run.epoch % self.every == 0 or run.epoch == run.epochs or run.stopping
        if not due or not np.isfinite(run.network.parameters).all():
            return
        improves = self._best is not None and self._best.improves(run)
        if self.keep == "best" and not improves:
            return
        if self._rotation is not None:
            self._rotation.add(run.epoch, improves)
        checkpoint.write_checkpoint(self._path_of(run.epoch), run)
        if self._rotation is not None:
            self._rotation.delete_old()

    def state(self) -> dict[str, Any]:  # noqa: D102
        best = {} if self._best is None else {"best": self._best.value}
        return best if self._rotation is None else best | self._rotation.state()

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        if self._best is not None:
            self._best.restore(state["best"])
        if self._rotation is not None:
            self._rotation.restore(state)


class _Log:
    """A file that has a record an epoch, written as it ends."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def on_fit_begin(self, run: TrainingRun) -> None:
        self.path.write_text("", encoding="utf-8")
        for epoch in range(1, run.history.epochs + 1):
            self._append(epoch, run.history.at(epoch))

    def on_epoch_end(self, run: TrainingRun) -> None:
        self._append(run.epoch, run.history.at(run.epoch))

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        raise NotImplementedError


class CSVLog(_Log):
    """A file of comma-separated values: a row an epoch, written as it ends.

    Parameters
    ----------
    path : path-like
        A file that is there is replaced; a training that is resumed writes its earlier epochs anew.
    """

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        with self.path.open("a", newline="", encoding="utf-8") as file:
            rows = csv.writer(file, lineterminator="\n")
            if epoch == 1:
                rows.writerow(["epoch", *record])
            rows.writerow([epoch, *record.values()])


class JSONLinesLog(_Log):
    """A file of JSON objects: a line an epoch, written as it ends; ``path`` as for `CSVLog`."""

    def _append(self, epoch: int, record: Mapping[str, float]) -> None:
        # JSON has no NaN or infinity; null is what others write for them.
        values = {name: value if np.isfinite(value) else None for name, value in record.items()}
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
