"""What kind of column it is: numbers, categories, dates, or nothing that a network learns from.

The rules look at values and not at types, so that a column is of one kind whatever library it is
from, and whether it was ever written to a text file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._data.names import is_identifier
from deltarule.tabular.raw.columns import Column, Levels, Nothing, Numbers, Other, Times
from deltarule.tabular.raw.readings import numbers_in, times_in

KINDS = ("number", "category", "date", "drop")

# Whole numbers are categories if this many differ at most, each with so many rows on average.
FEW, ROWS_OF_A_FEW = 8, 20
# Fewer rows are no sign that all values differ on purpose.
_LEAST_ROWS = 20
# Free text has more words than these, and so large a part of it differs.
_WORDS, _PART = 4, 0.5

_UUID = re.compile(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)


class Found(NamedTuple):
    """A column's kind, one of `KINDS`; the column, read as such; and why it is left out."""

    kind: str
    column: Column
    why: str = ""


def found_in(name: str, column: Column) -> Found:
    """What kind a column is, in which what is missing is missing."""
    match column:
        case Nothing():
            return Found("drop", column, "it has no value")
        case Other(holds=holds):
            return Found("drop", column, f"it holds {holds}")
        case Times():
            there = column.ticks[~column.missing]
            return _unless_constant("date", column, np.ptp(there) == 0, bool(column.missing.any()))
        case Levels():
            return _of_levels(name, column)
        case Numbers():
            return _of_numbers(name, column)


def _unless_constant(kind: str, column: Column, constant: bool, missing: bool) -> Found:
    """Where all values are the same, whether there is one is all that can be learned."""
    if not constant:
        return Found(kind, column)
    if missing:
        return Found("category", column)
    return Found("drop", column, "it is the same in every row")


def _of_numbers(name: str, column: Numbers) -> Found:
    values = column.values
    missing = np.isnan(values)
    there: Array = values[~missing] if missing.any() else values
    least, most = there.min(), there.max()
    if least == most or column.categorical:
        return _unless_constant("category", column, least == most, bool(missing.any()))
    if not np.isfinite(least) or not np.isfinite(most) or (there != np.floor(there)).any():
        return Found("number", column)
    count = len(np.unique(there))
    if count == len(values) >= _LEAST_ROWS:
        if most - least == count - 1:
            return Found("drop", column, "it numbers the rows: whole numbers in sequence")
        if is_identifier(name):
            return Found("drop", column, "it is an identifier: its name says so, and all differ")
    if count <= FEW and len(there) >= ROWS_OF_A_FEW * count:
        return Found("category", column)
    return Found("number", column)


def _of_levels(name: str, column: Levels) -> Found:
    codes, levels = column.codes, column.levels
    counts = np.bincount(codes[codes >= 0], minlength=len(levels))
    count, missing = int(np.count_nonzero(counts)), bool((codes < 0).any())
    if count < 2:
        return _unless_constant("category", column, count == 1, missing)
    if column.logical or column.categorical:
        return Found("category", column)
    numbers, no_number = numbers_in(levels)
    if no_number is None:
        return _of_numbers(name, Numbers(np.append(numbers, np.nan)[codes]))
    moments = times_in(levels)
    if isinstance(moments, Times):
        return found_in(name, moments.taken(codes))
    return _of_text(column, count)


def _of_text(column: Levels, count: int) -> Found:
    m = int(np.count_nonzero(column.codes >= 0))
    if m >= _LEAST_ROWS:
        if count > _PART * m and all(map(_UUID.fullmatch, column.levels)):
            return Found("drop", column, "it is an identifier: UUIDs")
        words = sum(len(level.split()) for level in column.levels) / len(column.levels)
        if count > _PART * m and words > _WORDS:
            return Found("drop", column, f"it is free text: {words:.0f} words in a row on average")
        if count == m:
            return Found("drop", column, "it is an identifier: text that differs in every row")
    return Found("category", column)
