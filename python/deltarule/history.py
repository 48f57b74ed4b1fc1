"""What training came to, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deltarule import _plots


class History(dict[str, list[float]]):
    """Losses and metrics, one value an epoch: ``history["loss"]``, ``history["val_accuracy"]``.

    ``pandas.DataFrame(history)`` and ``polars.DataFrame(history)`` take it as it is.
    """

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return len(self.get("loss", max(self.values(), key=len, default=[])))

    def record(self, values: Mapping[str, float]) -> None:
        """Append an epoch's values; an epoch that has none of a name has NaN."""
        self.update(self.filled())
        before = [math.nan] * self.epochs
        for name, value in values.items():
            self.setdefault(name, list(before)).append(value)

    def filled(self) -> dict[str, list[float]]:
        """A value an epoch of each name: NaN for those that lack at the end, and none beyond it."""
        n = self.epochs
        return {
            name: [*values[:n], *[math.nan] * (n - len(values))] if len(values) != n else values
            for name, values in self.items()
        }

    def at(self, epoch: int) -> dict[str, float]:
        """The values of one epoch, which counts from 1.

        Raises
        ------
        IndexError
            For an epoch that was not finished.
        """
        if not 1 <= epoch <= self.epochs:
            raise IndexError(f"history: there is no epoch {epoch}: expected 1 to {self.epochs}")
        return {name: values[epoch - 1] for name, values in self.filled().items()}

    def columns(self) -> dict[str, list[Any]]:
        """``epoch``, counted from 1, and a list for each loss and metric."""
        return {"epoch": list(range(1, self.epochs + 1)), **self.filled()}

    def table(self) -> str:
        """Plain text: a line an epoch under a line of names."""
        return as_table(self.columns())

    def plot(self, ax: Any = None) -> Any:
        """Draw each loss and metric over the epochs; needs matplotlib.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            Where to draw; by default each kind of value has axes of its own in a new figure.

        Returns
        -------
        matplotlib Figure

        Raises
        ------
        ImportError
            Where matplotlib is not installed.
        """
        return _plots.history(self, ax)


class Right(str):
    """Text that stands to the right in a table, as numbers do."""

    __slots__ = ()


def as_table(columns: Mapping[str, list[Any]]) -> str:
    """Columns as plain text, numbers to the right."""

    def cell(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    texts = [[name, *map(cell, values)] for name, values in columns.items()]
    left = [
        bool(values) and isinstance(values[0], str) and not isinstance(values[0], Right)
        for values in columns.values()
    ]
    widths = [max(map(len, column)) for column in texts]
    return "\n".join(
        "  ".join(
            text.ljust(width) if to_left else text.rjust(width)
            for text, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in zip(*texts, strict=True)
    )
