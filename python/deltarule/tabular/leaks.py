"""Columns that give the target away, and columns that are others' copies.

A column that alone predicts the target nearly without error is mostly one that nobody will have
when predictions are made: it was filled in afterwards, or made of the target.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.material.leaks import given_away, groups_of
from deltarule.tabular.raw import tables
from deltarule.tabular.raw.columns import Column, Levels, Nothing, Numbers, Other, Times
from deltarule.tabular.raw.readings import Place, as_numbers

_LEAST_ROWS, _MOST_ROWS = 50, 100_000
_MOST_CLASSES = 20  # whole numbers that are more are targets of a regression
# What is said of a copy begins with it.
COPY = "it is the same as"
_MOST_COMPARED = 2**16  # levels, of columns that may be copies


class Target(NamedTuple):
    """What is to be predicted, in some of the rows: numbers, or the places of classes."""

    rows: Array
    values: Array
    classes: int

    def given_away_by(self, column: Column) -> str:
        """How well a column alone predicts the target, in words; empty where it does not.

        It is learned of every other row, and tried on the rest.
        """
        numbers = column.values[self.rows] if isinstance(column, Numbers) else None
        return given_away(_groups(column, self.rows), numbers, self.values, self.classes)


def targets_of(y: Any, m: int, where: str) -> list[Target]:
    """The targets, one or more; none of those of which too few are known."""
    table, _ = tables.targets_of(y, where)
    found = []
    for name in table.raw:
        column = table.column(name, m, where, "y")
        values, classes = _as_target(column, Place(where, "y", name))
        rows = np.flatnonzero(~np.isnan(values))
        if len(rows) >= _LEAST_ROWS:
            rows = rows[:: -(-len(rows) // _MOST_ROWS)]
            found.append(Target(rows, values[rows], classes))
    return found


def _as_target(column: Column, place: Place) -> tuple[Array, int]:
    if isinstance(column, Levels):
        values = column.codes.astype(np.float64)
        values[values < 0] = np.nan
        return values, len(column.levels)
    values = as_numbers(column, place)
    there = values[~np.isnan(values)]
    if (there == np.floor(there)).all():
        different = np.unique(there)
        if len(different) <= _MOST_CLASSES:
            codes = np.searchsorted(different, values).astype(np.float64)
            codes[np.isnan(values)] = np.nan
            return codes, len(different)
    return values, 0


def _groups(column: Column, rows: Array) -> Array | None:
    """Rows that a column does not tell apart, by number; 0 are those in which it is missing."""
    match column:
        case Nothing() | Other():
            return None
        case Levels():
            return column.codes[rows].astype(np.int64) + 1
        case Times():
            values = np.where(column.missing, np.nan, column.ticks)[rows]
        case Numbers():
            values = column.values[rows]
    return groups_of(values)


def digest_of(column: Column) -> bytes | None:
    """What only columns share that are the same in every row."""
    parts: list[Any]
    match column:
        case Numbers():
            parts = [b"numbers", column.values + 0.0]  # one zero for two
        case Times():
            parts = [b"times", column.ticks, column.missing]
        case Levels() if len(column.levels) <= _MOST_COMPARED:
            order = sorted(range(len(column.levels)), key=column.levels.__getitem__)
            places = np.append(np.argsort(order), -1)
            levels = "\0".join(column.levels[at] for at in order)
            parts = [levels.encode("utf-8", "surrogatepass"), places[column.codes]]
        case _:
            return None
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).data)
    return digest.digest()
