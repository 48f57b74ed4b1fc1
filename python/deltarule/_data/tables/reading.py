"""Tables, opened: whole, or in pieces for what does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from deltarule._checks import did_you_mean
from deltarule._data.tables import (
    arrays,
    columnar,
    csv_files,
    databases,
    idx,
    json_lines,
    libsvm,
)
from deltarule._data.tables.numerals import settled
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source, sources_of
from deltarule.errors import TableFileError

_READERS: dict[str, Callable[[Source, Options, list[str]], Iterator[Any]]] = {
    "csv": csv_files.frames,
    "json": json_lines.frames,
    "parquet": columnar.frames,
    "arrow": columnar.frames,
    "npy": arrays.frames,
    "npz": arrays.frames,
    "idx": idx.frames,
    "libsvm": libsvm.frames,
    "sqlite": databases.frames,
}


class OpenTable:
    """A table in pieces, one after another, of one file or several.

    Parameters
    ----------
    names : sequence of str
        Files, patterns, ``sqlite:file.db#table``, or ``-`` for standard input.
    options : Options

    Attributes
    ----------
    sources : list of Source
    columns : list of str
    notes : list of str
        What was found of the files that their reader had to guess.

    Raises
    ------
    TableFileError
        For what cannot be read, also while it is gone through.
    """

    def __init__(self, names: Sequence[str], options: Options) -> None:
        self.notes: list[str] = []
        self.sources = sources_of(names)
        self._options = options
        self._pieces = self._raw()
        first = next(self._pieces, None)
        if first is None:
            raise TableFileError(f"{' '.join(names)}: it has no rows: expected a table")
        self.columns: list[str] = first.columns
        self._pieces = chain([first], self._pieces)

    @property
    def named(self) -> bool:
        """Whether its columns have names, and are not called 1, 2, ..."""
        return self.columns != [str(place + 1) for place in range(len(self.columns))]

    def _raw(self) -> Iterator[Any]:
        """Pieces as their readers hand them out, all with the columns of the first."""
        columns: list[str] = []
        for source in self.sources:
            for piece in _READERS[source.kind](source, self._options, self.notes):
                columns = columns or piece.columns
                yield piece if piece.columns == columns else _arranged(source, piece, columns)

    def __iter__(self) -> Iterator[Any]:
        """Each piece, with numbers in place of numerals."""
        return (settled(piece, self._options.blanks) for piece in self._pieces)

    def whole(self) -> Any:
        """All of it, as one frame."""
        import polars as pl

        # Text is looked at when all of it is there: one piece may be numerals and another not.
        frame = pl.concat(list(self._pieces), how="diagonal_relaxed", rechunk=False)
        return settled(frame, self._options.blanks)


def _arranged(source: Source, piece: Any, columns: list[str]) -> Any:
    """A piece with its columns in the order of the first file's."""
    import polars as pl

    absent = [name for name in columns if name not in piece.columns]
    more = [name for name in piece.columns if name not in columns]
    if source.kind == "json":  # which leaves out what is null
        piece = piece.with_columns(pl.lit(None).alias(name) for name in absent)
        return piece.select(*columns, *more)
    if absent:
        raise source.fails(
            f"it has no column {absent[0]!r}: expected those of the first file"
            + did_you_mean(absent[0], more)
        )
    if more:
        raise source.fails(f"it has a column {more[0]!r}: expected those of the first file")
    return piece.select(columns)
