"""The learning-rate range test: which rates suit a network, found out in one short run."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import expect_count, is_number
from deltarule._plots import curves
from deltarule._training.fit import fit
from deltarule._training.run import TrainingRun
from deltarule.errors import TrainingDivergedError
from deltarule.history import Right, as_html
from deltarule.optimizers import Optimizer, as_optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

# How much of the mean of the losses so far a new one leaves, and how far they may rise.
_SMOOTHING, _BLOWN_UP = 0.9, 4.0
# How many standard errors a fall must have to be more than the batches' noise.
_BEYOND_NOISE = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateRange:
    """What `learning_rate_range` found.

    Attributes
    ----------
    rates : ndarray
        The rate of each step that was made.
    losses : ndarray
        The batches' costs, smoothed.
    suggestion : float or None
        Where the loss fell fastest below all that it had been, over the logarithm of the rate. The
        medians of a tenth of the steps are judged, so that a few odd batches do not matter.
    reason : str or None
        Why there is no suggestion, where there is none.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> found = dr.learning_rate_range(net, X, y, optimizer="adam", steps=50)
    >>> found.rates.shape, found.losses.shape
    ((41,), (41,))
    """

    rates: Array
    losses: Array
    suggestion: float | None
    reason: str | None = None

    def __repr__(self) -> str:
        steps = f"{len(self.rates)} steps"
        if len(self.rates):
            steps += f" from {self.rates[0]:.3g} to {self.rates[-1]:.3g}"
        found = self.reason if self.suggestion is None else f"suggestion {self.suggestion:.3g}"
        return f"LearningRateRange({steps}: {found})"

    def _repr_html_(self) -> str:
        some = len(self.rates) > 0
        told = {
            "first rate": self.rates[0] if some else None,
            "last rate": self.rates[-1] if some else None,
            "rate of the least loss": self.rates[np.argmin(self.losses)] if some else None,
            "suggestion": self.suggestion,
        }
        values = [Right("" if rate is None else f"{rate:.3g}") for rate in told.values()]
        title = f"Learning-rate range of {len(self.rates)} steps"
        reason = [] if self.reason is None else [self.reason]
        return as_html({"": list(told), "learning rate": values}, title, reason)

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
        return curves.learning_rate_range(self.rates, self.losses, self.suggestion, ax)


class _Watch:
    """Takes down each step's cost, and stops when the rates are at an end or the loss blows up."""

    def __init__(self, steps: int) -> None:
        self._steps, self._window = steps, _window_of(steps)
        self._mean, self._least = 0.0, np.inf
        self.costs: list[float] = []
        self.losses: list[float] = []

    def on_step_end(self, run: TrainingRun) -> None:
        self.costs.append(run.cost)
        self._mean = _SMOOTHING * self._mean + (1 - _SMOOTHING) * run.cost
        self.losses.append(self._mean / (1 - _SMOOTHING ** len(self.costs)))
        if len(self.costs) == self._steps or self._blown_up():
            run.stop()

    def _blown_up(self) -> bool:
        """Whether most of the latest batches say so; a single one may be odd."""
        if len(self.costs) < self._window:
            return False
        now = float(np.median(self.costs[-self._window :]))
        self._least = min(self._least, now)
        return now - self._least > (_BLOWN_UP - 1) * abs(self._least)


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
    the loss, a median over a tenth of the steps, has risen to four times its least. Network and
    optimizer stay as they are.

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
        Such as ``loss``, ``batch_size``, ``shuffle``, ``sampling``, ``sample_weight`` and
        ``class_weight``, as in ``fit``.

    Returns
    -------
    LearningRateRange

    Raises
    ------
    ValueError, TypeError
        As ``fit``, where there is no way up from ``lowest`` to ``highest``, and for an optimizer
        without a learning rate.

    References
    ----------
    Smith 2017, "Cyclical Learning Rates for Training Neural Networks", section 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(200, 2))
    >>> net = dr.Network([dr.Dense(16, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> found = dr.learning_rate_range(net, X, X[:, 0] * X[:, 1], optimizer="adam")
    >>> 1e-4 < found.suggestion < 1.0
    True
    """
    where = "learning_rate_range"
    steps = expect_count(steps, f"{where}: steps", least=2)
    for name in sorted({"epochs", "callbacks", "resume"} & options.keys()):
        raise TypeError(f"{where}: {name} is the test's own: expected steps, lowest and highest")
    if not (is_number(lowest) and is_number(highest)):
        raise TypeError(
            f"{where}: lowest is {lowest!r} and highest is {highest!r}: expected two numbers"
        )
    if not 0 < lowest < highest < np.inf:
        raise ValueError(
            f"{where}: lowest is {lowest!r} and highest is {highest!r}: expected two numbers above "
            "0, the second one larger"
        )
    optimizer = as_optimizer(optimizer)
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"{where}: optimizer is {type(optimizer).__name__}, which has no learning rate: "
            "expected one that makes steps, such as 'adam'"
        )
    network, optimizer = copy.deepcopy(network), copy.deepcopy(optimizer)
    rates = np.geomspace(lowest, highest, steps)
    first = optimizer.step
    any_optimizer: Any = optimizer
    any_optimizer.learning_rate = lambda step: rates[min(step - first, steps - 1)]
    watch = _Watch(steps)
    with suppress(TrainingDivergedError):  # an answer, too: those before it can be borne
        fit(network, X, y, optimizer=optimizer, epochs=steps, callbacks=[watch], **options)
    found, reason = _steepest(rates, np.array(watch.costs))
    losses = np.array(watch.losses)
    return LearningRateRange(rates[: len(losses)], losses, found, reason)


def _window_of(steps: int) -> int:
    """Over how many steps there is a median: a tenth of the test, an odd number."""
    return max(steps // 10, 2) // 2 * 2 + 1


def _steepest(rates: Array, costs: Array) -> tuple[float | None, str | None]:
    """The rate in the middle of that tenth of the test over which the loss falls most, or why not.

    What counts is how far the least of the running medians falls: the way back from a few odd
    batches is no fall below what has been.
    """
    window, n = _window_of(len(rates)), len(costs)
    if n < 2 * window:
        return None, f"the test ended after {n} of {len(rates)} steps, before a fall could be seen"
    half = window // 2
    medians = [np.median(costs[max(0, i - half) : i + half + 1]) for i in range(n)]
    medians[:window] = [np.median(costs[: 2 * window])] * window  # the level at the beginning
    least = np.minimum.accumulate(medians)
    # The noise of one batch, by the differences of neighbours, which a slow fall hardly moves, as a
    # standard deviation; and that of a median of several, were they normal.
    noise = 1.48 * float(np.median(np.abs(np.diff(costs)))) / np.sqrt(2)
    fall = float(least[0] - least[-1])
    if not fall > _BEYOND_NOISE * 1.25 * noise / np.sqrt(window):
        return None, "the loss did not fall further than it varies from batch to batch"
    falls = least[:-window] - least[window:]
    return float(rates[int(falls.argmax()) + half]), None


# Where users find them.
for _each in (LearningRateRange, learning_rate_range):
    _each.__module__ = "deltarule"
