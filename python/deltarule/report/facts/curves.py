"""Curves of two classes' probabilities, and how far probabilities mean what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array

_MOST_POINTS = 200
_BINS = 10


class Curve(NamedTuple):
    """Points of a line, some hundred at most."""

    x: Array
    y: Array


class Calibration(NamedTuple):
    """Rows by the probability that they were given, as many in each bin.

    Attributes
    ----------
    said, came : ndarray of shape (n_bins,)
        The mean probability, and the share of rows in which it came true.
    counts : ndarray of int, shape (n_bins,)
    error : float
        How far the two are apart, on average over rows.
    """

    said: Array
    came: Array
    counts: Array

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return float(np.average(np.abs(self.said - self.came), weights=self.counts))

    @property
    def noise(self) -> float:
        """What the error would be, on average, of probabilities that mean what they say."""
        deviations = np.sqrt(self.said * (1 - self.said) / self.counts)
        return float(np.average(np.sqrt(2 / np.pi) * deviations, weights=self.counts))


class Threshold(NamedTuple):
    """What comes of calling every row of a probability so high the second class."""

    threshold: float
    precision: float
    recall: float
    false_alarms: int
    missed: int


class Cheapest(NamedTuple):
    """The threshold of the least cost, where a missed row costs so many false alarms."""

    missed_costs: float
    threshold: float
    cost: float
    at_half: float


class _Counts(NamedTuple):
    """Rows of each class at or above each probability that there is, from the highest on."""

    thresholds: Array
    hits: Array
    alarms: Array


def _counted(y: Array, p: Array) -> _Counts:
    order = np.argsort(-p, kind="stable")
    p, hits = p[order], np.cumsum(y[order])
    last = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)  # of those of one probability
    return _Counts(p[last], hits[last], last + 1 - hits[last])


def roc(y: Array, p: Array) -> Curve:
    """The share of the second class that is found, over the share of the first that is called it.

    Of 0 and 1 and a probability each.
    """
    _, hits, alarms = _counted(y, p)
    x = np.append(0, alarms) / max(1, alarms[-1])
    return _thinned(x, np.append(0, hits) / max(1, hits[-1]))


def precision_recall(y: Array, p: Array) -> Curve:
    """How many of those that are called the second class are of it, over how many are found."""
    _, hits, alarms = _counted(y, p)
    return _thinned(hits / max(1, hits[-1]), hits / (hits + alarms))


def average_precision(y: Array, p: Array) -> float:
    """The precision, on average over the steps of the recall."""
    _, hits, alarms = _counted(y, p)
    steps = np.diff(hits, prepend=0) / max(1, hits[-1])
    return float((steps * hits / (hits + alarms)).sum())


def _thinned(x: Array, y: Array) -> Curve:
    """Some points of a curve, evenly along it."""
    if len(x) <= _MOST_POINTS:
        return Curve(x, y)
    along = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    wanted = np.linspace(0, along[-1], _MOST_POINTS)
    places = np.unique(np.searchsorted(along, wanted).clip(0, len(x) - 1))
    return Curve(x[places], y[places])


def calibration(came: Array, said: Array) -> Calibration:
    """Probabilities that something comes, beside whether it came."""
    order = np.argsort(said, kind="stable")
    parts = np.array_split(order, min(_BINS, len(order)))
    return Calibration(
        np.array([said[part].mean() for part in parts]),
        np.array([came[part].mean() for part in parts]),
        np.array([len(part) for part in parts]),
    )


def thresholds(y: Array, p: Array) -> list[Threshold]:
    """What comes of each threshold from .1 to .9."""
    found = []
    for at in np.arange(1, 10) / 10:
        called = p >= at
        hits, alarms = int(y[called].sum()), int((1 - y[called]).sum())
        positive = int(y.sum())
        found.append(
            Threshold(
                float(at),
                hits / (hits + alarms) if hits + alarms else float("nan"),
                hits / positive if positive else float("nan"),
                alarms,
                positive - hits,
            )
        )
    return found


def cheapest(y: Array, p: Array) -> list[Cheapest]:
    """The best threshold for costs of several ratios; a cost is per row, in false alarms."""
    counted, m, positive = _counted(y, p), len(y), int(y.sum())
    found = []
    for ratio in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0):
        costs = counted.alarms + ratio * (positive - counted.hits)
        # Calling none is a choice as well, at a threshold above all.
        costs = np.append(ratio * positive, costs)
        best = int(costs.argmin())
        at = 1.0 if best == 0 else float(counted.thresholds[best - 1])
        called = p >= 0.5
        at_half = (1 - y[called]).sum() + ratio * (positive - y[called].sum())
        found.append(Cheapest(ratio, at, float(costs[best]) / m, float(at_half) / m))
    return found
