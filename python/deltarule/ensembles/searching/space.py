"""What a search draws from: a range of numbers, or a list of choices."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from deltarule._checks import expect_flag, expect_in_range, expect_integer


@dataclass(frozen=True)
class Uniform:
    """A number between two bounds, any as likely as another.

    Parameters
    ----------
    low, high : float

    Raises
    ------
    TypeError, ValueError
        For bounds that are no finite numbers, or do not rise.

    Examples
    --------
    >>> space = {"dropout": Uniform(0.0, 0.5)}
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            expect_in_range(getattr(self, name), f"Uniform: {name}")
        _expect_rising(self)

    def _draw(self, generator: np.random.Generator) -> float:
        return _between(generator.random(), float(self.low), float(self.high))


@dataclass(frozen=True)
class LogUniform:
    """A number between two bounds, any order of magnitude as likely as another.

    Parameters
    ----------
    low, high : float
        Above 0.

    Raises
    ------
    TypeError, ValueError
        For bounds that are no finite numbers above 0, or do not rise.

    Examples
    --------
    >>> space = {"learning_rate": LogUniform(1e-4, 1e-1)}
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            expect_in_range(getattr(self, name), f"LogUniform: {name}", above=0)
        _expect_rising(self)

    def _draw(self, generator: np.random.Generator) -> float:
        exponent = _between(generator.random(), math.log(self.low), math.log(self.high))
        return min(max(math.exp(exponent), float(self.low)), float(self.high))


@dataclass(frozen=True)
class Integer:
    """A whole number between two bounds, which are among them.

    Parameters
    ----------
    low, high : int
    log : bool
        Any order of magnitude as likely as another, rather than any number; for bounds of 1 or
        more.

    Raises
    ------
    TypeError, ValueError
        For bounds that are no integers, do not rise, or have no logarithm where one is asked for.

    Examples
    --------
    >>> space = {"units": Integer(16, 256, log=True), "layers": Integer(1, 3)}
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            value = expect_integer(getattr(self, name), f"Integer: {name}")
            if not -(2**63) <= value < 2**63 - 1:
                raise ValueError(f"Integer: {name} is {value}: expected one of 64 bits")
        expect_flag(self.log, "Integer: log")
        _expect_rising(self)
        if self.log and self.low < 1:
            raise ValueError(f"Integer: low is {self.low} and log is True: expected 1 or more")

    def _draw(self, generator: np.random.Generator) -> int:
        if not self.log:
            return int(generator.integers(self.low, self.high, endpoint=True))
        # A whole number k stands for all numbers from k to k + 1.
        exponent = _between(generator.random(), math.log(self.low), math.log(self.high + 1))
        return min(max(int(math.exp(exponent)), int(self.low)), int(self.high))


# Of each parameter a Uniform, LogUniform or Integer, or a list of choices, all as likely.
# (A dictionary of these that stands in a variable is one of objects to a type checker.)
Space: TypeAlias = Mapping[str, Any]

_EXPECTED = (
    "expected deltarule.Uniform(low, high), LogUniform(low, high) or Integer(low, high), or a list "
    "of choices"
)


def expect_space(space: Space, where: str) -> None:
    """Hold a space to names of arguments, each with what to draw from.

    Raises
    ------
    TypeError, ValueError
        For what is no such dictionary, naming the parameter.
    """
    if not isinstance(space, Mapping):
        raise TypeError(
            f"{where}: space is a {type(space).__name__}: expected a dictionary, such as "
            "{'learning_rate': deltarule.LogUniform(1e-4, 1e-1)}"
        )
    if not space:
        raise ValueError(f"{where}: space is empty: expected one parameter or more")
    for name, values in space.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise TypeError(
                f"{where}: space has a parameter {name!r}: expected names that an argument can have"
            )
        if isinstance(values, list):
            if not values:
                raise ValueError(f"{where}: space[{name!r}] is an empty list: {_EXPECTED}")
        elif not isinstance(values, (Uniform, LogUniform, Integer)):
            raise TypeError(f"{where}: space[{name!r}] is {values!r}: {_EXPECTED}")


def draw(space: Space, generator: np.random.Generator) -> dict[str, Any]:
    """One value for each parameter, in their order."""
    return {
        name: values[generator.integers(len(values))]
        if isinstance(values, list)
        else values._draw(generator)
        for name, values in space.items()
    }


def is_by_magnitude(values: Any) -> bool:
    """Whether a picture of the values wants a logarithmic axis."""
    return isinstance(values, LogUniform) or (isinstance(values, Integer) and values.log)


def _between(fraction: float, low: float, high: float) -> float:
    return low * (1.0 - fraction) + high * fraction  # which does not overflow


def _expect_rising(values: Uniform | LogUniform | Integer) -> None:
    if not values.low < values.high:
        raise ValueError(
            f"{type(values).__name__}: low is {values.low!r} and high is {values.high!r}: "
            "expected a low that is less, or for one value alone a list of it"
        )


# Where users find them.
for _kind in (Uniform, LogUniform, Integer):
    _kind.__module__ = "deltarule"
