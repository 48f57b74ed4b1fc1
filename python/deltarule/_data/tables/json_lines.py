"""JSON lines, an object a row; and a JSON array of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import IO, Any

from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source
from deltarule._data.tables.text import text_of


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows.

    Raises
    ------
    TableFileError
        For a line that is no object, with its number.
    """
    try:
        with text_of(source, options.encoding, notes) as text:
            rows = _rows(source, text)
            while piece := list(itertools.islice(rows, options.rows)):
                yield frame_of_rows(piece)
    except UnicodeDecodeError as error:
        raise source.fails(f"it is not {error.encoding}: expected JSON in UTF-8") from error


def _rows(source: Source, text: IO[str]) -> Iterator[dict[str, Any]]:
    lines = enumerate(text, 1)
    first = next(((number, line) for number, line in lines if line.strip()), (1, ""))
    if first[1].lstrip().startswith("["):
        yield from _of_array(source, "".join([first[1], *(line for _, line in lines)]))
        return
    for number, line in itertools.chain([first], lines):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise source.fails(f"line {number} is no JSON: {error}") from error
        yield _expect_object(source, row, f"line {number}")


def _of_array(source: Source, text: str) -> Iterator[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise source.fails(f"it is no JSON: {error}") from error
    for number, row in enumerate(rows, 1):
        yield _expect_object(source, row, f"item {number}")


def _expect_object(source: Source, row: Any, where: str) -> dict[str, Any]:
    if not isinstance(row, dict) or not row:
        raise source.fails(f"{where} is {json.dumps(row)[:40]}: expected an object, a row")
    return row


def frame_of_rows(rows: list[dict[str, Any]]) -> Any:
    """A frame of records: a column of numbers and text together is text."""
    import polars as pl

    names = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([column_of(name, [row.get(name) for row in rows]) for name in names])


def column_of(name: str, values: list[Any]) -> Any:
    """A column of Python's own values."""
    import polars as pl

    kinds = {type(value) for value in values} - {type(None)}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, values, dtype=pl.Float64, strict=False)
    texts = [None if value is None else _text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
