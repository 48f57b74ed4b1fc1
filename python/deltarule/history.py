"""What training came to, epoch by epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from deltarule._monitor import mode_by_name
from deltarule._plots import curves


class History(dict[str, list[float]]):
    """Losses and metrics, one value an epoch: ``history["loss"]``, ``history["val_accuracy"]``.

    ``pandas.DataFrame(history)`` and ``polars.DataFrame(history)`` take it as it is.

    Attributes
    ----------
    diverged : str or None
        Why training ended, where its cost was no longer finite.

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
    >>> X, y = [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], [1.0, 1.0, 2.0]
    >>> history = net.fit(X, y, epochs=3, metrics=["mean_absolute_error"])
    >>> history.epochs, sorted(history)
    (3, ['loss', 'mean_absolute_error'])
    """

    diverged: str | None = None

    def __missing__(self, name: str) -> list[float]:
        why = ""
        if (
            isinstance(name, str)
            and name.startswith("val_")
            and not any(each.startswith("val_") for each in self)
        ):
            why = "; there are val_ values where fit is given validation_data or validation_split"
        raise KeyError(f"history: there is no {name!r}: expected one of {list(self)}{why}")

    def __repr__(self) -> str:
        texts = []
        for name, last, best, at in self._last_and_best():
            better = "" if at in (None, self.epochs) else f" (best {best:.4g} at {at})"
            texts.append(f"{name} {last:.4g}{better}")
        epochs = f"{self.epochs} epoch{'s' * (self.epochs != 1)}"
        return f"History({epochs}{': ' * bool(texts)}{', '.join(texts)})"

    def _repr_html_(self) -> str:
        rows = self._last_and_best()
        columns: dict[str, list[Any]] = {
            "": [name for name, *_ in rows],
            "last": [last for _, last, _, _ in rows],
            "best": [best for *_, best, _ in rows],
            "at epoch": [Right("" if at is None else at) for *_, at in rows],
        }
        return as_html(columns, f"History of {self.epochs} epochs")

    def _last_and_best(self) -> list[tuple[str, float, Any, int | None]]:
        """Each name, its last value, its best, and the best one's epoch; of some there is no best.

        A name that says nothing about which values are good has none, nor one that is all NaN.
        """
        found: list[tuple[str, float, Any, int | None]] = []
        for name, values in self.filled().items():
            numbers = [value for value in values if value == value]
            mode = mode_by_name(name)
            best = (min if mode == "min" else max)(numbers) if numbers and mode else None
            at = None if best is None else values.index(best) + 1
            found.append((name, values[-1] if values else math.nan, "" if at is None else best, at))
        return found

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return len(self.get("loss", max(self.values(), key=len, default=[])))

    def record(self, values: Mapping[str, float]) -> None:
        """Append an epoch's values; an epoch that has none of a name has NaN."""
        self.pad()
        before = [math.nan] * self.epochs
        for name, value in values.items():
            self.setdefault(name, list(before)).append(value)

    def pad(self) -> None:
        """Give every name a value an epoch, NaN where there is none."""
        n = self.epochs
        for name, values in self.items():
            if len(values) < n:
                self[name] = [*values, *[math.nan] * (n - len(values))]

    def filled(self) -> dict[str, list[float]]:
        """A value an epoch of each name: NaN for those that lack at the end, none beyond it."""
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
        return curves.history(self, ax)


class Right(str):
    """Text that stands to the right in a table, as numbers do."""

    __slots__ = ()


def as_html(columns: Mapping[str, list[Any]], title: str, below: Sequence[str] = ()) -> str:
    """Columns as an HTML table under a title, numbers to the right, and lines below it.

    All that is text is escaped.
    """
    from html import escape  # for notebooks alone

    def cells(values: list[Any], tag: str) -> str:
        return "".join(
            f'<{tag} style="text-align: {_side(value)}">{escape(_cell(value))}</{tag}>'
            for value in values
        )

    firsts = [values[0] if values else "" for values in columns.values()]
    head = "".join(
        f'<th style="text-align: {_side(first)}">{escape(name)}</th>'
        for name, first in zip(columns, firsts, strict=True)
    )
    rows = "".join(
        f"<tr>{cells(list(row), 'td')}</tr>" for row in zip(*columns.values(), strict=True)
    )
    return (
        f'<table><caption style="text-align: left; white-space: nowrap">{escape(title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
        + "".join(f"<div>{escape(line)}</div>" for line in below)
    )


def _cell(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _side(value: Any) -> str:
    return "left" if isinstance(value, str) and not isinstance(value, Right) else "right"


def as_table(columns: Mapping[str, list[Any]]) -> str:
    """Columns as plain text, numbers to the right."""
    texts = [[name, *map(_cell, values)] for name, values in columns.items()]
    left = [bool(values) and _side(values[0]) == "left" for values in columns.values()]
    widths = [max(map(len, column)) for column in texts]
    return "\n".join(
        "  ".join(
            text.ljust(width) if to_left else text.rjust(width)
            for text, width, to_left in zip(row, widths, left, strict=True)
        ).rstrip()
        for row in zip(*texts, strict=True)
    )
