"""Scores of classes and of numbers, each with an interval, and the loss of every row."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.estimates import (
    Estimate,
    of_deviation,
    of_influence,
    of_mean,
    of_share,
    rows_alike,
    share_of,
)

# Of which less is better; of the others more.
ERRORS = ("log_loss", "brier", "rmse", "mae")


def row_losses(y: Array, outputs: Array) -> Array:
    """The log loss of each row, or its squared error in units of the targets' own."""
    if outputs.ndim == 1:
        return np.asarray(((outputs - y) / _unit(y)) ** 2)
    own = outputs[np.arange(len(y)), y]
    return -np.log(np.maximum(own, np.finfo(np.float64).eps))


def scores(y: Array, outputs: Array, weights: Array | None = None) -> dict[str, Estimate]:
    """What answers come to, by the scores' names.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Codes of classes, or numbers.
    outputs : ndarray of shape (n_samples, n_classes) or (n_samples,)
        Probabilities, or numbers.
    weights : ndarray of shape (n_samples,), optional
        What rows count for; only their ratios matter.

    References
    ----------
    Wilson 1927, "Probable Inference" (the interval of the accuracy).

    Examples
    --------
    >>> P = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.8, 0.2]])
    >>> found = scores(np.array([0, 0, 1, 1]), P)
    >>> [round(end, 2) for end in found["accuracy"]]
    [0.75, 0.3, 0.95]
    >>> found["roc_auc"].value
    0.75
    """
    w = np.ones(len(y)) if weights is None else np.asarray(weights, np.float64)
    with _one_thread():
        return _of_numbers(y, outputs, w) if outputs.ndim == 1 else _of_classes(y, outputs, w)


def _one_thread() -> AbstractContextManager[object]:
    """Have a matrix library use one thread, where there is what tells it to.

    Several, which wait for each other where other programs run, too, took 25 times as long over
    these short sums.
    """
    try:
        from threadpoolctl import threadpool_limits  # which scikit-learn brings
    except ModuleNotFoundError:
        return nullcontext()
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def _of_classes(y: Array, P: Array, w: Array) -> dict[str, Estimate]:
    told = P.argmax(axis=1)
    found = {
        "accuracy": of_share(told == y, w),
        "balanced_accuracy": _balanced(y, told == y, w, P.shape[1]),
        "log_loss": of_mean(row_losses(y, P), w).within(0, np.inf),
    }
    if P.shape[1] == 2:
        found["brier"] = of_mean((P[:, 1] - y) ** 2, w).within(0, 1)
        if len(np.unique(y[w > 0])) == 2:
            found["roc_auc"] = roc_auc(y, P[:, 1], w)
    return found


def _balanced(y: Array, right: Array, w: Array, count: int) -> Estimate:
    """The mean of each class's share of hits, over the classes that are there."""
    of_each = [(right[y == k], w[y == k]) for k in range(count)]
    of_each = [(hits, weights) for hits, weights in of_each if weights.any()]
    shares = np.array([share_of(hits, weights) for hits, weights in of_each])
    sizes = np.array([rows_alike(weights) for _, weights in of_each])
    variance = (shares * (1 - shares) / sizes).sum() / len(shares) ** 2
    return of_deviation(float(shares.mean()), float(np.sqrt(variance))).within(0, 1)


def roc_auc(y: Array, p: Array, w: Array) -> Estimate:
    """The share of pairs, one of each class, that are in the right order; those alike count half.

    DeLong et al. 1988, "Comparing the Areas under Two or More Correlated ROC Curves".
    """
    first, second = y == 0, y == 1
    below = _below(p[second], p[first], w[first])
    above = 1 - _below(p[first], p[second], w[second])
    area = float(w[second] @ below / w[second].sum())
    variance = sum(
        weights**2 @ (shares - area) ** 2 / weights.sum() ** 2
        for shares, weights in ((below, w[second]), (above, w[first]))
    )
    return of_deviation(area, float(np.sqrt(variance))).within(0, 1)


def _below(values: Array, others: Array, weights: Array) -> Array:
    """What share of others lies below each value, half of those that are the same with it."""
    order = np.argsort(others, kind="stable")
    sums = np.append(0.0, np.cumsum(weights[order]))
    sides = [sums[np.searchsorted(others[order], values, side)] for side in ("left", "right")]
    return np.asarray((sides[0] + sides[1]) / (2 * sums[-1]))


def _unit(y: Array) -> float:
    """From the least target to the greatest: the square of a large number is not finite."""
    return float(np.ptp(y)) or 1.0


def _of_numbers(y: Array, A: Array, w: Array) -> dict[str, Estimate]:
    unit = _unit(y)
    errors, scaled = (A - y) / unit, (y - y.min()) / unit
    squares = errors**2
    mse, mean = float(w @ squares / w.sum()), float(w @ scaled / w.sum())
    around = (scaled - mean) ** 2
    variance, rmse = float(w @ around / w.sum()), np.sqrt(mse)
    influence = (squares - mse) / (2 * rmse or 1.0)
    found = {
        "rmse": of_influence(float(rmse), influence, w).times(unit).within(0, np.inf),
        "mae": of_mean(np.abs(errors), w).times(unit).within(0, np.inf),
    }
    if variance > 0:
        influence = -(squares - mse) / variance + mse * (around - variance) / variance**2
        found["r2"] = of_influence(1 - mse / variance, influence, w).within(-np.inf, 1)
    return found
