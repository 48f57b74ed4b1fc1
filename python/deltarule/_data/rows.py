"""Rows of numbers, dense, sparse or mapped: read in windows, and let go of when they are read.

A page of a mapped file counts as the process's memory from its first reading until it is let go
of, so a pass over a file larger than the memory would seem to fill it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._data.names import names_of
from deltarule._data.numbers import in_place, numbers, type_of_copy

if TYPE_CHECKING:
    from deltarule import _core

# What the core reads in place.
Held: TypeAlias = "Array | _core.SparseRows"

# The pages of this many bytes are held at a time.
WINDOW_BYTES = 32 * 2**20
# More numbers than these (1 GiB of float32) are shuffled in windows, wherever they lie: a file of
# them need not fit into the system's cache. Numbers and not bytes, so that the order is the same
# for X in another type.
SHUFFLED_AS_A_WHOLE = 2**28


class Rows:
    """Rows as the core reads them: an array of any strides, or a sparse matrix's.

    What is of another type is copied; in a mapped file, part by part as it is read.

    Attributes
    ----------
    columns : sequence or None
        What the columns are called, where they came with names of any kind.
    in_place : bool
        Whether the core reads all of them where they lie.
    mapped : bool
        Whether they lie in a file whose pages can be let go of.
    """

    __slots__ = ("_held", "_map", "_moments", "columns", "in_place")

    def __init__(self, rows: Held, columns: Sequence[Any] | None = None) -> None:
        self.columns, self.in_place, self._map = columns, True, None
        self._moments: tuple[Array, Array] | None = None
        if isinstance(rows, np.ndarray):
            held = in_place(rows)
            self._map = mapped_file(rows)
            self.in_place = held is not None or self._map is None
            if self.in_place:
                rows = numbers(rows) if held is None else held
        self._held: Any = rows

    def __len__(self) -> int:
        return len(self._held)

    @property
    def names(self) -> list[str] | None:
        """The columns' names, where a network can keep them."""
        return names_of(self.columns)

    @property
    def held(self) -> Held:
        """All of them, for the core: where they lie, or copied."""
        held: Held = self._held if self.in_place else numbers(self._held)
        return held

    @property
    def shape(self) -> tuple[int, ...]:
        """(n_samples, n_features)."""
        shape: tuple[int, ...] = self._held.shape
        return shape

    @property
    def mapped(self) -> bool:
        return self._map is not None

    def let_go(self) -> None:
        """Give the pages back; they stay in the system's cache and come back when they are read."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    @property
    def shuffled_in_windows(self) -> bool:
        """Whether they are too many for an order over all of them; sparse ones are not."""
        return isinstance(self._held, np.ndarray) and self._held.size > SHUFFLED_AS_A_WHOLE

    def shares_memory(self, array: Array) -> bool:
        """Whether writing to an array may change them."""
        return isinstance(self._held, np.ndarray) and np.may_share_memory(self._held, array)

    def window(self) -> int:
        """How many rows make up a window."""
        held = self._held
        itemsize = held.itemsize if self.in_place else type_of_copy(held.dtype).itemsize
        return max(1, WINDOW_BYTES // max(1, itemsize * self.shape[1]))

    def batches_a_window(self, batch_size: int) -> int:
        """How many whole batches do."""
        return max(1, self.window() // batch_size)

    def part(self, rows: slice) -> Held:
        """Some rows, for the core: where they lie, or copied."""
        some: Held = self._held[rows]
        return some if self.in_place else numbers(some)  # type: ignore[arg-type]

    def windows(self) -> Iterator[tuple[int, Held]]:
        """Go through a map window by window, else through all at once; each with its first row."""
        if self._map is None:
            yield 0, self._held
            return
        size = self.window()
        for first in range(0, len(self), size):
            yield first, self.part(slice(first, first + size))
            self.let_go()

    def dense_windows(self) -> Iterator[tuple[int, Array]]:
        """Dense pieces no larger than memory likes, each with the number of its first row."""
        size = self.window()
        for first in range(0, len(self), size):
            yield first, _dense(self.part(slice(first, first + size)))
            self.let_go()

    def moments(self) -> tuple[Array, Array]:
        """The mean and the variance of each column, in float64; worked out once."""
        if self._moments is None:
            self._moments = _moments(self)
        return self._moments

    def taken(self, rows: slice | Array) -> Array:
        """Some rows, dense; of a map in the file's order, letting go of its pages."""
        held = self._held
        if isinstance(rows, slice):
            return _dense(self.part(rows))
        if not isinstance(held, np.ndarray):  # one by one, as it is never made dense as a whole
            return np.concatenate([held[row : row + 1].dense() for row in rows.tolist()])
        if not self.mapped:
            return held[rows]
        taken = np.empty((len(rows), *self.shape[1:]), held.dtype)
        order = np.argsort(rows)
        windows = rows[order] // self.window()
        for some in np.split(order, np.flatnonzero(np.diff(windows)) + 1):
            taken[some] = held.take(rows[some], axis=0)
            self.let_go()
        return numbers(taken)


def as_numbers_of_rows(which: ArrayLike, m: int, what: str) -> Array:
    """The numbers of some of m rows, in the order given; one may come more than once."""
    given = np.asarray(which)
    if given.dtype == bool and given.shape == (m,):
        given = np.flatnonzero(given)
    if given.ndim != 1 or given.dtype.kind not in "iu" or not given.size:
        raise TypeError(
            f"{what} is {given.dtype} of shape {given.shape}: expected the numbers of 1 or more "
            f"rows, or a flag for each of the {m} rows"
        )
    outside = np.flatnonzero((given < 0) | (given >= m))
    if outside.size:
        at = outside[0]
        raise ValueError(f"{what}[{at}] is {given[at]}: expected 0 to {m - 1}, as X has {m} rows")
    return np.ascontiguousarray(given, np.int64)


def mapped_file(array: Array) -> mmap.mmap | None:
    """The map behind an array, if letting go of its pages loses nothing."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode in ("r", "r+"):
            mapped = base._mmap  # type: ignore[attr-defined]
            return mapped if isinstance(mapped, mmap.mmap) else None
        base = base.base
    return None


def _dense(held: Held) -> Array:
    return held if isinstance(held, np.ndarray) else held.dense()


def _moments(rows: Rows) -> tuple[Array, Array]:
    """The mean and the variance of each column (Chan et al. 1979).

    Of the distances from the first row, which lose no digit to a large mean. Where numbers are the
    same but for their own rounding, the variance is 0, to the last bit.
    """
    mean, squares, total = np.zeros(rows.shape[1]), np.zeros(rows.shape[1]), 0
    origin = rows.taken(slice(0, 1))[0].astype(np.float64)
    least, most = origin, origin
    for _, part in rows.dense_windows():
        least, most = np.minimum(least, part.min(axis=0)), np.maximum(most, part.max(axis=0))
        apart, count = np.subtract(part, origin, dtype=np.float64), len(part)
        part_mean = apart.mean(axis=0)
        apart -= part_mean
        squares += np.einsum("ij,ij->j", apart, apart)
        step = part_mean - mean
        squares += step**2 * (total * count / (total + count))
        total += count
        mean += step * (count / total)
    rounding = 4 * np.finfo(np.float64).eps * np.maximum(np.abs(least), np.abs(most))
    squares[most - least <= rounding] = 0.0
    return origin + mean, squares / total
