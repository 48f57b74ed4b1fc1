"""The best value so far, of what is watched, and which weights had it."""

from __future__ import annotations

from typing import Any

from deltarule._checks import expect_in_range
from deltarule._monitor import mode_of, monitored
from deltarule._training.run import TrainingRun
from deltarule.optimizers import LBFGS


class Best:
    """The best value so far, small or large ones being good.

    Raises
    ------
    TypeError, ValueError
        For a mode that is none, or that the name does not tell.

    Examples
    --------
    >>> from deltarule.callbacks import Best
    >>> class Note:
    ...     best = Best("loss", None, 0.0, "Note")
    ...     def on_epoch_end(self, run):
    ...         if self.best.improves(run):
    ...             self.epoch = run.epoch
    """

    def __init__(self, monitor: str, mode: str | None, min_delta: float, who: str) -> None:
        expect_in_range(min_delta, f"{who}: min_delta", least=0)
        self._monitor, self._who = monitor, who
        self._sign = 1.0 if mode_of(monitor, mode, who) == "min" else -1.0
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

    def of_beginning(self, run: TrainingRun) -> bool:
        """Whether an epoch's value is, or may be, that of the weights that the epoch begins with.

        The training loss of an epoch of one step is: the step is made from it. That of several
        steps is a mean over the weights between them, of which the last are the best guess; all
        else, and L-BFGS's loss, is computed when the epoch's steps are made.
        """
        return (
            self._monitor == "loss"
            and not isinstance(run.optimizer, LBFGS)
            and run.steps_an_epoch in (None, 1)
        )

    def restore(self, value: Any) -> None:
        """Go on from a value."""
        if value is not None and type(value) not in (int, float):
            raise TypeError(f"best is {value!r}: expected a number or None")
        self.value = value
