"""A part of the rows held out: which, and how some rows are read without copies of all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from deltarule._arrays import Array
from deltarule._data.rows import Held, Rows


class SomeRows(Rows):
    """Some rows by their numbers, in the place of all of them.

    They are gathered part by part. (For who has an order to go by, the core reads the whole.)
    """

    __slots__ = ("_rows", "_whole")

    def __init__(self, whole: Rows, rows: Array) -> None:
        self._whole, self._rows, self.columns = whole, rows, whole.columns
        self._moments = None

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *self._whole.shape[1:])

    @property
    def mapped(self) -> bool:
        return self._whole.mapped

    @property
    def shuffled_in_windows(self) -> bool:
        return self._whole.shuffled_in_windows

    def let_go(self) -> None:
        self._whole.let_go()

    def window(self) -> int:
        return self._whole.window()

    def part(self, rows: slice) -> Held:
        return self.taken(rows)

    def windows(self) -> Iterator[tuple[int, Held]]:
        yield from self.dense_windows()

    def dense_windows(self) -> Iterator[tuple[int, Array]]:
        size = self.window()
        for first in range(0, len(self), size):
            yield first, self.taken(slice(first, first + size))
            self.let_go()

    def taken(self, rows: slice | Array) -> Array:
        return self._whole.taken(self._rows[rows])


def split(m: int, fraction: float, classes: Array | None) -> tuple[Array, Array]:
    """The numbers of the rows to train on, and of those that are held out; both rise.

    Which is drawn depends on nothing but how many rows there are and on their classes, so that a
    second fit, one that is resumed and one of another network hold out the same. Of every class
    the same part is held out, as near as whole rows come to it.

    Parameters
    ----------
    m : int
    fraction : float
        To be held out; as many rows as scikit-learn's ``train_test_split``.
    classes : ndarray of shape (m,), or None
    """
    order = np.random.default_rng(0).permutation(m)
    if classes is not None:
        # How far through its own class each row comes: the first ones are of all classes alike.
        of_class = order[np.argsort(classes[order], kind="stable")]
        counts = np.unique(classes, return_counts=True)[1]
        starts = np.repeat(np.cumsum(counts) - counts, counts)
        depth = (np.arange(m) - starts + 0.5) / np.repeat(counts, counts)
        order = of_class[np.argsort(depth, kind="stable")]
    held_out = int(np.ceil(fraction * m))
    return np.sort(order[held_out:]), np.sort(order[:held_out])
