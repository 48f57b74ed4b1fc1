"""A table of an SQLite database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from deltarule._checks import did_you_mean
from deltarule._data.tables.csv_files import expect_different
from deltarule._data.tables.json_lines import column_of
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows; the database is not written to.

    Raises
    ------
    TableFileError
        For what is no database, and a table that it has not.
    """
    import polars as pl

    if source.path is None:
        raise source.fails("a database is not read from a pipe: expected sqlite:file.db#table")
    address = f"{source.path.resolve().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as database:
            quoted = _table(source, database).replace('"', '""')
            cursor = database.execute(f'SELECT * FROM "{quoted}"')
            names = [each[0] for each in cursor.description]
            expect_different(source, names)
            rows = cursor.fetchmany(options.rows)
            while True:
                columns = list(zip(*rows, strict=True)) or [()] * len(names)
                yield pl.DataFrame([
                    column_of(name, list(values))
                    for name, values in zip(names, columns, strict=True)
                ])  # fmt: skip
                if not (rows := cursor.fetchmany(options.rows)):
                    return
    except sqlite3.Error as error:
        raise source.fails(f"it cannot be read as SQLite: {error}") from error


def _table(source: Source, database: sqlite3.Connection) -> str:
    found = database.execute(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') "
        "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    tables = [name for (name,) in found]
    if source.table is None and len(tables) == 1:
        return str(tables[0])
    if source.table in tables:
        return str(source.table)
    what = "no table is named" if source.table is None else f"it has no table {source.table!r}"
    raise source.fails(
        f"{what}: expected sqlite:{source.path}#table, with one of {', '.join(tables) or 'none'}"
        + did_you_mean(source.table, tables)
    )
