"""Snapshots of a network in training: its best weights so far, each with its answers held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from deltarule._arrays import Array
from deltarule._training.run import TrainingRun


@dataclass(frozen=True)
class Snapshot:
    """What a network was at the end of an epoch.

    Attributes
    ----------
    loss : float
        On the rows held out.
    epoch : int
        Counted from 1.
    parameters : ndarray of shape (n_parameters,)
    outputs : ndarray of shape (n_held_out, n_outputs)
        On the rows held out.
    """

    loss: float
    epoch: int
    parameters: Array
    outputs: Array


class Snapshots:
    """The callback that takes them, and ends training when nothing becomes better.

    A mean of networks gains by what they do not have in common, and that goes for one network at
    several times of its training as well: its rate is constant, so that it moves on.

    Parameters
    ----------
    count : int
        The most that are kept: those of the least loss.
    patience : int
        Epochs in a row without a better loss, after which training stops.
    """

    def __init__(self, count: int, patience: int) -> None:
        self._count, self._patience = count, patience
        self._best, self._best_epoch = np.inf, 0
        self.kept: list[Snapshot] = []  # best first

    def on_epoch_end(self, run: TrainingRun) -> None:
        """Keep what the epoch came to if it is among the best."""
        loss = run.history.at(run.epoch)["val_loss"]
        if len(self.kept) < self._count or loss < self.kept[-1].loss:
            self._keep(loss, run)
        if loss < self._best:
            self._best, self._best_epoch = loss, run.epoch
        elif run.epoch - self._best_epoch >= self._patience:
            run.stop()

    def _keep(self, loss: float, run: TrainingRun) -> None:
        outputs = run.validation_outputs
        if loss != loss or outputs is None:
            return
        taken = Snapshot(loss, run.epoch, run.network.parameters.copy(), outputs)
        self.kept = sorted([*self.kept, taken], key=lambda each: each.loss)[: self._count]
