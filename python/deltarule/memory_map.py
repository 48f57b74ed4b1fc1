"""Memory-mapped data: read in an order that the disk likes, and let go of when it has been read.

A page of a mapped file counts as the process's memory from its first reading until it is let go
of, so a pass over a file larger than the memory would seem to fill it. And an order drawn over the
whole file touches a page a row.
"""

import mmap
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

# Rows of this many bytes are shuffled among themselves; the pages of as many are held at a time. A
# block of them is no smaller than the pieces that a system maps.
WINDOW_BYTES = 32 * 2**20
_BLOCKS_A_WINDOW = 16


def mapped_file(array: Array) -> mmap.mmap | None:
    """The map behind an array, if letting go of its pages loses nothing."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.mode in ("r", "r+"):
            mapped = base._mmap  # type: ignore[attr-defined]
            return mapped if isinstance(mapped, mmap.mmap) else None
        base = base.base
    return None


def let_go(mapped: mmap.mmap) -> None:
    """Give the pages back; they stay in the system's cache and come back when they are read."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def rows_a_window(array: Array) -> int:
    """How many rows make up a window."""
    return max(1, WINDOW_BYTES // max(1, array.itemsize * int(np.prod(array.shape[1:]))))


def shuffled_in_windows(generator: np.random.Generator, m: int, window: int) -> Array:
    """An order of m rows: blocks in random order, and the rows of each window of blocks.

    A window's blocks come from all over the file, so that a file sorted by class is mixed well.
    """
    block = max(1, window // _BLOCKS_A_WINDOW)
    firsts = generator.permutation(np.arange(0, m, block))
    order = np.empty(m, np.int64)
    done = 0
    for start in range(0, len(firsts), _BLOCKS_A_WINDOW):
        some = firsts[start : start + _BLOCKS_A_WINDOW]
        rows = (some[:, np.newaxis] + np.arange(block)).ravel()
        rows = rows[rows < np.repeat(np.minimum(some + block, m), block)]
        order[done : done + len(rows)] = generator.permutation(rows)
        done += len(rows)
    return order
