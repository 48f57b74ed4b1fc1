"""Columns of dates and times: how long ago, and where in the year, the week and the day."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.parts import Parts, flag, refuse
from deltarule.tabular.raw.columns import DAY, Column, Times
from deltarule.tabular.raw.readings import Place, as_times

# What comes round again, and how many of its units do.
PERIODS = {"month": 12, "weekday": 7, "hour": 24}


@dataclass(frozen=True)
class Date:
    """A column of moments.

    The days since 1970 are a number, and so is the year where it varies. Where they vary, the
    month, the day of the week and the hour are each a sine and a cosine, so that December is beside
    January. Where a moment is missing, these are 0 and the numbers have their medians' places.
    Moments that have a zone are taken in UTC.
    """

    kind: ClassVar[str] = "date"
    categories: ClassVar[int | None] = None

    name: str
    zoned: bool
    elapsed: Number
    year: Number | None
    periods: list[str]
    indicator: bool

    @property
    def outputs(self) -> list[str]:
        """The names of the columns that it becomes."""
        names = ["days"] + ["year"] * (self.year is not None)
        names += [f"{period} {part}" for period in self.periods for part in ("sin", "cos")]
        return [f"{self.name} {each}" for each in names + ["missing"] * self.indicator]

    @property
    def numbers(self) -> list[int]:
        """Those of them that hold numbers on a scale."""
        return [0] if self.year is None else [0, 1]

    @classmethod
    def fitted(cls, name: str, times: Times, scaling: str) -> Date | None:
        """Of moments; None where no two differ."""
        elapsed = Number.fitted(name, _days(times), scaling)
        if elapsed is None:
            return None
        year = Number.fitted(name, _years(times), scaling)
        there = times.ticks[~times.missing]
        periods = [each for each in PERIODS if np.ptp(_turned(there, each)) > 0]
        return cls(name, times.zoned, elapsed, year, periods, bool(times.missing.any()))

    def encode(self, column: Column, place: Place, out: Array) -> None:
        """Write a column's moments to the columns of ``out``, which are 0."""
        times = as_times(column, place, self.zoned)
        self.elapsed.write(_days(times), out)
        at = 1
        if self.year is not None:
            self.year.write(_years(times), out[:, 1:])
            at = 2
        there = ~times.missing
        for period in self.periods:
            angle = _turned(times.ticks, period) * (2 * np.pi / PERIODS[period])
            out[:, at], out[:, at + 1] = np.sin(angle) * there, np.cos(angle) * there
            at += 2
        if self.indicator:
            out[:, at] = times.missing

    def encode_one(self, value: object, spellings: Collection[str]) -> list[float] | None:
        """None, as a single moment takes the long way."""
        return None

    def told(self) -> tuple[str, str]:
        """What was found, and what it becomes, in words."""
        least, most = (
            np.datetime64(int(day), "D") for day in (self.elapsed.least, self.elapsed.most)
        )
        parts = ["days"] + ["year"] * (self.year is not None) + self.periods
        found = f"date, {least} to {most}" + " in UTC" * self.zoned
        return found, ", ".join(parts) + ", and whether it is missing" * self.indicator

    def parts(self) -> Parts:
        """Its state, for a file."""
        elapsed, year = self.elapsed.floats(), [] if self.year is None else self.year.floats()
        there = [period in self.periods for period in PERIODS]
        return Parts.of([self.zoned, self.indicator, *there, len(elapsed)], elapsed + year)

    @classmethod
    def of_parts(cls, name: str, parts: Parts, scaling: str) -> Date:
        """From a file's state."""
        parts.expect_no(name, texts=True)
        *flags, count = parts.flags(3 + len(PERIODS), name)
        zoned, indicator, *there = (flag(each, name) for each in flags)
        if not 3 <= count <= len(parts.floats):
            refuse(name, f"{count} numbers of days", f"3 to {len(parts.floats)}")
        of_year = parts.floats[count:]
        elapsed = Number.of_floats(name, parts.floats[:count], scaling, False)
        if max(abs(elapsed.least), abs(elapsed.most)) > _MOST_DAYS:
            refuse(name, "days further than there are dates", f"{_MOST_DAYS} or less")
        year = Number.of_floats(name, of_year, scaling, False) if len(of_year) else None
        periods = [period for period, is_there in zip(PERIODS, there, strict=True) if is_there]
        return cls(name, zoned, elapsed, year, periods, indicator)


_MOST_DAYS = 2**63 // DAY


def _days(times: Times) -> Array:
    """Days since 1970, NaN where a moment is missing."""
    return np.where(times.missing, np.nan, times.ticks / DAY)


def _years(times: Times) -> Array:
    years = times.ticks.astype("datetime64[us]").astype("datetime64[Y]").astype(np.float64)
    return np.where(times.missing, np.nan, years + 1970)


def _turned(ticks: Array, period: str) -> Array:
    """How far a year, a week or a day has come: whole months and days, and hours with a fraction.

    1970 began on a Thursday.
    """
    if period == "month":
        months: Array = ticks.astype("datetime64[us]").astype("datetime64[M]").astype(np.int64) % 12
        return months
    if period == "weekday":
        weekdays: Array = (ticks // DAY + 3) % 7
        return weekdays
    hours: Array = ticks % DAY / 3_600_000_000
    return hours
