"""The learning-rate range test: which rates suit a network, found out in one short run."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule import _plots
from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule._training.fit import fit
from deltarule._training.run import TrainingRun
from deltarule.errors import TrainingDivergedError
from deltarule.optimizers import Optimizer, as_optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

# How much of the mean of the losses so far a new one leaves, and how far it may rise.
_SMOOTHING, _BLOWN_UP = 0.9, 4.0


@dataclass(frozen=True, eq=False)
class LearningRateRange:
    """What `learning_rate_range` found.

    Attributes
    ----------
    rates : ndarray
        The rate of each step that was made.
    losses : ndarray
        The batches' costs, smoothed.
    suggestion : float or None
        Where the loss fell fastest over the logarithm of the rate; None if it never fell.
    """

    rates: Array
    losses: Array
    suggestion: float | None

    def plot(self, ax: Any = None) -> Any:
        """Draw the losses over the rates; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default in a new figure.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        return _plots.learning_rate_range(self.rates, self.losses, self.suggestion, ax)


class _Watch:
    """Takes down each step's cost, and stops when the rates are at an end or the loss blows up."""

    def __init__(self, steps: int) -> None:
        self._steps, self._mean = steps, 0.0
        self.losses: list[float] = []

    def on_step_end(self, run: TrainingRun) -> None:
        self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * run.cost
        self.losses.append(self._mean / (1 - _SMOOTHING ** (len(self.losses) + 1)))
        least = min(self.losses)
        blown_up = self.losses[-1] - least > (_BLOWN_UP - 1) * abs(least)
        if len(self.losses) == self._steps or blown_up:
            run.stop()


def learning_rate_range(
    network: BareNetwork,
    X: Any,
    y: ArrayLike | None = None,
    *,
    optimizer: Optimizer | str = "adam",
    lowest: float = 1e-6,
    highest: float = 10.0,
    steps: int = 100,
    **options: Any,
) -> LearningRateRange:
    """Train a copy with a rate that grows from step to step, and see where the loss falls.

    Step t of T has the rate ``lowest (highest / lowest)^(t / (T - 1))``. The test ends early when
    the smoothed loss has risen to four times its least. Network and optimizer stay as they are.

    Parameters
    ----------
    network : Network
    X, y
        As in ``fit``.
    optimizer : Optimizer or str
        As in ``fit``; its learning rate does not matter.
    lowest, highest : float
        The first and the last rate.
    steps : int
        2 or more.
    **options
        ``loss``, ``batch_size``, ``shuffle``, ``sampling`` and ``sample_weight``, as in ``fit``.

    Returns
    -------
    LearningRateRange

    Raises
    ------
    ValueError, TypeError
        As ``fit``, and where there is no way up from ``lowest`` to ``highest``.

    References
    ----------
    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.
    """
    where = "learning_rate_range"
    steps = expect_count(steps, f"{where}: steps", least=2)
    if not 0 < lowest < highest < np.inf:
        raise ValueError(
            f"{where}: lowest is {lowest!r} and highest is {highest!r}: expected two numbers above "
            "0, the second one larger"
        )
    network, optimizer = copy.deepcopy(network), copy.deepcopy(as_optimizer(optimizer))
    rates = np.geomspace(lowest, highest, steps)
    first = optimizer.step
    any_optimizer: Any = optimizer
    any_optimizer.learning_rate = lambda step: rates[min(step - first, steps - 1)]
    watch = _Watch(steps)
    with suppress(TrainingDivergedError):  # an answer, too: those before it can be borne
        fit(network, X, y, optimizer=optimizer, epochs=steps, callbacks=[watch], **options)
    losses = np.array(watch.losses)
    return LearningRateRange(rates[: len(losses)], losses, _steepest(rates, losses))


def _steepest(rates: Array, losses: Array) -> float | None:
    """The rate in the middle of that tenth of the test over which the loss falls most."""
    window = max(1, len(rates) // 10)
    first = window if len(losses) > 2 * window else 0  # the first means are of few batches
    falls = losses[first:-window] - losses[first + window :]
    if not len(falls) or not falls.max() > 0:
        return None
    return float(rates[first + int(falls.argmax()) + window // 2])


# Where users find them.
for _each in (LearningRateRange, learning_rate_range):
    _each.__module__ = "deltarule"
