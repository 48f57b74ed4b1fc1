"""Probabilities that mean what they say: their logarithms divided by a temperature.

It is the one number that held-out rows tell best. Above 1 it takes back what a classifier is too
sure of, below 1 it does the reverse; the order of an example's classes stays what it was.
"""

from __future__ import annotations

from itertools import repeat

import numpy as np

from deltarule._arrays import Array

# Rows on which every prediction is right would have it as small as may be, and hopeless ones large.
LEAST, MOST = 0.2, 5.0
# How near to 0 a probability counts as one that float32 can tell from 0.
_LEAST_PROBABILITY = float(np.finfo(np.float32).eps)
_HALVINGS = 24  # of the range of 1/T, to 3e-7


def class_probabilities(outputs: Array) -> Array:
    """Networks' outputs as the probabilities of all classes, float64 (n_samples, n_classes).

    A single output is the probability of class 1.
    """
    given = np.asarray(outputs, np.float64)
    return np.hstack([1 - given, given]) if given.shape[1] == 1 else given


def tempered(probabilities: Array, temperature: float) -> Array:
    """``p^(1/T)``, normalised, of probabilities (n_samples, n_classes).

    Examples
    --------
    >>> tempered(np.array([[0.9, 0.1]]), 2.0)
    array([[0.75, 0.25]])
    """
    if temperature == 1.0:
        return probabilities
    largest = probabilities.max(axis=1, keepdims=True)
    powers = (probabilities / largest) ** (1 / temperature)
    scaled: Array = powers / powers.sum(axis=1, keepdims=True)
    return scaled


def fitted_temperature(
    probabilities: Array, codes: Array, sample_weight: Array | None = None
) -> float:
    """The temperature of the least log loss on rows that the networks were not trained on.

    Parameters
    ----------
    probabilities : ndarray of shape (n_samples, n_classes)
    codes : ndarray of int, shape (n_samples,)
    sample_weight : ndarray of shape (n_samples,), optional
        0 or more each. Only their ratios count.

    Returns
    -------
    float
        From 0.2 to 5; 1 without rows.

    Notes
    -----
    With ``b = 1/T``, the sum of the losses ``log sum_c p_c^b - b log p_y`` is convex in b, and so
    is ``b - log b``, which is added: it is least at b = 1, weighs as much as one row, and so keeps
    a few rows that happen to be all right from making the classifier sure of everything. Both
    together have one minimum, where their derivative passes 0.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger 2017, "On Calibration of Modern Neural Networks".

    Examples
    --------
    >>> sure = np.tile([0.99, 0.01], (1000, 1))
    >>> codes = np.arange(1000) % 10 == 0  # and yet every tenth is of the other class
    >>> T = fitted_temperature(sure, codes.astype(int))
    >>> tempered(sure[:1], T).round(2)
    array([[0.9, 0.1]])
    """
    weights = np.ones(len(codes)) if sample_weight is None else np.asarray(sample_weight, float)
    total = weights.sum()
    if not total > 0:
        return 1.0
    # As much as so many rows of one weight, which the row that is added is to be beside.
    rows = total / (weights @ weights / total)
    logs = np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST_PROBABILITY))
    logs -= logs.max(axis=1, keepdims=True)
    own = np.take_along_axis(logs, np.asarray(codes)[:, np.newaxis], axis=1)[:, 0]

    def slope(b: float) -> float:
        powers = np.exp(b * logs)
        expected = (powers * logs).sum(axis=1) / powers.sum(axis=1)
        return float(rows * (weights @ (expected - own)) / total + 1 - 1 / b)

    low, high = 1 / MOST, 1 / LEAST
    for _ in repeat(None, _HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return 2 / (low + high)
