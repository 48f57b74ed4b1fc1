"""How large a regressor's errors are to be expected for a row: a scale above it, and one below.

The logarithm of each is linear in that of the members' spread, and piecewise linear in the
prediction. Both matter: members that are apart know little of a row, and errors grow with what is
predicted where it is a price, or lie on one side where targets are cut off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from deltarule._arrays import Array

# Where the function of the prediction may bend: in as many places as rows can tell of.
_KNOTS, _FEW_KNOTS, _FEW_ROWS = 9, 5, 2000
# Of the errors, those beyond this quantile are as large as it: one wild row is no rule.
_QUANTILE = 0.995
_LEAST_ERROR = 1e-3  # as a part of the mean, so that logarithms are finite
_LEAST_SPREAD = 0.05  # as a part of the median
_PENALTY = 1.0  # of the squared coefficients, beside a sum over the rows
_STEPS = 50
# Beyond it a logarithm is no scale of anything; float64 ends at 709.
MOST_LOGARITHM = 600.0


@dataclass(frozen=True)
class ErrorScales:
    """The scales of one target.

    Attributes
    ----------
    knots : ndarray of shape (n_knots,)
        Predictions, ascending; beyond the first and the last a scale stays what it is there.
    values : ndarray of shape (2, n_knots)
        The logarithms of the scales at the knots, below a prediction and above it.
    slopes : ndarray of shape (2,)
        What is added to them times the logarithm of the spread, scaled.
    spreads : ndarray of shape (5,)
        What is added to a spread before its logarithm is taken; the mean and the deviation that
        scale it; between which numbers it is held.
    """

    knots: Array
    values: Array
    slopes: Array
    spreads: Array

    @classmethod
    def fit(cls, errors: Array, predictions: Array, spread: Array, weights: Array) -> Self:
        """Learn the scales of errors, target less prediction, (n_samples,) each.

        Each side's is the maximum-likelihood estimate of exponentially distributed sizes, a convex
        problem, with a small penalty that draws it towards the mean size.
        """
        many = len(errors) >= _FEW_ROWS
        quantiles = np.linspace(0, 1, _KNOTS if many else _FEW_KNOTS)
        bends = np.quantile(predictions, quantiles)
        knots = np.unique(bends)
        spreads = _scaling_of(spread)
        design = np.column_stack([_hats(predictions, knots), _scaled(spread, spreads)])
        sizes = np.abs(errors)
        values, slopes = [], []
        for side in (errors < 0, errors > 0):
            side = side if side.any() else np.full(len(errors), True)
            constant, coefficients = _regressed(design[side], sizes[side], weights[side])
            values.append(np.interp(bends, knots, constant + coefficients[:-1]))
            slopes.append(coefficients[-1])
        return cls(bends, np.array(values), np.array(slopes), spreads)

    def of(self, predictions: Array, spread: Array) -> tuple[Array, Array]:
        """The scales below and above some predictions, by their members' spread."""
        scaled = _scaled(spread, self.spreads)
        below, above = (
            np.exp(np.interp(predictions, self.knots, values) + slope * scaled)
            for values, slope in zip(self.values, self.slopes, strict=True)
        )
        return below, above


def _scaling_of(spread: Array) -> Array:
    """How logarithms of spreads come to mean 0 and deviation 1, none further out than these."""
    median = float(np.median(spread))
    least = _LEAST_SPREAD * median if median > 0 else 1.0
    logs = np.log(spread + least)
    deviation = float(logs.std())
    if not deviation > 1e-6:  # members that are as far apart everywhere, or one member
        deviation = 1.0
    scaled = (logs - logs.mean()) / deviation
    return np.array([least, logs.mean(), deviation, scaled.min(), scaled.max()])


def _scaled(spread: Array, spreads: Array) -> Array:
    least, mean, deviation, low, high = spreads
    scaled: Array = np.clip((np.log(spread + least) - mean) / deviation, low, high)
    return scaled


def _hats(predictions: Array, knots: Array) -> Array:
    """Functions (n_samples, n_knots), each 1 at a knot, 0 at the others, linear between."""
    every = np.eye(len(knots))
    return np.column_stack([np.interp(predictions, knots, hat) for hat in every])


def _regressed(design: Array, sizes: Array, weights: Array) -> tuple[float, Array]:
    """The logarithm of the mean size, and the coefficients of what is added to it.

    They minimise ``sum_i w_i (eta_i + a_i exp(-eta_i)) + penalty |coefficients|^2 / 2``, with
    ``eta = constant + design coefficients``, by Fisher's scoring.
    """
    sizes = np.minimum(sizes, np.quantile(sizes, _QUANTILE))
    coefficients = np.zeros(design.shape[1])
    mean = float(weights @ sizes / weights.sum()) if weights.any() else 0.0
    if not mean > 0:  # no errors at all, on any scale
        return 0.0, coefficients
    weights, sizes = weights / weights.mean(), sizes / mean + _LEAST_ERROR

    def cost(coefficients: Array) -> float:
        eta = design @ coefficients
        with np.errstate(over="ignore"):
            losses = eta + sizes * np.exp(-eta)
        return float(weights @ losses + _PENALTY / 2 * coefficients @ coefficients)

    information = (design.T * weights) @ design + _PENALTY * np.eye(len(coefficients))
    now = cost(coefficients)
    for _ in range(_STEPS):
        residuals = weights * (1 - sizes * np.exp(-(design @ coefficients)))
        step = np.linalg.solve(information, design.T @ residuals + _PENALTY * coefficients)
        before = now
        while not (now := cost(coefficients - step)) <= before and np.abs(step).max() > 1e-9:
            step /= 2
        coefficients = coefficients - step
        if before - now <= 1e-8 * abs(before):
            break
    return float(np.log(mean)), coefficients
