"""Columns of numbers that tell nearly the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deltarule.report.subject import Column, Numbers

_MOST_ROWS, _MOST_COLUMNS = 5000, 300
_LEAST_ROWS = 20
_NEARLY_ALL = 0.95


class Correlated(NamedTuple):
    """Two columns and the correlation of their ranks."""

    one: str
    other: str
    correlation: float


def correlated(columns: Sequence[Column]) -> list[Correlated]:
    """The pairs whose ranks are correlated by .95 or more, the closest first."""
    numbers = [each for each in columns if isinstance(each.test, Numbers)][:_MOST_COLUMNS]
    ranked, names = [], []
    for each in numbers:
        assert isinstance(each.test, Numbers)
        values = each.test.values[:_MOST_ROWS]
        known = np.isfinite(values)
        if known.sum() < max(_LEAST_ROWS, len(values) / 2):
            continue
        _, places, counts = np.unique(values[known], return_inverse=True, return_counts=True)
        if len(counts) < 2:
            continue
        ranks = np.full(len(values), 0.0)
        ranks[known] = (np.cumsum(counts) - counts / 2)[places]
        ranks[known] -= ranks[known].mean()
        ranked.append(ranks)
        names.append(each.name)
    if len(names) < 2:
        return []
    R = np.corrcoef(np.array(ranked))
    found = [
        Correlated(names[i], names[j], float(R[i, j]))
        for i, j in zip(*np.nonzero(np.triu(np.abs(R) >= _NEARLY_ALL, 1)), strict=True)
    ]
    return sorted(found, key=lambda pair: -abs(pair.correlation))
