"""A column in counts: what is missing, bins of numbers, the rows of the most frequent levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.bins import Bins, binned, inner_range
from deltarule.report.subject import Column, Levels, Numbers, Values

MOST_LEVELS = 6
# A level of fewer rows is not named: it may be somebody's.
FEWEST_ROWS = 5
_DRIFT_BINS = 10


class Part(NamedTuple):
    """What some rows have of a column."""

    rows: int
    missing: int
    counts: Array


class ColumnFacts(NamedTuple):
    """A column, in counts.

    Attributes
    ----------
    name, kind, leak, copied : str
    dates, identifier : bool
    ends : (float, float) or None
        Of the bins, if it has numbers.
    levels : list of str
        The most frequent ones, whose counts are first; the last count is that of all others.
    test : Part
    train : Part or None
    differing : int
        How many different values the rows of the report have.
    drift : float or None
        The population stability index between the two.
    noise : float
        What the index would be, on average, of rows from one source.
    """

    name: str
    kind: str
    leak: str
    copied: str
    dates: bool
    identifier: bool
    ends: tuple[float, float] | None
    levels: list[str]
    test: Part
    train: Part | None
    differing: int
    drift: float | None
    noise: float

    def bins(self, part: Part) -> Bins:
        """The part's counts, as bins."""
        assert self.ends is not None
        return Bins(*self.ends, part.counts)


def column_facts(column: Column) -> ColumnFacts:
    """Count what a column has."""
    test, train = column.test, column.train
    ends, levels = None, list[str]()
    if isinstance(test, Numbers):
        known = [each.values for each in (test, train) if isinstance(each, Numbers)]
        ends = inner_range(np.concatenate(known))
        there = test.values[np.isfinite(test.values)]
        differing, dates = len(np.unique(there)), test.dates
    else:
        levels = _most_frequent([each for each in (train, test) if isinstance(each, Levels)])
        differing, dates = len(np.unique(test.codes[test.codes >= 0])), False
    drift, noise = (None, 0.0) if train is None else _drift(train, test)
    return ColumnFacts(
        column.name,
        column.kind,
        column.leak,
        column.copied,
        dates,
        column.identifier,
        ends,
        levels,
        _part(test, ends, levels),
        None if train is None else _part(train, ends, levels),
        differing,
        drift,
        noise,
    )


def _part(values: Values, ends: tuple[float, float] | None, levels: Sequence[str]) -> Part:
    if isinstance(values, Numbers):
        assert ends is not None
        missing = int(np.isnan(values.values).sum())
        return Part(len(values.values), missing, binned(values.values, ends).counts)
    missing = int((values.codes < 0).sum())
    by_name = _counts_by_name(values)
    named = [by_name.get(level, 0) for level in levels]
    rest = len(values.codes) - missing - sum(named)
    return Part(len(values.codes), missing, np.array([*named, rest]))


def _counts_by_name(values: Levels) -> dict[str, int]:
    counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.names))
    return dict(zip(values.names, counts.tolist(), strict=True))


def _most_frequent(parts: Sequence[Levels]) -> list[str]:
    """The most frequent levels, of those that several rows have."""
    counts: dict[str, int] = {}
    for part in parts:
        for name, count in _counts_by_name(part).items():
            counts[name] = counts.get(name, 0) + count
    known = [name for name, count in counts.items() if count >= FEWEST_ROWS]
    return sorted(known, key=lambda name: (-counts[name], name))[:MOST_LEVELS]


def _drift(train: Values, test: Values) -> tuple[float, float]:
    """How far apart two parts are, and how far they would be by chance.

    In tenths of the rows of the fit, or by level; what is missing is a bin of its own.
    """
    if isinstance(train, Numbers) and isinstance(test, Numbers):
        there = train.values[np.isfinite(train.values)]
        if not len(there):
            return 0.0, 0.0
        edges = np.unique(np.quantile(there, np.arange(1, _DRIFT_BINS) / _DRIFT_BINS))
        count = len(edges) + 1
        both = [
            np.where(np.isnan(each.values), count, np.searchsorted(edges, each.values, "right"))
            for each in (train, test)
        ]
    elif isinstance(train, Levels) and isinstance(test, Levels):
        by_name = _counts_by_name(train)
        known = sorted(by_name, key=lambda name: (-by_name[name], name))[: 2 * _DRIFT_BINS]
        places = {name: place for place, name in enumerate(known)}
        count = len(known) + 1
        both = [
            np.array([*(places.get(name, count - 1) for name in each.names), count])[each.codes]
            for each in (train, test)
        ]
    else:
        return 0.0, 0.0
    return stability_index(*(np.bincount(each, minlength=count + 1) for each in both))


def stability_index(one: Array, other: Array) -> tuple[float, float]:
    """The population stability index of two lists of counts, and its mean by chance."""
    there = (one + other) > 0
    # Half a row for none, as a logarithm is taken.
    p = np.maximum(one[there], 0.5) / one.sum()
    q = np.maximum(other[there], 0.5) / other.sum()
    noise = (there.sum() - 1) * (1 / one.sum() + 1 / other.sum())
    return float(((p - q) * np.log(p / q)).sum()), float(noise)
