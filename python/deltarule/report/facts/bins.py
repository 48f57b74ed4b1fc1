"""Numbers in bins of one width, without the numbers: what a histogram is drawn of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array

_COUNT = 24
_TAIL = 0.005  # of the rows at each end, which share the last bin


class Bins(NamedTuple):
    """Counts of numbers, from ``least`` to ``most``; the outer bins have what is beyond."""

    least: float
    most: float
    counts: Array


def inner_range(values: Array) -> tuple[float, float]:
    """From where to where most numbers lie, rounded outwards, so that no end is a row's number."""
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0, 1.0
    least, most = np.quantile(there, [_TAIL, 1 - _TAIL]).tolist()
    step = 10.0 ** np.floor(np.log10((most - least) / 20)) if most > least else 0.0
    if step == 0 or not np.isfinite(step):
        half = abs(least) / 2 or 0.5
        return least - half, most + half
    return float(np.floor(least / step) * step), float(np.ceil(most / step) * step)


def binned(values: Array, ends: tuple[float, float], count: int = _COUNT) -> Bins:
    """Count the finite ones."""
    least, most = ends
    there = np.clip(values[np.isfinite(values)], least, most)
    return Bins(least, most, np.histogram(there, count, (least, most))[0])
