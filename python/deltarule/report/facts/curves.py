"""Curves of two classes' probabilities, and how far probabilities mean what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.estimates import rows_alike

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
    weights : ndarray of shape (n_bins,)
        What each bin's rows weigh together.
    counts : ndarray of shape (n_bins,)
        How many rows that weigh alike would tell as much.
    error : float
        How far the two are apart, on average over rows.
    """

    said: Array
    came: Array
    weights: Array
    counts: Array

    @property
    def error(self) -> float:
        """The expected calibration error."""
        return float(np.average(np.abs(self.said - self.came), weights=self.weights))

    @property
    def noise(self) -> float:
        """What the error would be, on average, of probabilities that mean what they say."""
        deviations = np.sqrt(self.said * (1 - self.said) / self.counts)
        return float(np.average(np.sqrt(2 / np.pi) * deviations, weights=self.weights))


class Threshold(NamedTuple):
    """What comes of calling every row of a probability so high the second class.

    False alarms and missed rows are counted, whatever they weigh.
    """

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
    """What rows of each class weigh at or above each probability there is, from the highest on."""

    thresholds: Array
    hits: Array
    alarms: Array


def _counted(y: Array, p: Array, w: Array) -> _Counts:
    order = np.argsort(-p, kind="stable")
    p, hits, alarms = p[order], np.cumsum((w * y)[order]), np.cumsum((w * (1 - y))[order])
    last = np.append(np.flatnonzero(np.diff(p)), len(p) - 1)  # of those of one probability
    return _Counts(p[last], hits[last], alarms[last])


def roc(y: Array, p: Array, w: Array) -> Curve:
    """The share of the second class that is found, over the share of the first that is called it.

    Of 0 and 1, a probability and a weight each.
    """
    _, hits, alarms = _counted(y, p, w)
    return _thinned(np.append(0, alarms) / alarms[-1], np.append(0, hits) / hits[-1])


def precision_recall(y: Array, p: Array, w: Array) -> Curve:
    """How many of those that are called the second class are of it, over how many are found."""
    _, hits, alarms = _of_some(_counted(y, p, w))
    return _thinned(hits / hits[-1], hits / (hits + alarms))


def average_precision(y: Array, p: Array, w: Array) -> float:
    """The precision, on average over the steps of the recall."""
    _, hits, alarms = _of_some(_counted(y, p, w))
    steps = np.diff(hits, prepend=0) / hits[-1]
    return float((steps * hits / (hits + alarms)).sum())


def _of_some(counted: _Counts) -> _Counts:
    """From where on something weighs something: before, a precision is none."""
    first = int(np.argmax(counted.hits + counted.alarms > 0))
    return _Counts(*(each[first:] for each in counted))


def _thinned(x: Array, y: Array) -> Curve:
    """Some points of a curve, evenly along it."""
    if len(x) <= _MOST_POINTS:
        return Curve(x, y)
    along = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y))))
    wanted = np.linspace(0, along[-1], _MOST_POINTS)
    places = np.unique(np.searchsorted(along, wanted).clip(0, len(x) - 1))
    return Curve(x[places], y[places])


def calibration(came: Array, said: Array, w: Array) -> Calibration:
    """Probabilities that something comes, beside whether it came."""
    order = np.argsort(said, kind="stable")
    order = order[w[order] > 0]
    parts = np.array_split(order, min(_BINS, len(order)))
    return Calibration(
        np.array([np.average(said[part], weights=w[part]) for part in parts]),
        np.array([np.average(came[part], weights=w[part]) for part in parts]),
        np.array([w[part].sum() for part in parts]),
        np.array([rows_alike(w[part]) for part in parts]),
    )


def thresholds(y: Array, p: Array, w: Array) -> list[Threshold]:
    """What comes of each threshold from .1 to .9."""
    found = []
    for at in np.arange(1, 10) / 10:
        called = p >= at
        hits, positive = float(w[called] @ y[called]), float(w @ y)
        found.append(
            Threshold(
                float(at),
                hits / float(w[called].sum()) if w[called].any() else float("nan"),
                hits / positive,
                int((y[called] == 0).sum()),
                int((y[~called] == 1).sum()),
            )
        )
    return found


def cheapest(y: Array, p: Array, w: Array) -> list[Cheapest]:
    """The best threshold for costs of several ratios; a cost is per row, in false alarms."""
    counted, m, positive = _counted(y, p, w), float(w.sum()), float(w @ y)
    found = []
    for ratio in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0):
        costs = counted.alarms + ratio * (positive - counted.hits)
        # Calling none is a choice as well, at a threshold above all.
        costs = np.append(ratio * positive, costs)
        best = int(costs.argmin())
        at = 1.0 if best == 0 else float(counted.thresholds[best - 1])
        called = p >= 0.5
        at_half = w[called] @ (1 - y[called]) + ratio * (positive - w[called] @ y[called])
        found.append(Cheapest(ratio, at, float(costs[best]) / m, float(at_half) / m))
    return found
