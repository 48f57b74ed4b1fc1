"""What a user hands in, opened: arrays, tensors, buffers, data frames, sparse matrices.

What can be read where it lies is not copied.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from deltarule._data.buffers import array_of
from deltarule._data.frames import column_of, is_column, table_of
from deltarule._data.sparse import sparse_rows


class Opened(NamedTuple):
    """Numbers of any real type, and the names of their columns where they have some."""

    rows: Any  # an array of any shape, or _core.SparseRows
    columns: list[Any] | None = None


def opened(values: Any, where: str, what: str, wanted: Sequence[str] | None = None) -> Opened:
    """Open what holds the numbers.

    Parameters
    ----------
    values : array_like, tensor, data frame, sparse matrix and so on
    where, what : str
        For messages.
    wanted : sequence of str, optional
        The names that columns are to have: those with names are put in this order.
    """
    if isinstance(values, Opened):
        return values
    if hasattr(values, "tocsr"):
        return Opened(sparse_rows(values, where, what))
    table = table_of(values, where, what, wanted)
    if table is not None:
        return Opened(*table)
    if is_column(values):
        return Opened(column_of(values, where, what))
    return Opened(array_of(values, where, what))
