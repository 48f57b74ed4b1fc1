"""What an optimizer takes for its learning rate, and what that is at a step.

Apart from the kinds of schedules, as most trainings have a number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count, expect_in_range

# What an optimizer takes for its learning rate: a number, a schedule, or any function of the step.
LearningRate: TypeAlias = "float | Callable[[int], float]"


@dataclass(frozen=True)
class Schedule:
    """A learning rate as a function of time; every schedule has ``per`` as its last argument.

    Parameters
    ----------
    per : {"step", "epoch"}
        What time counts.

    Raises
    ------
    TypeError, ValueError
        For another ``per``.

    Examples
    --------
    >>> import deltarule as dr
    >>> rate = dr.schedules.Cosine(1e-2, 5, per="epoch")
    >>> isinstance(rate, dr.schedules.Schedule)
    True
    >>> net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    >>> history = net.fit([[0.0], [1.0]], [0.0, 2.0], optimizer=dr.SGD(rate), epochs=5)
    >>> [round(each, 4) for each in history["learning_rate"]]
    [0.01, 0.009, 0.0065, 0.0035, 0.001]
    """

    per: str = field(default="step", kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.per, str) or self.per not in ("step", "epoch"):
            error = ValueError if isinstance(self.per, str) else TypeError
            raise error(f"{self._name}: per is {self.per!r}: expected 'step' or 'epoch'")

    def __call__(self, time: int) -> float:
        """Compute the rate at one time."""
        return float(self.rates(np.array([time]))[0])

    def rates(self, t: Array) -> Array:
        """Compute the rate at each of several times, whole numbers from 0."""
        raise NotImplementedError

    def end_epoch(self, record: Mapping[str, float]) -> None:
        """Take note of an epoch's losses and metrics; most schedules need not."""

    def state(self) -> dict[str, Any]:
        """What the schedule remembers: nothing, if it is a function of time alone."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned."""

    @property
    def _name(self) -> str:
        return type(self).__name__

    def _expect_numbers(
        self, *names: str, above: float | None = None, below: float = np.inf
    ) -> None:
        """Hold fields to being numbers between two bounds, from 0 on if not told otherwise."""
        least = 0.0 if above is None else None
        for name in names:
            expect_in_range(
                getattr(self, name), f"{self._name}: {name}", least=least, above=above, below=below
            )

    def _expect_counts(self, *names: str, least: int = 1) -> None:
        for name in names:
            expect_count(getattr(self, name), f"{self._name}: {name}", least)


# Where users find it.
Schedule.__module__ = "deltarule.schedules"


def rates_of_steps(rate: LearningRate, first: int, count: int, epoch: int) -> Array | None:
    """The rates of ``count`` steps from step ``first`` on, in an epoch; None for a plain number.

    Raises
    ------
    ValueError
        For rates that are not finite, or below 0.
    """
    if not callable(rate):
        return None
    steps = np.arange(first, first + count)
    if not isinstance(rate, Schedule):  # a function of the step
        rates = np.array([float(rate(step)) for step in steps.tolist()], np.float64)
    elif rate.per == "epoch":
        rates = np.full(count, rate(epoch))
    else:
        rates = np.ascontiguousarray(rate.rates(steps), np.float64)
    bad = np.flatnonzero(~(np.isfinite(rates) & (rates >= 0)))
    if bad.size:
        raise ValueError(
            f"learning_rate: the schedule gives {rates[bad[0]]} at step {first + bad[0]}, epoch "
            f"{epoch}: expected a finite number, 0 or more"
        )
    return rates


def rate_now(rate: LearningRate, step: int, epochs: int) -> float:
    """The rate of the next step, after so many steps and epochs.

    Raises
    ------
    ValueError
        For a rate that is not finite, or below 0.
    """
    rates = rates_of_steps(rate, step, 1, epochs)
    return rate if rates is None else float(rates[0])  # type: ignore[return-value]
