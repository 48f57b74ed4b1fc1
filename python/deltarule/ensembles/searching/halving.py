"""Successive halving: how many members each rung has, and how long it trains them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic
from typing import TypeAlias

from deltarule._checks import is_integer
from deltarule.ensembles.machines import in_use

# How many times the epochs that were timed a rung goes on by at the most: the first may be lucky.
_GROWTH = 9
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}

# Epochs to train, and the seconds within which that must be over, if it must.
Part: TypeAlias = tuple[int, float | None]


def sizes_of_rungs(trials: int) -> list[int]:
    """Members of each rung: the better half goes on to the next, until two have met."""
    sizes = [trials]
    while sizes[-1] > 2:
        sizes.append(-(-sizes[-1] // 2))
    return sizes


class Epochs:
    """A budget in epochs of all members together: the rungs have equal shares.

    Parameters
    ----------
    total : int
    sizes : list of int
        Members of each rung.

    Raises
    ------
    ValueError
        For a budget of which a member of the first rung gets no epoch, naming the least that does.
    """

    def __init__(self, total: int, sizes: list[int]) -> None:
        least = sizes[0] * len(sizes)
        if total < least:
            rungs = f"{len(sizes)} rung{'s' * (len(sizes) != 1)}"
            raise ValueError(
                f"search: budget is {total} epochs for {sizes[0]} trials on {rungs}: expected "
                f"{least} or more, which is an epoch each on the first rung, or fewer trials"
            )
        self.of_a_member: list[int] = []
        for rung, size in enumerate(sizes):  # what one leaves over goes to those after it
            each = total // (len(sizes) - rung) // size
            self.of_a_member.append(each)
            total -= each * size

    def parts(self, rung: int) -> Iterator[Part]:
        """The rung's epochs, in one go."""
        yield self.of_a_member[rung], None

    def is_spent(self) -> bool:
        """Whether to stop before the last rung."""
        return False


class Seconds:
    """A budget in seconds, which begin to count now: the rungs share what is left.

    Parameters
    ----------
    seconds : float
    rungs : int
    """

    def __init__(self, seconds: float, rungs: int) -> None:
        self._end = _now() + seconds
        self._rungs = rungs

    def parts(self, rung: int) -> Iterator[Part]:
        """An epoch, then as many as those before say that there is time for."""
        began = _now()
        share = (self._end - began) / (self._rungs - rung)
        epochs, done = 1, 0
        while epochs and (left := self._end - _now()) > 0:
            yield epochs, left
            done += epochs
            taken = _now() - began
            affordable = int((share - taken) * done / taken) if taken else _GROWTH * done
            epochs = min(max(affordable, 0), _GROWTH * done)

    def is_spent(self) -> bool:
        """Whether time is up."""
        return _now() >= self._end


def _now() -> float:
    """The time on the one clock that all go by."""
    return in_use().agreed(monotonic())


def as_budget(budget: int | str, sizes: list[int]) -> Epochs | Seconds:
    """Epochs, or a time such as "90s", "10min" or "1.5h", whose clock then runs.

    Raises
    ------
    TypeError, ValueError
        For something else, and for too few epochs.
    """
    expected = "expected epochs of all trials, such as 500, or a time: '90s', '10min', '2h'"
    if is_integer(budget):
        return Epochs(int(budget), sizes)
    if not isinstance(budget, str):
        raise TypeError(f"search: budget is {budget!r}: {expected}")
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|min|h)\s*", budget)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not seconds:
        raise ValueError(f"search: budget is {budget!r}: {expected}")
    return Seconds(seconds, len(sizes))
