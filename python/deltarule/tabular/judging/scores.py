"""Scores on rows that a model has not seen, each with an interval that says how sure it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array

_DRAWS = 300
_QUANTILES = (0.025, 0.975)
_Z = 1.959963984540054  # of the normal distribution, for 95 %


class Score(NamedTuple):
    """A score and its interval of 95 %.

    Attributes
    ----------
    name : str
    value, low, high : float
    """

    name: str
    value: float
    low: float
    high: float


def scores_of_classes(
    P: Array, codes: Array, weights: Array | None = None, *, seed: int = 0
) -> list[Score]:
    """Accuracy, log loss, and of two classes the area under the ROC curve.

    Parameters
    ----------
    P : ndarray of shape (n_samples, n_classes)
        Probabilities.
    codes : ndarray of int, shape (n_samples,)
        The true classes.
    weights : ndarray of shape (n_samples,), optional
    seed : int
        Of the draws that intervals are of.

    Notes
    -----
    The accuracy's interval is Wilson's; others are of the Bayesian bootstrap, which weighs rows at
    random and so has no draw without one of the classes.

    References
    ----------
    Wilson 1927, "Probable Inference". Rubin 1981, "The Bayesian Bootstrap".

    Examples
    --------
    >>> P = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    >>> accuracy, loss, area = scores_of_classes(P, np.array([0, 0, 1, 1]))
    >>> accuracy.value, round(accuracy.low, 2), round(accuracy.high, 2)
    (0.75, 0.3, 0.95)
    >>> area.value
    0.75
    """
    w = _weights(weights, len(codes))
    right = P.argmax(axis=1) == codes
    own = np.maximum(P[np.arange(len(codes)), codes], np.finfo(np.float32).tiny)
    losses = -np.log(own)
    found = [
        _wilson("accuracy", right, w),
        _bootstrapped("log loss", lambda each: float(each @ losses / each.sum()), w, seed),
    ]
    if P.shape[1] == 2 and 0 < codes.sum() < len(codes):
        found.append(_bootstrapped("ROC AUC", _area(P[:, 1], codes), w, seed))
    return found


def scores_of_numbers(
    predictions: Array, y: Array, weights: Array | None = None, *, seed: int = 0
) -> list[Score]:
    """RMSE, mean absolute error, and R2.

    Parameters
    ----------
    predictions, y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,), optional
    seed : int
        Of the draws that intervals are of.

    Examples
    --------
    >>> rmse, mae, r2 = scores_of_numbers(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 4.0]))
    >>> round(rmse.value, 3), round(mae.value, 3), round(r2.value, 3)
    (0.577, 0.333, 0.786)
    """
    w = _weights(weights, len(y))
    errors = np.asarray(predictions, np.float64) - y
    # In units of the targets' own, as the square of a large number is not finite.
    unit = float(np.ptp(y)) or 1.0
    squares, sizes, scaled = (errors / unit) ** 2, np.abs(errors), (y - y.min()) / unit

    def r2(each: Array) -> float:
        total = each.sum()
        mean = each @ scaled / total
        variance = float(each @ (scaled - mean) ** 2 / total)
        return 1 - float(each @ squares / total) / variance if variance > 0 else float("nan")

    def rmse(each: Array) -> float:
        return unit * float(np.sqrt(each @ squares / each.sum()))

    def mae(each: Array) -> float:
        return float(each @ sizes / each.sum())

    return [
        _bootstrapped(name, measure, w, seed)
        for name, measure in (("RMSE", rmse), ("MAE", mae), ("R2", r2))
    ]


def _weights(weights: Array | None, m: int) -> Array:
    return np.ones(m) if weights is None else np.asarray(weights, np.float64)


def _wilson(name: str, right: Array, weights: Array) -> Score:
    """Of weighted rows, as of so many that weigh alike and tell as much."""
    share = float(weights @ right / weights.sum())
    n = float(weights.sum() ** 2 / (weights @ weights))
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    # Rounding must not leave the share outside.
    low, high = min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))
    return Score(name, share, float(low), float(high))


def _bootstrapped(name: str, measure: Callable[[Array], float], weights: Array, seed: int) -> Score:
    generator = np.random.default_rng(seed)
    drawn = [measure(weights * generator.standard_exponential(len(weights))) for _ in range(_DRAWS)]
    low, high = np.quantile(drawn, _QUANTILES)
    return Score(name, measure(weights), float(low), float(high))


def _area(scores: Array, codes: Array) -> Callable[[Array], float]:
    """How often a row of class 1 is ranked above one of class 0; ties count half."""
    order = np.argsort(scores, kind="stable")
    ones = codes[order] == 1
    starts = np.flatnonzero(np.append(True, np.diff(scores[order]) > 0))

    def area(weights: Array) -> float:
        ordered = weights[order]
        positive = np.add.reduceat(np.where(ones, ordered, 0.0), starts)
        negative = np.add.reduceat(np.where(ones, 0.0, ordered), starts)
        below = np.cumsum(negative) - negative / 2
        return min(1.0, float(positive @ below / (positive.sum() * negative.sum())))

    return area
