"""Batches that come from outside, one after another, so that the whole is never held."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from deltarule import _core
from deltarule._data.containers import opened
from deltarule._data.rows import Rows

# From X, y, the examples' weights and a place for messages to what the core takes.
Door = Callable[[Any, Any, Any, str], tuple[Rows, "_core.Target"]]


class Batch(NamedTuple):
    """A batch that has passed the door, in memory of its own."""

    rows: Rows
    target: _core.Target
    scale: float  # what the door has divided the weights by

    @property
    def bytes(self) -> int:
        """What it takes."""
        parts = (self.rows.held, *_parts(self.target))
        return sum(part.nbytes for part in parts if isinstance(part, np.ndarray))


class Batches:
    """What is handed to ``fit`` in place of X and y: ``(X, y)`` or ``(X, y, sample_weight)`` each.

    An iterable is walked anew each epoch, a function is called each epoch for an iterator, and an
    iterator serves one epoch, or ``steps_per_epoch`` batches at a time.
    """

    def __init__(self, source: Any, steps_per_epoch: int | None, epochs: int, door: Door) -> None:
        if not _may_be_batches(source):
            raise TypeError(
                "fit: y is None: expected real numbers, or an iterable of (X, y) batches in place "
                f"of X, which is a {type(source).__name__}"
            )
        self._source, self.steps_per_epoch, self._door = source, steps_per_epoch, door
        self._once = not callable(source) and iter(source) is source
        if self._once and steps_per_epoch is None and epochs > 1:
            raise ValueError(
                f"fit: epochs is {epochs} but X is an iterator, which can be walked once: expected "
                "epochs=1, steps_per_epoch, or a list, a data set or a function that gives a new "
                "iterator each epoch"
            )

    @property
    def count(self) -> int | None:
        """How many batches an epoch has, if that is known beforehand."""
        if self.steps_per_epoch is not None or not hasattr(self._source, "__len__"):
            return self.steps_per_epoch
        return len(self._source)

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Go through an epoch's batches."""
        iterator = iter(self._source() if callable(self._source) else self._source)
        number = 0
        for number, batch in enumerate(islice(iterator, self.steps_per_epoch), 1):
            if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
                raise TypeError(
                    f"fit: epoch {epoch}, batch {number} is a {type(batch).__name__}: expected a "
                    "tuple (X, y) or (X, y, sample_weight)"
                )
            X, y, weights = (*batch, None)[:3]
            where = f"fit: epoch {epoch}, batch {number}"
            if weights is not None:
                weights = opened(weights, where, "sample_weight")
            rows, target = self._door(X, y, weights, where)
            scale = 1.0
            if weights is not None and target.weights is not None:
                scale = np.max(weights.rows) / target.weights.max()
            yield Batch(
                Rows(_copy(rows.held)), _core.Target(*map(_copy, _parts(target))), float(scale)
            )
        if number == 0 or (self._once and number < (self.steps_per_epoch or 0)):
            raise ValueError(
                f"fit: epoch {epoch} ended after {number} batches: expected "
                f"{self.steps_per_epoch or '1 or more'}"
            )


def _may_be_batches(source: Any) -> bool:
    """Whether it may be walked for batches, as numbers may be, too."""
    array_or_frame = hasattr(source, "shape") and (
        hasattr(source, "dtype") or hasattr(source, "to_numpy")
    )
    if isinstance(source, (str, Mapping)) or array_or_frame:
        return False
    return callable(source) or isinstance(source, Iterable)


def _parts(target: _core.Target) -> tuple[Any, Any, Any]:
    return target.Y, target.labels, target.weights


def _copy(part: Any) -> Any:
    """A copy, as whoever yields a batch may fill the same memory with the next."""
    return part.copy() if isinstance(part, np.ndarray) else part
