"""Which rows are, target included, among others."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array

_ROWS_AT_ONCE = 4096


def are_among(here: tuple[Array, Array], others: tuple[Array, Array]) -> Array:
    """Whether each of some rows and its target are the same, in all numbers, as one of others.

    Parameters
    ----------
    here, others : (ndarray of shape (n_samples, n_features), ndarray of shape (n_samples,))

    Returns
    -------
    ndarray of bool, shape (n_samples,)

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [2.0, 0.0], [1.0, -0.0]])
    >>> are_among((rows, np.array([5, 5, 5])), (rows[:1], np.array([5]))).tolist()
    [True, False, True]
    """
    return np.isin(_keys(*here), _keys(*others))


def _keys(rows: Array, y: Array) -> Array:
    """A row and its target as 16 bytes, which no two different ones are likely to share.

    Two sums of the row's words, each times a random number (Carter & Wegman 1979, "Universal
    Classes of Hash Functions"), as all rows side by side may be too many to hold twice.
    """
    width = rows.shape[1] * rows.itemsize // 4 + 2
    factors = np.random.default_rng(0).integers(2**64, size=(2, width), dtype=np.uint64) | 1
    keys = np.empty((len(rows), 2), np.uint64)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        part = slice(first, first + _ROWS_AT_ONCE)
        words = np.hstack([_words(rows[part]), _words(y[part, np.newaxis].astype(np.float64))])
        for place, own in enumerate(factors):
            keys[part, place] = (words * own).sum(axis=1, dtype=np.uint64)
    return keys.view("V16")[:, 0]


def _words(numbers: Array) -> Array:
    """Numbers in pieces of 32 bits; one zero for two, of either sign."""
    one_zero = np.ascontiguousarray(numbers + numbers.dtype.type(0))
    return one_zero.view(np.uint32).astype(np.uint64)
