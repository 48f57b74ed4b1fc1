"""Columns of text that spell numbers throughout become numbers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

# "01234" is a code, and stays one.
_WHOLE = r"^[+-]?(?:0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?$"


def settled(frame: Any, blanks: Collection[str]) -> Any:
    """The frame with numbers in place of numerals, column by column; empty text is missing."""
    import polars as pl

    for name in frame.columns:
        column = frame.get_column(name)
        if column.dtype == pl.String:
            frame = frame.with_columns(_settled(column, blanks))
    return frame


def _settled(column: Any, blanks: Collection[str]) -> Any:
    import polars as pl

    filled = column.set(column == "", None)
    without = filled.set(filled.str.to_lowercase().is_in(list(blanks)).fill_null(False), None)
    if without.null_count() == len(without) or not without.str.contains(_NUMBER).all():
        return filled  # with its blanks, which are for whoever reads the column
    if without.str.contains(_WHOLE).all():
        return without.str.strip_prefix("+").cast(pl.Int64)
    return without.str.strip_prefix("+").cast(pl.Float64)
