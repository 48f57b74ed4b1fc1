"""Scores with the interval in which they lie with a probability of .95.

A score over rows is nearly normal where rows are many. Its deviation is that of the rows' influence
on it, over the root of their number; so no row has to be drawn again.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array

_Z = 1.959964  # of a normal distribution, .975 lie below


class Estimate(NamedTuple):
    """A score, and between which it lies, by 95 %."""

    value: float
    low: float
    high: float

    def within(self, least: float, most: float) -> Estimate:
        """The same, of a score that goes no further."""
        return Estimate(self.value, max(least, self.low), min(most, self.high))

    def times(self, unit: float) -> Estimate:
        """The same in another unit."""
        return Estimate(unit * self.value, unit * self.low, unit * self.high)


def of_mean(values: Array, weights: Array) -> Estimate:
    """A mean over rows."""
    mean = float(weights @ values / weights.sum())
    return of_influence(mean, values - mean, weights)


def of_influence(value: float, influence: Array, weights: Array) -> Estimate:
    """A score of which it is known how much each row moves it; by the delta method."""
    half = _Z * float(np.sqrt((weights**2) @ (influence**2)) / weights.sum())
    return Estimate(value, value - half, value + half)


def of_share(hits: Array, weights: Array) -> Estimate:
    """A share of rows, with Wilson's interval, which is right for shares near 0 and 1 too."""
    p, m, z2 = share_of(hits, weights), rows_alike(weights), _Z**2
    centre = (p + z2 / (2 * m)) / (1 + z2 / m)
    half = _Z / (1 + z2 / m) * np.sqrt(p * (1 - p) / m + z2 / (4 * m**2))
    # Rounding must not leave the share outside.
    return Estimate(p, min(p, float(centre - half)), max(p, float(centre + half)))


def share_of(hits: Array, weights: Array) -> float:
    """What share of what rows weigh is hits; rounding must not make more of all than all."""
    return min(1.0, float(weights @ hits / weights.sum()))


def rows_alike(weights: Array) -> float:
    """How many rows that weigh alike tell as much as these."""
    return float(weights.sum() ** 2 / (weights @ weights))


def of_deviation(value: float, deviation: float) -> Estimate:
    """A score whose standard deviation is known."""
    return Estimate(value, value - _Z * deviation, value + _Z * deviation)
