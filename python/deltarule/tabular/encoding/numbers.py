"""Columns of numbers: on one scale, with the median in the place of what is missing."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from math import nan
from typing import ClassVar

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.encoding.parts import Parts, flag, refuse
from deltarule.tabular.encoding.scaling import SCALINGS, Scaling
from deltarule.tabular.raw.columns import Column
from deltarule.tabular.raw.readings import Place, as_numbers, numbers_in

# What is larger counts as infinite: its square is still finite in float64.
INFINITE = 1e100


@dataclass(frozen=True)
class Number:
    """A column of numbers.

    What is missing has the median's place, and a column of its own that says so where something
    was missing in fit. Infinite numbers have that of the greatest or the least number of fit.
    """

    kind: ClassVar[str] = "number"
    categories: ClassVar[int | None] = None

    name: str
    scaling: Scaling
    median: float
    least: float
    most: float
    indicator: bool

    @property
    def outputs(self) -> list[str]:
        """The names of the columns that it becomes."""
        return [self.name, f"{self.name} missing"][: 1 + self.indicator]

    @property
    def numbers(self) -> list[int]:
        """Those of them that hold numbers on a scale."""
        return [0]

    @classmethod
    def fitted(cls, name: str, values: Array, scaling: str) -> Number | None:
        """Of numbers, NaN where one is missing; None where no two finite ones differ."""
        ordered = np.sort(values[np.abs(values) <= INFINITE])
        if not len(ordered) or ordered[0] == ordered[-1]:
            return None
        return cls(
            name,
            SCALINGS[scaling].fitted(ordered),
            float(np.median(ordered)),
            float(ordered[0]),
            float(ordered[-1]),
            bool(np.isnan(values).any()),
        )

    def encode(self, column: Column, place: Place, out: Array) -> None:
        """Write a column's numbers to the columns of ``out``."""
        values = as_numbers(column, place)
        self.write(values, out)
        if self.indicator:
            out[:, 1] = np.isnan(values)

    def write(self, values: Array, out: Array) -> None:
        """Write the scaled numbers alone, to the first column."""
        missing, beyond = np.isnan(values), np.abs(values) > INFINITE
        if missing.any():
            values = np.where(missing, self.median, values)
        if beyond.any():
            values = np.where(beyond, np.clip(values, self.least, self.most), values)
        out[:, 0] = self.scaling.scale(values)

    def encode_one(self, value: object, spellings: Collection[str]) -> list[float] | None:
        """The same of a single value, to the bit; None for one that takes the long way."""
        x = _number(value, spellings)
        if x is None:
            return None
        missing = x != x
        if missing:
            x = self.median
        elif abs(x) > INFINITE:
            x = min(max(x, self.least), self.most)
        return [self.scaling.scale_one(x), float(missing)][: 1 + self.indicator]

    def told(self) -> tuple[str, str]:
        """What was found, and what it becomes, in words."""
        found = f"number, {self.least:.4g} to {self.most:.4g}"
        return found, self.scaling.words + ", and whether it is missing" * self.indicator

    def floats(self) -> list[float]:
        """Its numbers, for a file."""
        return [self.median, self.least, self.most, *self.scaling.floats()]

    def parts(self) -> Parts:
        """Its state, for a file."""
        return Parts.of([self.indicator], self.floats())

    @classmethod
    def of_parts(cls, name: str, parts: Parts, scaling: str) -> Number:
        """From a file's state."""
        parts.expect_no(name, texts=True)
        [indicator] = parts.flags(1, name)
        return cls.of_floats(name, parts.floats, scaling, flag(indicator, name))

    @classmethod
    def of_floats(cls, name: str, floats: Array, scaling: str, indicator: bool) -> Number:
        """From a file's numbers, which are finite."""
        scale = SCALINGS[scaling].of_floats(floats[3:]) if len(floats) > 3 else None
        if scale is None:
            refuse(name, "numbers that make no scale", f"those of {scaling!r}")
        median, least, most = map(float, floats[:3])
        if not -INFINITE <= least <= median <= most <= INFINITE:
            refuse(name, f"a median of {median}, between {least} and {most}", "it to be so")
        return cls(name, scale, median, least, most, indicator)


def _number(value: object, spellings: Collection[str]) -> float | None:
    """A single value as a number, NaN where it is missing; None for one of another type."""
    if type(value) is float:
        return value
    if type(value) is int and abs(value) < 2**63:
        return float(value)
    if value is None or (type(value) is str and value.strip().casefold() in spellings):
        return nan
    if type(value) is str:
        numbers, bad = numbers_in([value])
        return float(numbers[0]) if bad is None else None
    return None
