"""The shape of a column's effect: what is predicted on average, were all rows to have its value.

Friedman 2001, "Greedy Function Approximation": partial dependence.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.columns import FEWEST_ROWS
from deltarule.report.subject import Column, Numbers, Subject

MOST_COLUMNS = 10
_BINS, _LEVELS, _ROWS = 12, 8, 300
_LINES = 3  # classes, where there are more than two


class Effect(NamedTuple):
    """A column's effect.

    Attributes
    ----------
    column : str
    at : ndarray of float64, shape (n_points,), or None
        Its numbers, one for each of some bins of as many rows; None of levels.
    names : list of str
        Its levels, the most frequent first.
    dates : bool
    lines : list of str
        What is predicted.
    predicted : ndarray of shape (n_points, n_lines)
    """

    column: str
    at: Array | None
    names: list[str]
    dates: bool
    lines: list[str]
    predicted: Array


def effects(subject: Subject) -> list[Effect]:
    """Those of the most important columns."""
    known = {column.name: column for column in subject.columns}
    order = np.argsort(-np.nan_to_num(subject.importance.mean, nan=-np.inf), kind="stable")
    names = [subject.importance.columns[k] for k in order[:MOST_COLUMNS]]
    found = [_effect(subject, known[name]) for name in names if name in known]
    return [each for each in found if each is not None]


def _effect(subject: Subject, column: Column) -> Effect | None:
    points, at, names = _points(column)
    if len(points) < 2:
        return None
    first, last = subject.spans[column.name]
    some = np.linspace(0, len(subject.rows) - 1, min(len(subject.rows), _ROWS)).astype(np.int64)
    background = subject.rows[some]
    everything = np.tile(background, (len(points), 1))
    everything[:, first:last] = np.repeat(subject.rows[points, first:last], len(some), axis=0)
    answers = subject.answer(everything).reshape(len(points), len(some), -1).mean(axis=1)
    lines, chosen = _lines(subject)
    dates = isinstance(column.test, Numbers) and column.test.dates
    return Effect(column.name, at, names, dates, lines, answers[:, chosen])


def _lines(subject: Subject) -> tuple[list[str], Sequence[int]]:
    """Which outputs are told: the number, the second class, or the most frequent ones."""
    if not subject.classes:
        return [subject.target], [0]
    if len(subject.classes) == 2:
        return [subject.classes[1]], [1]
    counts = np.bincount(subject.y, minlength=len(subject.classes))
    chosen = np.sort(np.argsort(-counts, kind="stable")[:_LINES]).tolist()
    return [subject.classes[k] for k in chosen], chosen


def _points(column: Column) -> tuple[list[int], Array | None, list[str]]:
    """Rows that have the values at which the effect is looked at."""
    values = column.test
    if isinstance(values, Numbers):
        there = np.flatnonzero(np.isfinite(values.values))
        order = there[np.argsort(values.values[there], kind="stable")]
        middles = ((np.arange(_BINS) + 0.5) / _BINS * len(order)).astype(np.int64)
        places = order[np.unique(middles)] if len(order) else order
        different, first = np.unique(values.values[places], return_index=True)
        return places[first].tolist(), _rounded(different), []
    codes = values.codes
    counts = np.bincount(codes[codes >= 0], minlength=len(values.names))
    levels = [
        code
        for code in np.argsort(-counts, kind="stable")[:_LEVELS].tolist()
        if counts[code] >= FEWEST_ROWS
    ]
    points = [int(np.argmax(codes == code)) for code in levels]
    names = [values.names[code] for code in levels]
    if (codes < 0).sum() >= FEWEST_ROWS:
        points.append(int(np.argmax(codes < 0)))
        names.append("(missing)")
    return points, None, names


def _rounded(values: Array) -> Array:
    """To three figures of the range, as a number may be somebody's."""
    step = 10.0 ** np.floor(np.log10(np.ptp(values) / 100)) if np.ptp(values) > 0 else 1.0
    return np.asarray(np.round(values / step) * step)
