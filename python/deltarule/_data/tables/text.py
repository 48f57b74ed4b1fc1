"""Text out of bytes: in which encoding they are, told by themselves."""

from __future__ import annotations

import codecs
import io
from typing import IO, Any

from deltarule._data.tables.sources import Source

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PIECE = 2**20


def text_of(source: Source, encoding: str | None, notes: list[str]) -> IO[str]:
    """Open a source as text; a note says when its encoding had to be guessed.

    Raises
    ------
    TableFileError
        For what is empty, or no text.
    """
    stream = source.opened()
    if not hasattr(stream, "peek"):
        stream = io.BufferedReader(stream)  # type: ignore[type-var]
    try:
        return _as_text(source, stream, encoding, notes)
    except BaseException:
        stream.close()
        raise


def _as_text(source: Source, stream: Any, encoding: str | None, notes: list[str]) -> IO[str]:
    try:
        start = stream.peek(_PIECE)
    except (OSError, EOFError) as error:
        raise source.fails(f"it cannot be unpacked: {error}") from error
    if not start:
        raise source.fails("it is empty: expected a table")
    return io.TextIOWrapper(stream, encoding or _told(source, start, notes), newline="")


def _told(source: Source, start: bytes, notes: list[str]) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start[1:2] == b"\0" and start[3:4] == b"\0":
        return "utf-16-le"
    if b"\0" in start:
        raise source.fails("it is no text: expected CSV, or a known ending such as .parquet")
    if _is_utf8(source, start):
        return "utf-8"
    notes.append(f"{source.name}: it is not UTF-8: read as cp1252 (--encoding says otherwise)")
    return "cp1252"


def _is_utf8(source: Source, start: bytes) -> bool:
    """Of a file all bytes are looked at, of a pipe the first ones."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        if source.path is None:
            decoder.decode(start)
            return True
        with source.opened() as stream:
            while piece := stream.read(_PIECE):
                decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    except (OSError, EOFError) as error:
        raise source.fails(f"it cannot be unpacked: {error}") from error
    return True
