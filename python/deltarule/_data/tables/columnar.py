"""Parquet and Arrow files, which polars reads, a slice at a time."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows.

    Raises
    ------
    TableFileError
        For a file that is damaged, or something else.
    """
    import polars as pl

    scan = pl.scan_parquet if source.kind == "parquet" else pl.scan_ipc
    try:
        held = source.path if source.path is not None else io.BytesIO(source.opened().read())
        lazy: Any = scan(held)
        count = lazy.select(pl.len()).collect().item()
        for start in range(0, max(count, 1), options.rows):
            yield lazy.slice(start, options.rows).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).partition("\n")[0]
        raise source.fails(f"it cannot be read as {source.kind}: {first}") from error
