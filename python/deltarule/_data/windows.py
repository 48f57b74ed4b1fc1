"""The examples of a memory map in the order of training, a window at a time.

An order over a whole file would touch a page a row. So the rows of a window's worth of batches are
fetched at one go, in the file's order, and put in the order that is asked for: the steps are those
that an array in memory would give.
"""

from __future__ import annotations

from typing import NamedTuple

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._data.targets import part_of


class Window(NamedTuple):
    """Examples in the order of training, and which is the first of them."""

    rows: Rows
    target: _core.Target
    order: Array | None
    first: int


class Windows:
    """The window that was fetched last, and the next one where it is asked for."""

    def __init__(self) -> None:
        self._order: Array | None = None
        self._fetched: Window | None = None

    def holding(self, first: int, batch_size: int, like: Window) -> Window:
        """The window with an example of an order; what is read where it lies, as it is given."""
        rows, order = like.rows, like.order
        window = rows.batches_a_window(batch_size) * batch_size
        # What fits into a window, is shuffled in windows or is larger than one is read in place.
        if order is None or not window <= rows.window() < len(rows):
            return like
        if rows.shuffled_in_windows:
            return like
        begin = first - first % window
        if order is not self._order or self._fetched is None or self._fetched.first != begin:
            self._fetched = None  # which another takes the place of
            some = order[begin : begin + window]
            self._fetched = Window(Rows(rows.taken(some)), part_of(like.target, some), None, begin)
            self._order = order
        return self._fetched
