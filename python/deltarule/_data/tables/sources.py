"""Where a table is: names become files, and each file tells what format it is of."""

from __future__ import annotations

import glob
import io
import sys
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deltarule.errors import TableFileError

STANDARD_INPUT = "-"
_SQLITE = "sqlite:"
_LOOKED_AT = 2**12  # bytes by which a format is told
_GZIP = b"\x1f\x8b"

_BY_SUFFIX = {
    ".csv": "csv", ".tsv": "csv", ".tab": "csv", ".txt": "csv", ".data": "csv", ".dat": "csv",
    ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet", ".pq": "parquet",
    ".arrow": "arrow", ".feather": "arrow", ".ipc": "arrow",
    ".npy": "npy", ".npz": "npz",
    ".svm": "libsvm", ".libsvm": "libsvm", ".svmlight": "libsvm",
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
}  # fmt: skip
_BY_FIRST_BYTES = (
    (b"PAR1", "parquet"),
    (b"ARROW1", "arrow"),
    (b"\x93NUMPY", "npy"),
    (b"SQLite format 3\0", "sqlite"),
    (b"\0\0\x08", "idx"),
    (b"PK\x03\x04", "npz"),
)
_OF_OTHERS = {
    ".xls": "a spreadsheet: save it as CSV",
    ".xlsx": "a spreadsheet: save it as CSV",
    ".ods": "a spreadsheet: save it as CSV",
    ".pkl": "a pickle, which is code: write it as Parquet or CSV",
    ".pickle": "a pickle, which is code: write it as Parquet or CSV",
    ".zip": "an archive: unpack it first",
    ".7z": "an archive: unpack it first",
    ".zst": "compressed by Zstandard: unpack it first (unzstd)",
    ".xz": "compressed by xz: unpack it first (unxz)",
    ".bz2": "compressed by bzip2: unpack it first (bunzip2)",
    ".h5": "HDF5: write the table as Parquet or CSV",
    ".safetensors": "a model, and no table",
}


@dataclass(frozen=True)
class Source:
    """A table in a file.

    Attributes
    ----------
    name : str
        As messages call it.
    path : Path or None
        None is standard input.
    kind : str
        Its format.
    table : str or None
        Of a database.
    """

    name: str
    path: Path | None
    kind: str
    table: str | None = None

    def fails(self, what: str) -> TableFileError:
        """The error that says what is wrong with it."""
        return TableFileError(f"{self.name}: {what}")

    def opened(self) -> IO[bytes]:
        """The bytes, unpacked where gzip has packed them."""
        import gzip

        if self.path is None:
            return _standard_input()
        file = self.path.open("rb")
        if file.peek(2)[:2] != _GZIP:
            return file
        file.close()
        return gzip.open(self.path, "rb")  # type: ignore[return-value]


def sources_of(names: Iterable[str]) -> list[Source]:
    """The tables that names stand for, patterns such as ``part-*.csv`` among them.

    Raises
    ------
    TableFileError
        For what is not there, no file, or of a format that is not read.
    """
    return [_source(each) for name in names for each in _matching(name)]


def _matching(name: str) -> Sequence[str]:
    if name == STANDARD_INPUT or name.startswith(_SQLITE) or Path(name).exists():
        return [name]
    if any(sign in name for sign in "*?["):
        found = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 (absolute ones, too)
        if not found:
            raise TableFileError(f"{name}: no file matches: expected one or more")
        return found
    return [name]


def _source(name: str) -> Source:
    if name == STANDARD_INPUT:
        return Source("standard input", None, _kind_of_bytes(_standard_input().peek(_LOOKED_AT)))
    bare = name.removeprefix(_SQLITE)
    file, _, table = bare.partition("#") if bare != name else (name, "", "")
    path = Path(file)
    if not path.exists():
        raise TableFileError(f"{file}: there is no such file{_near(path)}")
    if path.is_dir():
        raise TableFileError(f'{file}: it is a folder: expected a file, or "{file}/*.csv"')
    if bare != name:
        return Source(name, path, "sqlite", table or None)
    return Source(name, path, _kind(path, name))


def _near(path: Path) -> str:
    from deltarule._checks import did_you_mean

    try:
        beside = [each.name for each in path.parent.iterdir()]
    except OSError:
        return ""
    return did_you_mean(path.name, beside)


def _kind(path: Path, name: str) -> str:
    """By the first bytes where they say it, else by the name's ending."""
    suffixes = [each.lower() for each in path.suffixes]
    suffix = next((each for each in reversed(suffixes) if each != ".gz"), "")
    if suffix in _OF_OTHERS:
        raise TableFileError(f"{name}: it is {_OF_OTHERS[suffix]}")
    try:
        with path.open("rb") as file:
            start = _unpacked(file.read(_LOOKED_AT))
    except OSError as error:
        raise TableFileError(f"{name}: it cannot be read: {error.strerror}") from error
    return _kind_of_bytes(start, _BY_SUFFIX.get(suffix))


def _kind_of_bytes(start: bytes, by_name: str | None = None) -> str:
    for signature, kind in _BY_FIRST_BYTES:
        if start.startswith(signature):
            return kind
    if by_name is not None:
        return by_name
    return "json" if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") else "csv"


def _unpacked(start: bytes) -> bytes:
    """The first bytes of what gzip may have packed."""
    if not start.startswith(_GZIP):
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, _LOOKED_AT)
    except zlib.error:
        return b""


_held: list[io.BufferedReader] = []


def _standard_input() -> io.BufferedReader:
    """Standard input, unpacked; the same reader every time, as what it has read is gone."""
    import gzip

    if not _held:
        stream = sys.stdin.buffer
        assert isinstance(stream, io.BufferedReader)
        if stream.peek(2)[:2] == _GZIP:
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream))
        _held.append(stream)
    return _held[0]
