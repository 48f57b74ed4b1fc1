"""NumPy's files: one array, or several side by side."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows.

    Columns of an array are called 1, 2, ...; in an archive, arrays of one dimension are columns of
    their own names, and what has more stands before them.

    Raises
    ------
    TableFileError
        For files that are damaged, and arrays of objects, which would be code.
    """
    try:
        with source.opened() as stream:
            loaded = np.load(io.BytesIO(stream.read()), allow_pickle=False)
            arrays = dict(loaded) if isinstance(loaded, Mapping) else {"": loaded}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, KeyError) as error:
        raise source.fails(f"it cannot be read as {source.kind}: {error}") from error
    yield from pieces(source, _columns(source, arrays), options)


def pieces(source: Source, columns: dict[str, Array], options: Options) -> Iterator[Any]:
    """Columns of one length as frames.

    Raises
    ------
    TableFileError
        For others.
    """
    import polars as pl

    if not columns:
        raise source.fails("it holds no array: expected one or more")
    lengths = {name: len(column) for name, column in columns.items()}
    m = next(iter(lengths.values()))
    other = next((name for name, length in lengths.items() if length != m), None)
    if other is not None:
        raise source.fails(f"{other!r} has {lengths[other]} rows: expected {m}, as the first has")
    for start in range(0, max(m, 1), options.rows):
        part = {name: column[start : start + options.rows] for name, column in columns.items()}
        yield pl.DataFrame(part)


def _columns(source: Source, arrays: Mapping[str, Array]) -> dict[str, Array]:
    wide, single = dict[str, Array](), dict[str, Array]()
    for name, array in arrays.items():
        if array.dtype.names:
            wide |= {each: array[each] for each in array.dtype.names}
        elif array.ndim == 1:
            single[name or "1"] = array
        elif array.ndim > 1:
            flat = array.reshape(len(array), -1)
            several = sum(each.ndim > 1 for each in arrays.values()) > 1
            head = f"{name} " if several else ""
            wide |= {f"{head}{k + 1}": flat[:, k] for k in range(flat.shape[1])}
    unreadable = next((n for n, c in (wide | single).items() if c.dtype.kind not in "biufUM"), None)
    if unreadable is not None:
        raise source.fails(f"{unreadable!r} holds {(wide | single)[unreadable].dtype}: expected "
                           "numbers, text or dates")  # fmt: skip
    return wide | single
