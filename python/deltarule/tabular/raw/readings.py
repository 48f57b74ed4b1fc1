"""A column read as numbers, as moments or as levels, where every value of it can be."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, NoReturn

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.raw.columns import Column, Levels, Nothing, Numbers, Other, Times, times
from deltarule.tabular.raw.objects import as_text

_TIME = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?"
    r"\s*(?:(Z)|([+-])(\d\d):?(\d\d))?)?\s*",
    re.ASCII,
)
# float takes these, and nobody means a number by them.
_NO_NUMBER = re.compile(r"\s*[+-]?0\d|.*_", re.DOTALL)
_MOST_SHOWN = 60


class Place(NamedTuple):
    """Where a column is, for messages."""

    where: str
    what: str
    name: str

    def refuse(self, row: int, value: object, expected: str) -> NoReturn:
        """Say of a value what was expected in its place."""
        text = repr(value)
        if len(text) > _MOST_SHOWN:
            text = text[: _MOST_SHOWN - 3] + "..."
        self.refuse_all(f"[{row}] is {text}", expected)

    def refuse_all(self, received: str, expected: str) -> NoReturn:
        """Say of a column what was expected in its place."""
        raise ValueError(
            f"{self.where}: {self.what} column {self.name!r}{received}: expected {expected}"
        )


def without_missing(column: Column, spellings: Collection[str]) -> Column:
    """Text in which every spelling of what is missing is missing."""
    if not isinstance(column, Levels) or column.logical:
        return column
    places = np.full(len(column.levels) + 1, -1)
    levels: list[str] = []
    for place, level in enumerate(column.levels):
        if level.strip().casefold() not in spellings:
            places[place] = len(levels)
            levels.append(level)
    if not levels:
        return Nothing(len(column))
    if len(levels) == len(column.levels):
        return column
    return Levels(places[column.codes], levels, categorical=column.categorical)


# Numbers -----------------------------------------------------------------------------------------


def as_numbers(
    column: Column,
    place: Place,
    expected: str = "numbers, as the encoder takes the column for one of numbers",
) -> Array:
    """The numbers of a column, NaN where one is missing; of text, those that it spells."""
    match column:
        case Numbers():
            return column.values
        case Nothing():
            return np.full(len(column), np.nan)
        case Levels(logical=True):
            return np.array([0.0, 1.0, np.nan])[column.codes]
        case Levels():
            numbers, bad = numbers_in(column.levels)
            if bad is not None:
                row = _first_row(column, bad, lambda level: numbers_in([level])[1] is not None)
                place.refuse(row, column.levels[column.codes[row]], expected)
            return np.append(numbers, np.nan)[column.codes]
    return place.refuse_all(f" holds {held_by(column)}", expected)


def numbers_in(levels: Sequence[str]) -> tuple[Array, int | None]:
    """The numbers that texts spell, and the place of the first that spells none.

    What begins with a 0 and goes on with a digit is a code and no number, as "01234" is.
    """
    numbers = np.empty(len(levels))
    for place, level in enumerate(levels):
        try:
            numbers[place] = float(level)
        except ValueError:
            return numbers, place
        if _NO_NUMBER.match(level):
            return numbers, place
    return numbers, None


def _first_row(column: Levels, found: int, is_bad: Callable[[str], bool]) -> int:
    """The first row whose level is bad by itself, or else that of the level which was found."""
    bad = np.array([*map(is_bad, column.levels), False])
    if not bad.any():
        bad[found] = True
    return int(np.argmax(bad[column.codes]))


# Moments -----------------------------------------------------------------------------------------


def as_times(column: Column, place: Place, zoned: bool | None) -> Times:
    """The moments of a column; of text, those that it spells; ``zoned`` as they are to be."""
    expected = "dates, as the encoder takes the column for one of dates"
    match column:
        case Times():
            found = column
        case Nothing():
            m = len(column)
            return Times(np.zeros(m, np.int64), np.ones(m, bool), bool(zoned))
        case Levels(logical=False):
            read = times_in(column.levels)
            if not isinstance(read, Times):
                row = _first_row(
                    column, read, lambda level: not isinstance(times_in([level]), Times)
                )
                level = column.levels[column.codes[row]]
                place.refuse(row, level, f"{expected}, such as 2020-12-31 23:59:59")
            found = read.taken(column.codes)
        case _:
            place.refuse_all(f" holds {held_by(column)}", expected)
    if zoned is not None and found.zoned != zoned:
        have, want = ("a zone", "none") if found.zoned else ("no zone", "one")
        place.refuse_all(f" holds times with {have}", f"times with {want}, as in fit")
    return found


def times_in(levels: Sequence[str]) -> Times | int:
    """The moments that texts of ISO 8601 spell, or the place of the first that fits in with none.

    Either all have a zone, or none has.
    """
    texts, shifts = [], np.zeros(len(levels), np.int64)
    zoned = None
    for place, level in enumerate(levels):
        found = _TIME.fullmatch(level)
        if found is None:
            return place
        day, minute, second, fraction, utc, sign, hours, minutes = found.groups()
        texts.append(f"{day}T{minute or '00:00'}:{second or '00'}.{(fraction or '0')[:6]}")
        if sign:
            shift = (int(hours) * 60 + int(minutes)) * 60_000_000
            shifts[place] = shift if sign == "+" else -shift
        if zoned not in (None, bool(utc or sign)):
            return place
        zoned = bool(utc or sign)
    try:
        moments = np.array(texts, "datetime64[us]")
    except ValueError:  # a 30th of February
        return next(place for place, text in enumerate(texts) if not _is_moment(text))
    found_times = times(moments, zoned=bool(zoned))
    assert isinstance(found_times, Times)
    return Times(found_times.ticks - shifts, found_times.missing, found_times.zoned)


def _is_moment(text: str) -> bool:
    try:
        np.datetime64(text, "us")
    except ValueError:
        return False
    return True


# Levels ------------------------------------------------------------------------------------------


def as_levels(column: Column, place: Place) -> Levels:
    """The levels of a column; numbers and moments are told by their text."""
    match column:
        case Levels():
            return column
        case Nothing():
            return Levels(np.full(len(column), -1), [])
        case Numbers():
            values, codes = np.unique(column.values, return_inverse=True)
            missing = np.isnan(values)
            codes[missing[codes]] = -1
            return Levels(codes, [as_text(value) for value in values[~missing]])
        case Times():
            ticks, codes = np.unique(column.ticks, return_inverse=True)
            codes[column.missing] = -1
            return Levels(codes, ticks.astype("datetime64[us]").astype(str).tolist())
    return place.refuse_all(f" holds {held_by(column)}", "text, numbers or dates")


def held_by(column: Column) -> str:
    """What a column holds, in words."""
    match column:
        case Numbers():
            return "numbers"
        case Levels(logical=True):
            return "True and False"
        case Levels():
            return "text"
        case Times():
            return "dates"
        case Other():
            return column.holds
    return "nothing"
