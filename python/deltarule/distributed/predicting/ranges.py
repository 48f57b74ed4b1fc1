"""Predictions on the ranks of MPI: each rank has a range of the rows."""

from __future__ import annotations

import os
import pickle
import secrets
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from deltarule._arrays import Array
from deltarule._threads import isa
from deltarule._version import __version__
from deltarule.distributed.digest import digest
from deltarule.distributed.predicting.answers import answers
from deltarule.distributed.side_by_side.alike import first_difference
from deltarule.distributed.side_by_side.post import Post
from deltarule.errors import DistributedError

# Rows that are predicted at a time.
_PIECE = 1 << 16
# Rows by whose predictions ranks are compared.
_FIRST = 16


class Alone:
    """One process, which has nobody to meet."""

    rank, size = 0, 1

    def told(self, what: Any) -> list[Any]:
        """What it tells."""
        return [what]

    def broadcast(self, data: Any, size: int, root: int) -> Any:
        """What it has."""
        return data

    def raise_on_all(self, error: Exception) -> NoReturn:
        """Raise."""
        raise error


def predicted(post: Post | Alone, model: Any, X: Any, method: str, out: Any) -> Array:
    """The predictions of all rows: on every rank, or in a file, mapped."""
    X = np.load(X, mmap_mode="r") if isinstance(X, (str, os.PathLike)) else X
    m = _rows(X)
    _meet(post, model, X, m, method, out)
    first, last = (-(-m * rank // post.size) for rank in (post.rank, post.rank + 1))
    pieces = (
        answers(model, _range(X, at, min(at + _PIECE, last)), method, min(_PIECE, last - at))
        for at in range(first, last, _PIECE)
    )
    if out is None:
        return _gathered(post, list(pieces))
    return _written(post, pieces, m, first, Path(out))


def _meet(post: Post | Alone, model: Any, X: Any, m: int, method: str, out: Any) -> None:
    """Hold all ranks to the same model, and as many rows.

    Raises
    ------
    DistributedError
    ValueError
        Where there are fewer rows than one.
    """
    if not m:
        raise ValueError("predict: X has no rows: expected 1 or more")
    some = min(m, _FIRST)
    here = {
        "deltarule": __version__,
        "instruction set": isa(),
        "the model": f"a {type(model).__name__}",
        "method": repr(method),
        "X": f"{m} rows",
        "out": repr(out if out is None else os.fspath(out)),
        # In which models and rows that differ show.
        "the predictions of the first rows": digest(
            answers(model, _range(X, 0, some), method, some)
        ),
    }
    told = post.told(here)
    for rank, there in enumerate(told):
        name = first_difference(told[0], there)
        if name is not None:
            what = f"rank {rank} has {there[name]}, and rank 0 {told[0][name]}"
            post.raise_on_all(
                DistributedError(f"predict: {name}: {what}: expected the same on all ranks")
            )


def _gathered(post: Post | Alone, pieces: list[Array]) -> Array:
    mine = pickle.dumps(pieces, pickle.HIGHEST_PROTOCOL)
    every: list[Array] = []
    for rank, size in enumerate(post.told(len(mine))):
        data = post.broadcast(mine if rank == post.rank else None, size, rank)
        every += pickle.loads(data)
    return np.concatenate(every)


def _written(post: Post | Alone, pieces: Iterator[Array], m: int, first: int, out: Path) -> Array:
    """Every rank writes its range to one file, which appears whole or not at all."""
    beside, place, piece = None, None, next(pieces, None)
    try:
        if post.rank == 0:
            assert piece is not None
            beside = out.with_name(f".{out.name[:100]}.{secrets.token_hex(6)}.part")
            place = (str(beside), _make(beside, piece, m))
        file, offset = post.told(place)[0]
        if piece is not None:
            _write(file, offset, first, piece, pieces)
        post.told("written")
        if beside is not None:
            beside.replace(out)
        post.told("whole")
    except BaseException:
        if beside is not None:
            beside.unlink(missing_ok=True)
        raise
    mapped: Array = np.load(out, mmap_mode="r")
    return mapped


def _make(file: Path, piece: Array, m: int) -> int:
    """Make an .npy file of the size; where its numbers begin."""
    if piece.dtype.hasobject:
        raise TypeError(
            f"predict: out is for numbers, and the predictions are {piece.dtype}: expected None"
        )
    made = np.lib.format.open_memmap(file, "w+", piece.dtype, (m, *piece.shape[1:]))
    made.flush()
    offset: int = made.offset
    return offset


def _write(file: str, offset: int, first: int, piece: Array, others: Iterator[Array]) -> None:
    """Write a range, byte by byte: pages of a map at its edges would be two ranks'."""
    with open(file, "r+b") as stream:  # noqa: PTH123
        stream.seek(offset + first * piece[0].nbytes)
        for each in chain([piece], others):
            stream.write(np.ascontiguousarray(each).data)
        stream.flush()
        os.fsync(stream.fileno())


def _rows(X: Any) -> int:
    if isinstance(X, dict):
        return len(next(iter(X.values()), ()))
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _range(X: Any, first: int, last: int) -> Any:
    """Some of the rows."""
    if isinstance(X, dict):
        return {name: column[first:last] for name, column in X.items()}
    if hasattr(X, "iloc"):
        return X.iloc[first:last]
    with suppress(AttributeError):
        X = X.tocsr()
    return X[first:last]
