"""How well one column alone tells a target: learned of every other row, and tried on the rest."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array

# What is nearly without error: of the variance, or of each class on average.
_NEARLY_ALL = 0.99
_LEAST_ROWS = 50
_MOST_BINS, _ROWS_A_BIN = 500, 16


def given_away(groups: Array | None, values: Array | None, target: Array, classes: int) -> str:
    """How well a column predicts a target nearly without error, in words; empty where it does not.

    Parameters
    ----------
    groups : ndarray of int, shape (n_samples,), or None
        Rows that the column does not tell apart, by number; None of one that tells nothing.
    values : ndarray of shape (n_samples,), or None
        The column's numbers, NaN where one is missing, if it has such.
    target : ndarray of shape (n_samples,)
        Numbers, or the places of classes.
    classes : int
        How many classes there are; 0 of numbers.
    """
    if groups is None:
        return ""
    if classes:
        share = _of_classes(groups, target, classes)
        return f"predicts {share:.1%} of each class" if share >= _NEARLY_ALL else ""
    target = target / (float(np.ptp(target)) or 1.0)  # whose squares are finite
    share = max(_of_variance(groups, target), _squared_correlation(values, target))
    return f"explains {share:.1%} of the target's variance" if share >= _NEARLY_ALL else ""


def groups_of(values: Array) -> Array | None:
    """Rows of numbers that are nearly the same, by number; 0 are those in which one is missing."""
    there = np.sort(values[~np.isnan(values)])
    if not len(there):
        return None
    bins = min(_MOST_BINS, max(2, len(there) // _ROWS_A_BIN))
    edges = np.unique(there[np.linspace(0, len(there) - 1, bins).astype(np.int64)])
    groups: Array = np.searchsorted(edges, values, side="right") + 1
    groups[np.isnan(values)] = 0
    return groups


def _of_classes(groups: Array, values: Array, classes: int) -> float:
    """How many of each class are told by their group, on average over the classes."""
    labels = values.astype(np.int64)
    known, tried = slice(0, None, 2), slice(1, None, 2)
    count = int(groups.max()) + 1
    if count * classes > 2**24:  # so many groups that none is known
        return 0.0
    cells = np.bincount(groups[known] * classes + labels[known], minlength=count * classes)
    told = cells.reshape(count, classes).argmax(axis=1)[groups[tried]] == labels[tried]
    of_each = np.bincount(labels[tried], minlength=classes)
    right = np.bincount(labels[tried], told, minlength=classes)
    there = of_each > 0
    return float((right[there] / of_each[there]).mean()) if there.sum() > 1 else 0.0


def _of_variance(groups: Array, values: Array) -> float:
    """The part of the variance that the groups' means explain."""
    known, tried = slice(0, None, 2), slice(1, None, 2)
    count = int(groups.max()) + 1
    sizes = np.bincount(groups[known], minlength=count)
    sums = np.bincount(groups[known], values[known], minlength=count)
    means = np.where(sizes > 0, sums / np.maximum(sizes, 1), values[known].mean())
    errors = values[tried] - means[groups[tried]]
    variance = values[tried].var()
    return float(1 - (errors**2).mean() / variance) if variance > 0 else 0.0


def _squared_correlation(values: Array | None, target: Array) -> float:
    if values is None:
        return 0.0
    both = np.isfinite(values) & np.isfinite(target)
    x, y = values[both], target[both]
    if len(x) < _LEAST_ROWS or len(x) < len(both) / 2:
        return 0.0
    with np.errstate(all="ignore"):
        r = np.corrcoef(x, y)[0, 1]
    return float(r * r) if np.isfinite(r) else 0.0
