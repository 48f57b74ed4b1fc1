"""What a column of a table may be, whatever library it is from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from deltarule._arrays import Array


@dataclass(frozen=True)
class Numbers:
    """Real numbers.

    Attributes
    ----------
    values : ndarray of float64
        NaN where one is missing.
    categorical : bool
        Whether the library says that they are categories.
    """

    values: Array
    categorical: bool = False

    def __len__(self) -> int:
        return len(self.values)

    def taken(self, codes: Array) -> Numbers:
        """The values at some places, NaN at place -1."""
        return replace(self, values=np.append(self.values, np.nan)[codes])


@dataclass(frozen=True)
class Levels:
    """Text, or True and False: each different one once, and where it stands.

    Attributes
    ----------
    codes : ndarray of int
        A row's place in ``levels``; -1 where it is missing.
    levels : list of str
    logical : bool
        Whether they stand for False and True.
    categorical : bool
        Whether the library says that they are categories.
    """

    codes: Array
    levels: list[str]
    logical: bool = False
    categorical: bool = False

    def __len__(self) -> int:
        return len(self.codes)

    def taken(self, codes: Array) -> Levels:
        """The values at some places, none at place -1."""
        return replace(self, codes=np.append(self.codes, -1)[codes])


@dataclass(frozen=True)
class Times:
    """Moments, in microseconds since 1970.

    Attributes
    ----------
    ticks : ndarray of int64
    missing : ndarray of bool
    zoned : bool
        Whether they are moments of a zone, which are taken in UTC, or what a clock shows.
    """

    ticks: Array
    missing: Array
    zoned: bool = False

    def __len__(self) -> int:
        return len(self.ticks)

    def taken(self, codes: Array) -> Times:
        """The values at some places, none at place -1."""
        missing = np.append(self.missing, True)[codes]
        return replace(self, ticks=np.append(self.ticks, 0)[codes], missing=missing)


@dataclass(frozen=True)
class Nothing:
    """No value in any row, whatever type the column has."""

    m: int

    def __len__(self) -> int:
        return self.m

    def taken(self, codes: Array) -> Nothing:
        """As many as there are places."""
        return Nothing(len(codes))


@dataclass(frozen=True)
class Other:
    """What no network is made for, such as lists; ``holds`` says what it is."""

    m: int
    holds: str

    def __len__(self) -> int:
        return self.m

    def taken(self, codes: Array) -> Other:
        """As many as there are places."""
        return Other(len(codes), self.holds)


Column: TypeAlias = Numbers | Levels | Times | Nothing | Other

_COARSE = ("Y", "M", "W", "D", "h", "m", "s", "ms")
DAY = 86_400_000_000  # in microseconds


def numbers(values: Any, *, categorical: bool = False) -> Numbers | Nothing:
    """A column of real numbers of any type."""
    held = np.asarray(values, np.float64)
    return Nothing(len(held)) if np.isnan(held).all() else Numbers(held, categorical)


def truths(values: Array, missing: Array | None = None) -> Levels:
    """A column of True and False."""
    codes = values.astype(np.int8)
    if missing is not None:
        codes[missing] = -1
    return Levels(codes, ["False", "True"], logical=True)


def times(values: Array, *, zoned: bool = False) -> Times | Nothing | Other:
    """A column of NumPy's moments of any unit; a fraction of a microsecond is cut off."""
    missing = np.isnat(values)
    if missing.all():
        return Nothing(len(values))
    moments = values.astype("datetime64[us]")
    # What a coarse unit has may be too far away, and come round again.
    coarse = np.datetime_data(values.dtype)[0] in _COARSE
    if coarse and (moments.astype(values.dtype) != values)[~missing].any():
        return Other(len(values), "dates that are too far away to be counted in microseconds")
    ticks = moments.astype(np.int64)
    ticks[missing] = 0
    return Times(ticks, missing, zoned)


def durations(values: Array) -> Numbers | Nothing:
    """A column of NumPy's durations of any unit, as numbers of days."""
    days = values.astype("timedelta64[us]").astype(np.float64) / DAY
    days[np.isnat(values)] = np.nan
    return numbers(days)
