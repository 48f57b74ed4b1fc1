"""CSV: rows of text, each held to as many fields as there are columns.

The rows are parted by Python's own reader, which knows in which line it is and takes quotes at
their word; what polars makes of a ragged row depends on its version.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from deltarule._data.tables.dialect import Dialect, dialect_of, has_header, reader
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source
from deltarule._data.tables.text import text_of

_SAMPLE = 2**16  # characters by which a dialect is told
_ROWS_OF_SAMPLE = 200


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows; all columns are text.

    Raises
    ------
    TableFileError
        For ragged rows, names that stand twice, quotes that are not closed, and what is no text.
    """
    text = text_of(source, options.encoding, notes)
    try:
        with text:
            yield from _frames(source, text, options, notes)
    except UnicodeDecodeError as error:
        raise source.fails(
            f"byte {error.start:,} of a piece is not {error.encoding}: expected text in it; "
            "--encoding cp1252 reads it as such"
        ) from error
    except (OSError, EOFError) as error:
        raise source.fails(f"it cannot be unpacked: {error}") from error


def _frames(source: Source, text: IO[str], options: Options, notes: list[str]) -> Iterator[Any]:
    sample = text.read(_SAMPLE)
    whole = len(sample) < _SAMPLE
    dialect = dialect_of(sample if whole else sample[: sample.rfind("\n") + 1], options.delimiter)
    rows = _Rows(source, reader(_lines(sample, text), dialect))
    first = list(itertools.islice(rows, _ROWS_OF_SAMPLE))
    if not first:
        raise source.fails("it has no rows: expected a table")
    names, start = _names(source, [fields for _, fields in first], options, notes)
    # A table of names alone has no rows, and says so where rows are wanted.
    places = itertools.chain(first[start:], rows)
    while piece := list(itertools.islice(places, options.rows)):
        yield _frame(source, names, piece, dialect)
    if len(first) == start:
        yield _frame(source, names, [], dialect)


def _lines(sample: str, text: IO[str]) -> Iterator[str]:
    """Lines of what was read already, and of the rest."""
    start, _, end = sample.rpartition("\n")
    if start:
        yield from io.StringIO(start + "\n", newline="")
    yield end + text.readline()
    yield from text


class _Rows(Iterator[tuple[int, list[str]]]):
    """Rows that are not blank, each with the line in which it ends."""

    def __init__(self, source: Source, rows: Any) -> None:
        self._source, self._rows = source, rows

    def __next__(self) -> tuple[int, list[str]]:
        began = self._rows.line_num + 1
        try:
            while not (fields := next(self._rows)) or fields == [""]:
                began = self._rows.line_num + 1
        except csv.Error as error:
            what = str(error)
            if "unexpected end of data" in what or "field larger" in what:
                what = "a quote is opened in it and not closed"
            elif "new-line character" in what:
                what = "lines end in a carriage return alone"
            elif "expected after" in what:
                what = "there is something behind a closing quote"
            raise self._source.fails(
                f"line {began}: {what}: expected CSV, with quotes in pairs"
            ) from error
        return self._rows.line_num, fields


def _names(
    source: Source, rows: list[list[str]], options: Options, notes: list[str]
) -> tuple[list[str], int]:
    """The columns' names, and how many rows they take."""
    header = options.header
    if header is None:
        header = has_header(rows, options.known)
        if not header:
            notes.append(
                f"{source.name}: its first row is no header: columns are called 1, 2, ... "
                "(--header says otherwise)"
            )
    if not header:
        return options.names_for(len(rows[0])), 0
    names = [name.strip() or f"column {place}" for place, name in enumerate(rows[0], 1)]
    expect_different(source, names)
    return names, 1


def expect_different(source: Source, names: list[str]) -> None:
    """Hold names to standing once each.

    Raises
    ------
    TableFileError
        With one that does not.
    """
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        places = [str(place) for place, name in enumerate(names, 1) if name == twice]
        raise source.fails(
            f"its header has {twice!r} {len(places)} times, as columns {' and '.join(places)}: "
            "expected different names"
        )


def _frame(
    source: Source, names: list[str], rows: list[tuple[int, list[str]]], dialect: Dialect
) -> Any:
    import polars as pl

    width = len(names)
    for line, fields in rows:
        if len(fields) != width:
            raise source.fails(
                f"line {line} has {len(fields)} field{'s' * (len(fields) != 1)}: expected "
                f"{width}, as the first row has (parted by {dialect.delimiter!r}; --delimiter "
                "says otherwise)"
            )
    columns = zip(*(fields for _, fields in rows), strict=True) if rows else [[]] * width
    return pl.DataFrame(
        [
            pl.Series(name, column, dtype=pl.String).str.strip_chars()
            for name, column in zip(names, columns, strict=True)
        ]
    )
