"""Which classes are taken for which."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array

MOST_SHOWN = 12  # classes, in a matrix
_MOST_PAIRS = 20


class Confusion(NamedTuple):
    """Counts of rows by class and by the class that they are called.

    Attributes
    ----------
    counts : ndarray of int, shape (n_classes, n_classes), or None
        A row a class; None of more classes than a matrix shows.
    precision, recall : ndarray of shape (n_classes,)
        NaN of a class that is never called, or not there.
    sizes : ndarray of int, shape (n_classes,)
    pairs : list of (int, int, int)
        The classes that are most often mistaken: which, for which, in how many rows.
    """

    counts: Array | None
    precision: Array
    recall: Array
    sizes: Array
    pairs: list[tuple[int, int, int]]


def confusion(y: Array, told: Array, count: int, weights: Array) -> Confusion:
    """Count what codes of classes are called; shares are of what rows weigh."""
    cells, there = np.unique(y * count + told, return_counts=True)
    hits, of_class, called = (
        np.bincount(codes, of, minlength=count)
        for codes, of in ((y, weights * (y == told)), (y, weights), (told, weights))
    )
    with np.errstate(all="ignore"):
        precision, recall = hits / called, hits / of_class
    wrong = cells // count != cells % count
    order = np.flatnonzero(wrong)[np.argsort(-there[wrong], kind="stable")][:_MOST_PAIRS]
    pairs = [(int(cells[k] // count), int(cells[k] % count), int(there[k])) for k in order]
    counts = None
    if count <= MOST_SHOWN:
        counts = np.bincount(y * count + told, minlength=count**2).reshape(count, count)
    return Confusion(counts, precision, recall, np.bincount(y, minlength=count), pairs)
