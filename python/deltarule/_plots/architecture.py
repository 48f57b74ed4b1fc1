"""A network's layers, one beside the other: units as circles, weights as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._plots.axes import pyplot

_MOST_UNITS = 9  # of a layer that are drawn; of more, the first and the last
_APART, _TEXT = 2.4, 10.0  # between layers; the size of words
_NEGATIVE, _POSITIVE = "tab:blue", "tab:red"


class Column(NamedTuple):
    """A layer, or the inputs.

    Attributes
    ----------
    title : str
    words : sequence of str
        Below it: shapes and numbers of parameters.
    units : int
    weights : ndarray of shape (units, units before), or None
        What comes from each unit before; None of a layer that has no such matrix.
    own : bool
        Whether each unit goes on to itself alone, where there are no weights.
    source : int or None
        The column whose units are added.
    """

    title: str
    words: Sequence[str]
    units: int
    weights: Array | None = None
    own: bool = False
    source: int | None = None


def architecture(columns: Sequence[Column], title: str, ax: Any = None) -> Any:
    """Draw the columns from left to right; weights are blue where negative, red where positive.

    A line is the stronger the larger its weight is among its layer's.
    """
    if ax is None:
        most = max(min(column.units, _MOST_UNITS) for column in columns)
        size = (max(4.0, 1.9 * len(columns)), 2.2 + 0.4 * most)
        _, ax = pyplot().subplots(figsize=size, layout="constrained")
    ink = pyplot().rcParams["text.color"]
    places = [_places(column.units) for column in columns]
    for at in range(1, len(columns)):
        _lines(ax, at, columns[at], places[at - 1], places[at], ink)
        if (source := columns[at].source) is not None:
            top = max(max(y for _, y in places[k]) for k in range(source, at + 1)) + 0.9
            ends = [source * _APART, source * _APART, at * _APART, at * _APART]
            heights = [places[source][0][1] + 0.4, top, top, places[at][0][1] + 0.4]
            ax.plot(ends, heights, color=ink, linewidth=1, linestyle="--", zorder=1)
    foot = min(y for column in places for _, y in column) - 0.8
    head = max(y for column in places for _, y in column) + 1.3
    lines = 1 + max(column.title.count("\n") for column in columns)
    for at, column in enumerate(columns):
        _units(ax, at, column.units, places[at], ink)
        ax.text(at * _APART, head, column.title, ha="center", va="bottom", size=_TEXT, color=ink)
        words = "\n".join([f"{column.units}", *column.words])
        ax.text(at * _APART, foot, words, ha="center", va="top", size=_TEXT - 1, color=ink)
    ax.set_title(title, color=ink)
    ax.set_xlim(-0.55 * _APART, (len(columns) - 0.45) * _APART)
    ax.set_ylim(
        foot - 0.6 * (1 + max(len(column.words) for column in columns)), head + 0.55 * lines
    )
    ax.set_axis_off()
    return ax.figure


def _places(units: int) -> list[tuple[int, float]]:
    """Which units are drawn, and how high, the first at the top; a gap where some are not."""
    if units <= _MOST_UNITS:
        return [(unit, (units - 1) / 2 - unit) for unit in range(units)]
    half = _MOST_UNITS // 2
    top = [(unit, float(half - unit)) for unit in range(half)]
    bottom = [(units - half + unit, float(-1 - unit)) for unit in range(half)]
    return [*top, *bottom]


def _units(ax: Any, at: int, units: int, places: list[tuple[int, float]], ink: Any) -> None:
    ground = pyplot().rcParams["axes.facecolor"]
    ax.scatter(
        [at * _APART] * len(places),
        [y for _, y in places],
        s=170,
        facecolor=ground,
        edgecolor=ink,
        zorder=3,
    )
    if units > len(places):
        ax.text(at * _APART, 0, "⋮", ha="center", va="center", size=14, color=ink, zorder=4)


def _lines(
    ax: Any,
    at: int,
    column: Column,
    before: list[tuple[int, float]],
    after: list[tuple[int, float]],
    ink: Any,
) -> None:
    """What goes from one column to the next."""
    ends = ((at - 1) * _APART, at * _APART)
    if column.weights is None:
        for unit, y in after:
            for other, y_before in before:
                if not column.own or unit == other:
                    ax.plot(ends, (y_before, y), color=ink, alpha=0.25, linewidth=0.7, zorder=1)
        return
    largest = float(np.abs(column.weights).max()) or 1.0
    for unit, y in after:
        for other, y_before in before:
            weight = float(column.weights[unit, other])
            size = abs(weight) / largest
            ax.plot(
                ends,
                (y_before, y),
                color=_POSITIVE if weight > 0 else _NEGATIVE,
                alpha=0.1 + 0.8 * size,
                linewidth=0.5 + 1.5 * size,
                zorder=2 if size > 0.5 else 1,
            )
