"""Errors of numbers, in bins: over what was predicted, and all of them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.bins import Bins, binned, inner_range

_ACROSS, _UP = 36, 25


class Residuals(NamedTuple):
    """Target less prediction.

    Attributes
    ----------
    counts : ndarray of int, shape (n_up, n_across)
        Rows by residual, from the least on, and by prediction.
    predictions, residuals : (float, float)
        From where to where the bins go; what is beyond is in the last ones.
    every : Bins
        Of all residuals.
    """

    counts: Array
    predictions: tuple[float, float]
    residuals: tuple[float, float]
    every: Bins


def residuals(y: Array, A: Array) -> Residuals:
    """Bin the errors of predictions."""
    errors = y - A
    across, up = inner_range(A), inner_range(errors)
    cells = _places(errors, up, _UP) * _ACROSS + _places(A, across, _ACROSS)
    counts = np.bincount(cells, minlength=_UP * _ACROSS).reshape(_UP, _ACROSS)
    return Residuals(counts, across, up, binned(errors, up))


def _places(values: Array, ends: tuple[float, float], count: int) -> Array:
    least, most = ends
    return ((values - least) / (most - least) * count).astype(np.int64).clip(0, count - 1)
