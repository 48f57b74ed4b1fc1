"""Rows on their way out: to a file that appears whole or not at all, or to standard output."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from deltarule._files.atomic import replace
from deltarule.errors import TableFileError

_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


def expect_other(output: str | Path, inputs: Iterable[str]) -> None:
    """Hold a file that is written to being none of those that are read, and to a folder that is.

    Raises
    ------
    TableFileError
        Else, before anything is done.
    """
    path = Path(output)
    if not path.absolute().parent.is_dir():
        raise TableFileError(f"{path}: there is no folder {path.parent}: expected one")
    if path.is_dir():
        raise TableFileError(f"{path}: it is a folder: expected a file")
    for each in inputs:
        file = Path(each.removeprefix("sqlite:").partition("#")[0]) if each else None
        if file is not None and path.exists() and file.exists() and path.samefile(file):
            raise TableFileError(f"{path}: it is read from: expected another file to write")


def expect_suffix(output: str) -> None:
    """Hold a name to an ending that says a format.

    Raises
    ------
    TableFileError
        For another.
    """
    if output != "-" and Path(output).suffix.lower() not in _SUFFIXES:
        raise TableFileError(
            f"{output}: expected a name that ends in one of {', '.join(_SUFFIXES)}"
        )


def write_frames(output: str, frames: Iterable[Any]) -> None:
    """Write frames one after another, as CSV, TSV, JSON lines or Parquet by the name's ending.

    Parquet is held whole until the last frame, others are written as they come.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    suffix = Path(output).suffix.lower()
    write = _FORMATS[suffix if suffix in _FORMATS else ".csv"]
    parts = write(frames)
    if output != "-":
        replace(output, parts)
        return
    stream: Any = sys.stdout.buffer
    for part in parts:
        stream.write(part)
        stream.flush()


def _csv(frames: Iterable[Any]) -> Iterator[bytes]:
    return _delimited(frames, ",")


def _tsv(frames: Iterable[Any]) -> Iterator[bytes]:
    return _delimited(frames, "\t")


def _delimited(frames: Iterable[Any], separator: str) -> Iterator[bytes]:
    for number, frame in enumerate(frames):
        yield frame.write_csv(include_header=not number, separator=separator).encode()


def _json_lines(frames: Iterable[Any]) -> Iterator[bytes]:
    for frame in frames:
        yield frame.write_ndjson().encode()


def _parquet(frames: Iterable[Any]) -> Iterator[bytes]:
    import polars as pl

    held = io.BytesIO()
    pl.concat(list(frames), how="vertical_relaxed").write_parquet(held)
    yield held.getvalue()


_FORMATS: dict[str, Callable[[Iterable[Any]], Iterator[bytes]]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
