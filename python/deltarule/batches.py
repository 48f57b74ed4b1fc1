"""Batches that come from outside, one after another, so that the whole is never held."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np


class Batches:
    """What is handed to ``fit`` in place of X and y: ``(X, y)`` or ``(X, y, sample_weight)`` each.

    An iterable is walked anew each epoch, a function is called each epoch for an iterator, and an
    iterator serves one epoch, or ``steps_per_epoch`` batches at a time.
    """

    def __init__(self, source: Any, steps_per_epoch: int | None, epochs: int) -> None:
        if isinstance(source, (np.ndarray, str, dict)) or not (
            callable(source) or isinstance(source, Iterable)
        ):
            raise TypeError(
                f"fit: y is None and X is a {type(source).__name__}: expected y, or for X an "
                "iterable of (X, y) batches"
            )
        self._source, self.steps_per_epoch = source, steps_per_epoch
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

    def epoch(self, epoch: int) -> Iterator[tuple[Any, Any, Any]]:
        """Go through an epoch's batches: X, y, and the examples' weights or None."""
        iterator = iter(self._source() if callable(self._source) else self._source)
        number = 0
        for number, batch in enumerate(islice(iterator, self.steps_per_epoch), 1):
            if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
                raise TypeError(
                    f"fit: epoch {epoch}, batch {number} is a {type(batch).__name__}: expected a "
                    "tuple (X, y) or (X, y, sample_weight)"
                )
            X, y, *weights = batch
            yield X, y, weights[0] if weights else None
        if number == 0 or (self._once and number < (self.steps_per_epoch or 0)):
            raise ValueError(
                f"fit: epoch {epoch} ended after {number} batches: expected "
                f"{self.steps_per_epoch or '1 or more'}"
            )
