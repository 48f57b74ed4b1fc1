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

DAY = 86_400_000_000  # in microseconds
_COARSE = ("Y", "M", "W", "D", "h", "m", "s", "ms")
TOO_FAR = "dates that are too far away to be counted in microseconds"
TOO_LONG = "durations that are too long to be counted in microseconds"


def settled(column: Column) -> Column:
    """A column as all see it: without levels that no row has, and nothing where no row has a value.

    Libraries keep the type of what is gone, and the names of categories that are.
    """
    match column:
        case Levels(codes=codes, levels=levels):
            there = np.bincount(codes + 1, minlength=len(levels) + 1)[1:] > 0
            if not there.any():
                return Nothing(len(codes))
            if column.logical or there.all():
                return column
            places = np.append(np.cumsum(there) - 1, -1)
            kept = [
                level for level, is_there in zip(levels, there.tolist(), strict=True) if is_there
            ]
            return replace(column, codes=places[codes], levels=kept)
        case Numbers(values=values) if len(values) and np.isnan(values).all():
            return Nothing(len(values))
        case Times(missing=missing) if len(missing) and missing.all():
            return Nothing(len(missing))
    return column


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
    if _comes_round(moments, values, missing):
        return Other(len(values), TOO_FAR)
    ticks = moments.astype(np.int64)
    ticks[missing] = 0
    return Times(ticks, missing, zoned)


def durations(values: Array) -> Numbers | Nothing | Other:
    """A column of NumPy's durations of any unit, as numbers of days."""
    missing = np.isnat(values)
    in_ticks = values.astype("timedelta64[us]")
    if _comes_round(in_ticks, values, missing):
        return Other(len(values), TOO_LONG)
    days = in_ticks.astype(np.float64) / DAY
    days[missing] = np.nan
    return numbers(days)


def _comes_round(in_ticks: Array, values: Array, missing: Array) -> bool:
    """Whether what a coarse unit has is too much for microseconds, and has come round again."""
    coarse = np.datetime_data(values.dtype)[0] in _COARSE
    return coarse and bool((in_ticks.astype(values.dtype) != values)[~missing].any())


def whole_ticks(values: Array, ticks: int) -> Array | None:
    """Whole numbers of a unit of so many microseconds in microseconds; None for too large ones."""
    most = np.iinfo(np.int64).max // ticks
    return values * ticks if (np.abs(values.clip(-most - 1, most + 1)) <= most).all() else None
