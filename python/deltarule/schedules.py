"""Learning rates that change with time.

A schedule stands where an optimizer takes its learning rate::

    optimizer = Adam(schedules.WarmUp(schedules.Cosine(1e-3, 10_000), 500))

and ``fit`` hands the core a rate a step. Time counts from 0: the steps that the optimizer has made
or, with ``per="epoch"``, the epochs. In a loop of your own ``schedule(t)`` is the rate at time
``t``. A new schedule is a class with one function, ``rates``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count, is_number
from deltarule._monitor import mode_of, monitored
from deltarule._rates import LearningRate as LearningRate
from deltarule._rates import Schedule as Schedule


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at all times: ``initial``.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.Constant(0.1)
    >>> [round(float(rate(step)), 4) for step in [0, 100]]
    [0.1, 0.1]
    """

    initial: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial")

    def rates(self, t: Array) -> Array:  # noqa: D102 -- the base class says it
        return np.full(len(t), float(self.initial))


@dataclass(frozen=True)
class StepDecay(Schedule):
    """Multiplied by ``factor`` every so often: ``initial factor^floor(t / every)``.

    As PyTorch's StepLR.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.StepDecay(0.1, every=10)
    >>> [round(float(rate(step)), 4) for step in [0, 9, 10, 20]]
    [0.1, 0.1, 0.01, 0.001]
    """

    initial: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "factor")
        self._expect_counts("every")

    def rates(self, t: Array) -> Array:  # noqa: D102
        rates: Array = self.initial * np.power(float(self.factor), t // self.every)
        return rates


@dataclass(frozen=True)
class MultiStep(Schedule):
    """Multiplied by ``factor`` at each milestone: ``initial factor^(milestones at or before t)``.

    As PyTorch's MultiStepLR.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.MultiStep(0.1, (10, 30))
    >>> [round(float(rate(step)), 4) for step in [0, 10, 30]]
    [0.1, 0.01, 0.001]
    """

    initial: float
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "factor")
        if not isinstance(self.milestones, (Sequence, np.ndarray)) or isinstance(
            self.milestones, str
        ):
            raise TypeError(
                f"MultiStep: milestones is {self.milestones!r}: expected several times, such as "
                "(1000, 2000)"
            )
        for index, milestone in enumerate(self.milestones):
            expect_count(milestone, f"MultiStep: milestones[{index}]", least=0)
        object.__setattr__(self, "milestones", tuple(sorted(map(int, self.milestones))))

    def rates(self, t: Array) -> Array:  # noqa: D102
        passed = np.searchsorted(np.array(self.milestones, np.int64), t, side="right")
        return self.initial * np.power(float(self.factor), passed)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Multiplied by ``factor`` each time: ``initial factor^t``.

    As PyTorch's ExponentialLR.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.Exponential(0.1, 0.9)
    >>> [round(float(rate(step)), 4) for step in [0, 1, 10]]
    [0.1, 0.09, 0.0349]
    """

    initial: float
    factor: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "factor")

    def rates(self, t: Array) -> Array:  # noqa: D102
        return self.initial * np.power(float(self.factor), t)


@dataclass(frozen=True)
class InverseTime(Schedule):
    """``initial / (1 + decay t)`` (Robbins & Monro 1951: sums to infinity, its squares do not).

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.InverseTime(0.1, 0.5)
    >>> [round(float(rate(step)), 4) for step in [0, 2, 8]]
    [0.1, 0.05, 0.02]
    """

    initial: float
    decay: float

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "decay")

    def rates(self, t: Array) -> Array:  # noqa: D102
        return self.initial / (1 + self.decay * t)


@dataclass(frozen=True)
class Polynomial(Schedule):
    """``final + (initial - final) (1 - t / duration)^power``; from ``duration`` on, ``final``.

    As PyTorch's PolynomialLR, whose ``final`` is 0. With power 1 a straight line.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.Polynomial(0.1, 100, power=2.0)
    >>> [round(float(rate(step)), 4) for step in [0, 50, 100]]
    [0.1, 0.025, 0.0]
    """

    initial: float
    duration: int
    power: float = 1.0
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "power", "final")
        self._expect_counts("duration")

    def rates(self, t: Array) -> Array:  # noqa: D102
        left = 1 - np.minimum(t, self.duration) / self.duration
        return self.final + (self.initial - self.final) * np.power(left, float(self.power))


@dataclass(frozen=True)
class Cosine(Schedule):
    """``final + (initial - final) (1 + cos(pi t / duration)) / 2``; then it stays at ``final``.

    Loshchilov & Hutter 2017, equation 5, without restarts. As PyTorch's CosineAnnealingLR up to
    ``duration``, after which that one rises again.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.Cosine(0.1, 100)
    >>> [round(float(rate(step)), 4) for step in [0, 50, 100]]
    [0.1, 0.05, 0.0]
    """

    initial: float
    duration: int
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "final")
        self._expect_counts("duration")

    def rates(self, t: Array) -> Array:  # noqa: D102
        return _cosine(self.initial, self.final, np.minimum(t, self.duration) / self.duration)


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """A cosine that begins anew after ``duration``, then after ``duration growth``, and so on.

    ``final + (initial - final) (1 + cos(pi t_i / T_i)) / 2`` with ``t_i`` the time since the last
    restart and ``T_i`` that from one to the next (Loshchilov & Hutter 2017, equation 5). As
    PyTorch's CosineAnnealingWarmRestarts.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.CosineRestarts(0.1, 10, growth=2)
    >>> [round(float(rate(step)), 4) for step in [0, 5, 10, 20]]
    [0.1, 0.05, 0.1, 0.05]
    """

    initial: float
    duration: int
    growth: int = 1
    final: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "final")
        self._expect_counts("duration", "growth")

    def rates(self, t: Array) -> Array:  # noqa: D102
        if self.growth == 1:
            return _cosine(self.initial, self.final, t % self.duration / self.duration)
        starts, length, latest = [0], self.duration, int(t.max(initial=0))
        while starts[-1] + length <= latest:  # whole numbers, so that no restart is missed by one
            starts.append(starts[-1] + length)
            length *= self.growth
        cycle = np.searchsorted(np.array(starts), t, side="right") - 1
        lengths = self.duration * np.power(self.growth, np.arange(len(starts)))
        return _cosine(self.initial, self.final, (t - np.array(starts)[cycle]) / lengths[cycle])


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up to ``maximum`` and down again, once, each way half a wave of a cosine.

    From ``maximum / start_divisor`` to ``maximum`` at time ``rise duration - 1``, and from there to
    ``maximum / (start_divisor end_divisor)`` at ``duration - 1``, where it stays (Smith & Topin
    2018). As PyTorch's OneCycleLR, momentum left alone.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.OneCycle(0.1, 100)
    >>> [round(float(rate(step)), 4) for step in [0, 30, 99]]
    [0.004, 0.0999, 0.0]
    """

    maximum: float
    duration: int
    rise: float = 0.3
    start_divisor: float = 25.0
    end_divisor: float = 1e4

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("maximum")
        self._expect_counts("duration")
        self._expect_numbers("rise", below=1)
        self._expect_numbers("start_divisor", "end_divisor", above=0)

    def rates(self, t: Array) -> Array:  # noqa: D102
        peak, end = self.rise * self.duration - 1, self.duration - 1
        start = self.maximum / self.start_divisor
        rising = t / peak if peak > 0 else np.ones(len(t))
        falling = np.minimum((t - peak) / (end - peak), 1)
        return np.where(
            t <= peak,
            _cosine(start, self.maximum, np.minimum(rising, 1)),
            _cosine(self.maximum, start / self.end_divisor, np.maximum(falling, 0)),
        )


@dataclass(frozen=True)
class WarmUp(Schedule):
    """A straight line up to another schedule's first rate, and then that schedule.

    ``then(0) (start + (1 - start) t / duration)`` before ``duration``, ``then(t - duration)`` from
    there on (Goyal et al. 2017, section 2.2). As PyTorch's LinearLR and SequentialLR.

    Parameters
    ----------
    then : Schedule, float or callable
        Its ``per`` is also that of the warm-up.
    duration : int
    start : float
        What part of ``then(0)`` to begin with, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.WarmUp(schedules.Constant(0.1), 10, start=0.1)
    >>> [round(float(rate(step)), 4) for step in [0, 5, 10, 50]]
    [0.01, 0.055, 0.1, 0.1]
    """

    then: Any
    duration: int
    start: float = 1 / 3
    per: str = field(default="step", init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "then", as_schedule(self.then, "WarmUp: then"))
        object.__setattr__(self, "per", self.then.per)
        super().__post_init__()
        self._expect_counts("duration")
        self._expect_numbers("start")
        if self.start > 1:
            raise ValueError(f"WarmUp: start is {self.start!r}: expected 0 to 1")

    def rates(self, t: Array) -> Array:  # noqa: D102
        early = t < self.duration
        rates = np.empty(len(t))
        ramp = self.start + (1 - self.start) * (t[early] / self.duration)
        rates[early] = self.then(0) * ramp
        rates[~early] = self.then.rates(t[~early] - self.duration)
        return rates

    @property
    def monitor(self) -> str | None:
        """What the schedule after the warm-up watches, if it does."""
        return getattr(self.then, "monitor", None)

    def end_epoch(self, record: Mapping[str, float]) -> None:  # noqa: D102
        self.then.end_epoch(record)

    def state(self) -> dict[str, Any]:  # noqa: D102
        state: dict[str, Any] = self.then.state()
        return state

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        self.then.restore(state)


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Multiplied by ``factor`` when more than ``patience`` epochs in a row brought nothing better.

    As PyTorch's ReduceLROnPlateau, but for values below zero, where PyTorch's margin has the wrong
    sign. What it remembers belongs to one training: give each optimizer one of its own.

    Parameters
    ----------
    initial : float
    monitor : str
        What to watch: a name in the history, such as ``"loss"`` or ``"val_accuracy"``.
    factor : float
        Below 1.
    patience, cooldown : int
        Epochs without a better value that are borne; epochs after a reduction that do not count.
    threshold : float
        Better means by more than this part of the best value, whichever sign that has.
    mode : {"min", "max"}, optional
        Whether small or large values are good; by default what the name says, if it does: small
        losses and errors, large accuracies and other scores.
    final : float
        The least rate.

    Raises
    ------
    TypeError, ValueError
        For a number out of its range, and for a ``monitor`` that says nothing about the mode.

    Examples
    --------
    >>> import deltarule as dr
    >>> rate = dr.schedules.ReduceOnPlateau(0.1, "loss", patience=1, factor=0.5)
    >>> net = dr.Network([dr.Dense(1)], input_size=1, seed=0)
    >>> history = net.fit([[0.0], [0.0]], [0.0, 1.0], optimizer=dr.SGD(rate), epochs=60)
    >>> history["learning_rate"][0], history["learning_rate"][-1] < 0.1
    (0.1, True)
    """

    initial: float
    monitor: str = "val_loss"
    factor: float = 0.1
    patience: int = 10
    cooldown: int = 0
    threshold: float = 1e-4
    mode: str | None = None
    final: float = 0.0
    per: str = field(default="step", init=False, repr=False)
    _now: dict[str, Any] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._expect_numbers("initial", "threshold", "final")
        self._expect_numbers("factor", below=1)
        self._expect_counts("patience", "cooldown", least=0)
        object.__setattr__(self, "mode", mode_of(self.monitor, self.mode, "ReduceOnPlateau"))
        best = np.inf if self.mode == "min" else -np.inf
        self._now.update(rate=float(self.initial), best=best, bad_epochs=0, cooldown_left=0)

    def rates(self, t: Array) -> Array:  # noqa: D102
        # A warm-up asks for the rate at time 0 whenever it is asked, so the rate of now is right.
        return np.full(len(t), self._now["rate"])

    def observe(self, value: float) -> None:
        """Take note of an epoch's value, in a loop of one's own."""
        now = self._now
        if self._better(value, now["best"]):
            now["best"], now["bad_epochs"] = float(value), 0
        else:
            now["bad_epochs"] += 1
        if now["cooldown_left"] > 0:
            now["cooldown_left"] -= 1
            now["bad_epochs"] = 0
        if now["bad_epochs"] > self.patience:
            now["rate"] = max(now["rate"] * self.factor, min(self.final, now["rate"]))
            now["cooldown_left"], now["bad_epochs"] = self.cooldown, 0

    def _better(self, value: float, best: float) -> bool:
        if not np.isfinite(best):
            return value < best if self.mode == "min" else value > best
        margin = math.copysign(self.threshold, best)  # times best: how much better it must be
        if self.mode == "min":
            return value < best * (1 - margin)
        return value > best * (1 + margin)

    def end_epoch(self, record: Mapping[str, float]) -> None:  # noqa: D102
        self.observe(monitored(record, self.monitor, "ReduceOnPlateau"))

    def state(self) -> dict[str, Any]:  # noqa: D102
        return dict(self._now)

    def restore(self, state: Mapping[str, Any]) -> None:  # noqa: D102
        found = {name: state[name] for name in self._now}
        for name, now in self._now.items():
            if type(found[name]) is not type(now):
                raise TypeError(f"{name} is {found[name]!r}: expected a {type(now).__name__}")
        self._now.update(found)


@dataclass(frozen=True)
class Function(Schedule):
    """Any Python function of the time, which may also be handed to an optimizer as it is.

    Raises
    ------
    TypeError
        For what is no function.

    Examples
    --------
    >>> from deltarule import schedules
    >>> rate = schedules.Function(lambda step: 0.1 / (1 + step))
    >>> [round(float(rate(step)), 4) for step in [0, 1, 4]]
    [0.1, 0.05, 0.02]
    """

    function: Callable[[int], float]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise TypeError(
                f"Function: function is {self.function!r}: expected a function of the step"
            )

    def rates(self, t: Array) -> Array:  # noqa: D102
        return np.array([float(self.function(int(time))) for time in t], np.float64)


SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind
    for kind in (
        Constant,
        StepDecay,
        MultiStep,
        Exponential,
        InverseTime,
        Polynomial,
        Cosine,
        CosineRestarts,
        OneCycle,
        WarmUp,
        ReduceOnPlateau,
        Function,
    )
}


def as_schedule(rate: Any, what: str = "learning_rate") -> Schedule:
    """A schedule as it is, a function as a schedule, a number as a constant.

    Raises
    ------
    TypeError
        For something else.
    """
    if isinstance(rate, Schedule):
        return rate
    if callable(rate):
        return Function(rate)
    if is_number(rate):
        return Constant(float(rate))
    raise TypeError(f"{what} is {rate!r}: expected a number, a schedule or a function of the step")


def _cosine(start: float, end: float, part: Array) -> Array:
    """Half a wave from ``start``, where ``part`` is 0, to ``end``, where it is 1."""
    return end + (start - end) * (1 + np.cos(np.pi * part)) / 2
