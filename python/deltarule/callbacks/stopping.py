"""When to stop: where nothing becomes better, or where time is up."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count, expect_flag, expect_in_range, is_number
from deltarule._network.kept_weights import copy_of_weights, put_back, weights_of
from deltarule._training.run import TrainingRun
from deltarule.callbacks.best import Best
from deltarule.callbacks.described import Described
from deltarule.errors import ModelFileError


class EarlyStopping(Described):
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
        Leave the network with the weights that had the best value, their average and running
        moments too.

    Attributes
    ----------
    best_epoch : int or None
        Counted from 1.
    stopped_epoch : int or None
        The epoch after which it stopped training, if it did.

    Raises
    ------
    TypeError, ValueError
        For an argument out of its range, and for a ``monitor`` that says nothing about the mode; in
        ``fit``, for one that the history does not have.

    Notes
    -----
    Metrics and all ``val_`` values are of the weights at an epoch's end. The training ``"loss"`` is
    computed on the way to them. Where an epoch is one step, it is the loss of the weights that the
    epoch began with, and these are restored; where it has several batches, the loss is their mean,
    each at the weights of its time, and the weights at the epoch's end are restored.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> stop = dr.EarlyStopping("loss", patience=3, min_delta=1e-3)
    >>> history = net.fit(X, y, optimizer=dr.Adam(0.1), epochs=500, callbacks=[stop])
    >>> history.epochs < 500, stop.best_epoch < history.epochs
    (True, True)
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
        self.restore_best_weights = expect_flag(
            restore_best_weights, "EarlyStopping: restore_best_weights"
        )
        self._forget()

    def _forget(self) -> None:
        self._best = Best(self.monitor, self.mode, self.min_delta, "EarlyStopping")
        self._best_weights: dict[str, Array] = {}
        self._beginning: dict[str, Array] = {}
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

    def on_epoch_begin(self, run: TrainingRun) -> None:  # noqa: D102
        kept = self.restore_best_weights and self._best.of_beginning(run)
        self._beginning = copy_of_weights(run.network) if kept else {}

    def on_epoch_end(self, run: TrainingRun) -> None:  # noqa: D102
        if self._best.improves(run):
            self.best_epoch = run.epoch
            if self._beginning and self._best.of_beginning(run):
                self._best_weights = self._beginning
            elif self.restore_best_weights:
                self._best_weights = copy_of_weights(run.network)
        elif run.epoch - (self.best_epoch or 0) >= self.patience:
            self.stopped_epoch = run.epoch
            run.stop()

    def on_fit_end(self, run: TrainingRun) -> None:  # noqa: D102
        if run.exception is None:
            put_back(run.network, self._best_weights)

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


class TimeLimit(Described):
    """Stop after so many seconds, within an epoch if need be; between two steps.

    Raises
    ------
    TypeError, ValueError
        For what is no number above 0.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, epochs=1_000_000, callbacks=[dr.TimeLimit(0.1)])
    >>> 0 < history.epochs < 1_000_000
    True
    """

    def __init__(self, seconds: float) -> None:
        expected = "a number above 0"
        if not (is_number(seconds) and seconds == np.inf):  # which is no limit
            expect_in_range(seconds, "TimeLimit: seconds", above=0, expected=expected)
        self.seconds = seconds
        self._end = 0.0

    def on_fit_begin(self, run: TrainingRun) -> None:  # noqa: D102
        self._end = monotonic() + self.seconds

    def on_run_end(self, run: TrainingRun) -> None:  # noqa: D102
        if monotonic() >= self._end:
            run.stop()
