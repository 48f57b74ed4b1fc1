"""Scores of classes and of numbers, each with an interval, and the loss of every row."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array
from deltarule.report.facts.estimates import (
    Estimate,
    of_deviation,
    of_influence,
    of_mean,
    of_share,
)

# Of which less is better; of the others more.
ERRORS = ("log_loss", "brier", "rmse", "mae")


def row_losses(y: Array, outputs: Array) -> Array:
    """The log loss of each row, or its squared error."""
    if outputs.ndim == 1:
        return np.asarray((outputs - y) ** 2)
    own = outputs[np.arange(len(y)), y]
    return -np.log(np.maximum(own, np.finfo(np.float64).eps))


def scores(y: Array, outputs: Array) -> dict[str, Estimate]:
    """What answers come to, by the scores' names."""
    return _of_numbers(y, outputs) if outputs.ndim == 1 else _of_classes(y, outputs)


def _of_classes(y: Array, P: Array) -> dict[str, Estimate]:
    told = P.argmax(axis=1)
    found = {
        "accuracy": of_share(int((told == y).sum()), len(y)),
        "balanced_accuracy": _balanced(y, told, P.shape[1]),
        "log_loss": of_mean(row_losses(y, P)).within(0, np.inf),
    }
    if P.shape[1] == 2:
        found["brier"] = of_mean((P[:, 1] - y) ** 2).within(0, 1)
        if 0 < y.sum() < len(y):
            found["roc_auc"] = roc_auc(y, P[:, 1])
    return found


def _balanced(y: Array, told: Array, count: int) -> Estimate:
    """The mean of each class's share of hits, over the classes that are there."""
    sizes = np.bincount(y, minlength=count)
    there = sizes > 0
    shares = np.bincount(y, told == y, count)[there] / sizes[there]
    variance = (shares * (1 - shares) / sizes[there]).sum() / there.sum() ** 2
    return of_deviation(float(shares.mean()), float(np.sqrt(variance))).within(0, 1)


def roc_auc(y: Array, p: Array) -> Estimate:
    """The share of pairs, one of each class, that are in the right order.

    DeLong et al. 1988, "Comparing the Areas under Two or More Correlated ROC Curves"; by ranks, as
    Sun and Xu 2014 have it.
    """
    of_first, of_second = p[y == 0], p[y == 1]
    below = (_ranks(p)[y == 1] - _ranks(of_second)) / len(of_first)
    above = 1 - (_ranks(p)[y == 0] - _ranks(of_first)) / len(of_second)
    variance = below.var() / len(of_second) + above.var() / len(of_first)
    return of_deviation(float(below.mean()), float(np.sqrt(variance))).within(0, 1)


def _ranks(values: Array) -> Array:
    """Ranks from 1 on; those that are the same share their mean."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[places])


def _of_numbers(y: Array, A: Array) -> dict[str, Estimate]:
    squares = (A - y) ** 2
    mse, variance = float(squares.mean()), float(y.var())
    rmse = np.sqrt(mse)
    found = {
        "rmse": of_influence(float(rmse), (squares - mse) / (2 * rmse or 1.0)).within(0, np.inf),
        "mae": of_mean(np.abs(A - y)).within(0, np.inf),
    }
    if variance > 0:
        around = (y - y.mean()) ** 2
        influence = -(squares - mse) / variance + mse * (around - variance) / variance**2
        found["r2"] = of_influence(1 - mse / variance, influence).within(-np.inf, 1)
    return found
