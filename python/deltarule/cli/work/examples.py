"""A table parted: what is learned from, the target, weights and groups; and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.errors import TableFileError

# ISO 8601, as the times of a table are written in text.
_MOMENTS = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")


@dataclass(frozen=True)
class Examples:
    """Rows of a table.

    Attributes
    ----------
    X : polars.DataFrame
    target : polars.Series
    weights : ndarray of float64, shape (n_samples,), or None
    groups : ndarray of int64, shape (n_samples,), or None
    """

    X: Any
    target: Any
    weights: Array | None = None
    groups: Array | None = None

    def taken(self, rows: Array) -> Examples:
        """Some of the rows."""
        return replace(
            self,
            X=self.X[rows],
            target=self.target[rows],
            weights=None if self.weights is None else self.weights[rows],
            groups=None if self.groups is None else self.groups[rows],
        )


def examples_of(
    frame: Any,
    target: str,
    where: str,
    *,
    weight: str | None,
    group: str | None,
    drop: Sequence[str],
) -> Examples:
    """Part a table; what rows weigh and what groups them is not learned from.

    Raises
    ------
    TableFileError
        For weights that are none, groups that are missing, and where nothing is left.
    """
    apart = dict.fromkeys(each for each in (target, weight, group, *drop) if each is not None)
    X = frame.drop(list(apart))
    if not X.width:
        raise TableFileError(f"{where}: no column is left beside {', '.join(apart)}: expected one")
    return Examples(
        X,
        frame.get_column(target),
        None if weight is None else _weights(frame.get_column(weight), where),
        None if group is None else _groups(frame.get_column(group), where),
    )


def _weights(column: Any, where: str) -> Array:
    what = f"{where}: the weight {column.name!r}"
    if not column.dtype.is_numeric():
        raise TableFileError(f"{what} is text: expected numbers")
    values: Array = column.cast(float).fill_null(np.nan).to_numpy()
    bad = ~(np.isfinite(values) & (values >= 0))
    if bad.any():
        row = int(np.argmax(bad))
        raise TableFileError(f"{what} is {column[row]} in row {row + 1}: expected 0 or more")
    if not values.any():
        raise TableFileError(f"{what} is 0 in every row: expected some above 0")
    return values


def _groups(column: Any, where: str) -> Array:
    if column.null_count():
        row = int(np.argmax(column.is_null().to_numpy()))
        raise TableFileError(
            f"{where}: the group {column.name!r} is missing in row {row + 1}: expected one a row"
        )
    numbers: Array = column.rank("dense").cast(int).to_numpy() - 1
    if not numbers.any():
        raise TableFileError(f"{where}: the group {column.name!r} is the same in every row")
    return numbers


def in_time(frame: Any, name: str, where: str) -> Any:
    """The rows of a table in the order of a column of times or numbers.

    Raises
    ------
    TableFileError
        With the first row in which it is neither.
    """
    import polars as pl

    column = frame.get_column(name)
    if column.dtype == pl.String:
        read = [column.str.to_datetime(each, strict=False, time_unit="us") for each in _MOMENTS]
        order = min(read, key=lambda each: each.null_count())
    else:
        order = column
    if order.null_count():
        row = int(np.argmax(order.is_null().to_numpy()))
        raise TableFileError(
            f"{where}: the time {name!r} is {column[row]!r} in row {row + 1}: expected a date of "
            "ISO 8601 or a number in every row"
        )
    return frame[order.arg_sort()]
