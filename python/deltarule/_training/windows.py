"""The examples of a memory map in the order of training, a window at a time.

An order over a whole file would touch a page a row. So the rows of a window's worth of batches are
fetched at one go, in the file's order, and put in the order that is asked for: the steps are those
that an array in memory would give.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.rows import Rows

if TYPE_CHECKING:
    from deltarule._training.runs import Run


class Windows:
    """The window that was fetched last, and the next one where it is asked for."""

    def __init__(self) -> None:
        self._order: Array | None = None
        self._first = 0
        self._rows: Rows | None = None
        self._target: _core.Target | None = None

    def of(self, run: Run) -> Run:
        """The same run, of rows in memory where that is wanted."""
        rows, order = run.rows, run.order
        window = rows.batches_a_window(run.batch_size) * run.batch_size
        # What fits into a window, is shuffled in windows or is larger than one is read in place.
        if not rows.mapped or order is None or not rows.window() < len(rows):
            return run
        if rows.shuffled_in_windows or window > rows.window():
            return run
        first = run.first - run.first % window
        if order is not self._order or first != self._first or self._rows is None:
            self._rows = self._target = None  # which another takes the place of
            some = order[first : first + window]
            self._rows, self._target = Rows(rows.taken(some)), _taken(run.target, some)
            self._order, self._first = order, first
        assert self._target is not None
        return run._replace(
            rows=self._rows, target=self._target, order=None, first=run.first - first
        )


def _taken(target: _core.Target, rows: Array) -> _core.Target:
    """Some examples' targets."""
    return _core.Target(
        None if target.Y is None else target.Y[rows],
        None if target.labels is None else target.labels[rows],
        None if target.weights is None else target.weights[rows],
    )
