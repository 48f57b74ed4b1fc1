"""The target: found in a table, told to be classes or numbers, and held to being complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.errors import TableFileError
from deltarule.tabular import MISSING

CLASSIFICATION, REGRESSION = "classification", "regression"
# Whole numbers are classes where no more of them differ, each with so many rows on average.
_MOST_CLASSES, _ROWS_A_CLASS = 20, 5
_SHOWN = 5


def rows_without(column: Any) -> Array:
    """In which rows a target is missing."""
    import polars as pl

    missing = column.is_null()
    if column.dtype == pl.String:
        missing |= column.str.strip_chars().str.to_lowercase().is_in(list(MISSING)).fill_null(True)
    elif column.dtype.is_float():
        missing |= column.is_nan().fill_null(True)
    rows: Array = np.flatnonzero(missing.to_numpy())
    return rows


def expect_complete(column: Any, where: str) -> None:
    """Hold a target to having a value in every row.

    Raises
    ------
    TableFileError
        With the first row that has none.
    """
    rows = rows_without(column)
    if len(rows):
        raise TableFileError(
            f"{where}: the target {column.name!r} is missing in {len(rows):,} of {len(column):,} "
            f"rows, first in row {rows[0] + 1}: expected it in every row; --drop-missing leaves "
            "these rows out"
        )


def task_of(column: Any) -> tuple[str, str]:
    """Whether a target is of classes or of numbers, and why that is so."""
    import polars as pl

    count = column.n_unique()
    if column.dtype == pl.Boolean:
        return CLASSIFICATION, "it is true or false"
    if not column.dtype.is_numeric():
        return CLASSIFICATION, f"it is text, of {count:,} different values"
    whole = column.dtype.is_integer() or bool((column == column.floor()).all())
    if not whole:
        return REGRESSION, "it holds fractions"
    if count <= _MOST_CLASSES and (count == 2 or len(column) >= _ROWS_A_CLASS * count):
        return CLASSIFICATION, f"it holds {count} different whole numbers"
    return REGRESSION, f"it holds {count:,} different whole numbers"


def as_classes(column: Any, where: str) -> list[Any]:
    """Classes, of which there are two or more, and not one a row.

    Raises
    ------
    TableFileError
        For others.
    """
    import polars as pl

    count = column.n_unique()
    if count < 2:
        raise TableFileError(
            f"{where}: the target {column.name!r} is {column[0]!r} in every row: expected two "
            "classes or more"
        )
    if count > 0.5 * len(column) and count > _MOST_CLASSES:
        raise TableFileError(
            f"{where}: the target {column.name!r} has {count:,} different values in "
            f"{len(column):,} rows: expected classes that repeat, or --task regression of numbers"
        )
    if column.dtype.is_float() and bool((column == column.floor()).all()):
        column = column.cast(pl.Int64)
    elif column.dtype.is_float() or column.dtype.is_temporal():
        column = column.cast(pl.String)
    values: list[Any] = column.to_list()
    return values


def as_numbers(column: Any, where: str) -> Array:
    """Finite numbers.

    Raises
    ------
    TableFileError
        With the first row of another.
    """
    import polars as pl

    numbers = column if column.dtype.is_numeric() else column.cast(pl.Float64, strict=False)
    values: Array = numbers.cast(pl.Float64).fill_null(np.nan).to_numpy()
    bad = ~np.isfinite(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise TableFileError(
            f"{where}: the target {column.name!r} is {column[row]!r} in row {row + 1}: expected "
            "a finite number"
        )
    return values


def classes_like(column: Any, known: Sequence[Any], where: str) -> tuple[list[Any], str]:
    """A target as the classes that a model knows, and what had to be done for it.

    Raises
    ------
    TableFileError
        With the first row of a class that the model does not know.
    """
    import polars as pl

    if isinstance(known[0], str) and column.dtype != pl.String:
        column = column.cast(pl.String)
    elif type(known[0]) is int and column.dtype.is_float():
        column = column.cast(pl.Int64, strict=False)
    values, note = column.to_list(), ""
    new = [value for value in dict.fromkeys(values) if value not in known]
    if new and all(isinstance(value, str) and value.rstrip(". ") in known for value in new):
        # As in the test file of adult, whose lines end in a full stop.
        values = [value if value in known else value.rstrip(". ") for value in values]
        note = f"{where}: classes such as {new[0]!r} are taken as {new[0].rstrip('. ')!r}"
    elif new:
        row = next(row for row, value in enumerate(values) if value == new[0])
        some = ", ".join(map(repr, known[:_SHOWN])) + (", ..." if len(known) > _SHOWN else "")
        raise TableFileError(
            f"{where}: the target {column.name!r} is {new[0]!r} in row {row + 1}, a class that was "
            f"not there in training: expected one of {some}"
        )
    return values, note
