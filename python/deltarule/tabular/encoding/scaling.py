"""Numbers on one scale: by their quantiles, robustly, or by mean and deviation."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import sqrt
from statistics import NormalDist
from typing import ClassVar, Self

import numpy as np

from deltarule._arrays import Array

MOST_QUANTILES = 1000
# What is scaled goes no further, so that it is finite in float32; and no factor is larger.
FURTHEST, _LARGEST_FACTOR = 1e6, 1e100


@dataclass(frozen=True)
class Quantiles:
    """The normal distribution's quantile in the place of the column's own.

    ``heights[i]`` belongs to ``edges[i]``; between edges it is a straight line, and beyond them it
    is level. A number that stands many times has the middle of the ranks that it takes up.
    """

    name: ClassVar[str] = "quantile"
    words: ClassVar[str] = "normal quantiles"

    edges: Array
    heights: Array

    @classmethod
    def fitted(cls, ordered: Array) -> Self:
        """Of numbers in order, of which two or more differ."""
        count = min(len(ordered), MOST_QUANTILES)
        at = np.linspace(0, len(ordered) - 1, count)
        below = at.astype(np.int64)
        above = np.minimum(below + 1, len(ordered) - 1)
        # A weighted mean, as a difference of far numbers would lose the near one's digits.
        share = at - below
        quantiles = ordered[below] * (1 - share) + ordered[above] * share
        quantiles = np.maximum.accumulate(quantiles)
        edges, firsts, counts = np.unique(quantiles, return_index=True, return_counts=True)
        return cls(edges, _normal_quantiles(count, len(ordered))[2 * firsts + counts - 1])

    def scale(self, values: Array) -> Array:
        """``values``, none of which is missing."""
        between = np.interp(values, self.edges, self.heights)
        # A slope between edges that are nearly one may be infinite.
        return np.clip(between, self.heights[0], self.heights[-1])

    @cached_property
    def _lists(self) -> tuple[list[float], list[float]]:
        return self.edges.tolist(), self.heights.tolist()

    def scale_one(self, x: float) -> float:
        """The same of a single number, to the bit."""
        edges, heights = self._lists
        at = bisect_right(edges, x) - 1
        if at < 0 or at >= len(edges) - 1 or x == edges[at]:
            return heights[max(at, 0)]
        slope = (heights[at + 1] - heights[at]) / (edges[at + 1] - edges[at])
        return min(max(slope * (x - edges[at]) + heights[at], heights[0]), heights[-1])

    def floats(self) -> list[float]:
        """What it is made of, for a file."""
        return [*self.edges.tolist(), *self.heights.tolist()]

    @classmethod
    def of_floats(cls, floats: Array) -> Self | None:
        """What it is again, or None for numbers that are none."""
        half, odd = divmod(len(floats), 2)
        edges, heights = floats[:half], floats[half:]
        rising = half >= 2 and (np.diff(edges) > 0).all() and (np.diff(heights) > 0).all()
        return cls(edges, heights) if rising and not odd and half <= MOST_QUANTILES else None


@lru_cache(maxsize=32)
def _normal_quantiles(count: int, m: int) -> Array:
    """The normal distribution's quantiles at ``count`` of ``m`` ranks, and midway between two.

    The outermost are those of ``count`` ranks, so that outliers are no further out the more rows
    there are.
    """
    ranks = np.linspace(0, m - 1, 2 * count - 1)
    shares = np.clip((ranks + 0.5) / m, 0.5 / count, 1 - 0.5 / count)
    return np.array([NormalDist().inv_cdf(share) for share in shares.tolist()])


@dataclass(frozen=True)
class Linear:
    """``(x - centre) * factor``."""

    centre: float
    factor: float

    def _scaled(self, values: Array) -> Array:
        scaled: Array = np.clip((values - self.centre) * self.factor, -FURTHEST, FURTHEST)
        return scaled

    def _scaled_one(self, x: float) -> float:
        return min(max((x - self.centre) * self.factor, -FURTHEST), FURTHEST)

    def floats(self) -> list[float]:
        """What it is made of, for a file."""
        return [self.centre, self.factor]

    @classmethod
    def of_floats(cls, floats: Array) -> Self | None:
        """What it is again, or None for numbers that are none."""
        if len(floats) != 2 or not 0 < floats[1] <= _LARGEST_FACTOR:
            return None
        return cls(float(floats[0]), float(floats[1]))


class Standard(Linear):
    """By the mean and the deviation from it."""

    name: ClassVar[str] = "standard"
    words: ClassVar[str] = "mean 0, deviation 1"

    @classmethod
    def fitted(cls, ordered: Array) -> Self:
        """Of numbers in order, of which two or more differ."""
        return cls(float(ordered.mean()), _factor(float(ordered.std())))

    def scale(self, values: Array) -> Array:
        """``values``, none of which is missing."""
        return self._scaled(values)

    def scale_one(self, x: float) -> float:
        """The same of a single number, to the bit."""
        return self._scaled_one(x)


class Robust(Linear):
    """By the median and the distance of the quartiles, with outliers drawn in smoothly.

    ``x / sqrt(1 + (x / 3)^2)``, which goes no further than 3 (Holzmüller et al. 2024, RealMLP).
    """

    name: ClassVar[str] = "robust"
    words: ClassVar[str] = "median 0, quartiles 1 apart, within 3"

    @classmethod
    def fitted(cls, ordered: Array) -> Self:
        """Of numbers in order, of which two or more differ."""
        low, median, high = np.quantile(ordered, [0.25, 0.5, 0.75])
        apart = high - low if high > low else (ordered[-1] - ordered[0]) / 2
        return cls(float(median), _factor(float(apart)))

    def scale(self, values: Array) -> Array:
        """``values``, none of which is missing."""
        scaled = self._scaled(values)
        drawn_in: Array = scaled / np.sqrt(1 + (scaled / 3) ** 2)
        return drawn_in

    def scale_one(self, x: float) -> float:
        """The same of a single number, to the bit."""
        scaled = self._scaled_one(x)
        third = scaled / 3
        return scaled / sqrt(1 + third * third)


Scaling = Quantiles | Standard | Robust

SCALINGS: dict[str, type[Quantiles] | type[Standard] | type[Robust]] = {
    kind.name: kind for kind in (Quantiles, Robust, Standard)
}


def _factor(apart: float) -> float:
    return 1 / max(apart, 1 / _LARGEST_FACTOR)
