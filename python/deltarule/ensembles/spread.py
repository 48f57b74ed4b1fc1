"""How far members are apart, whose weights are taken for probabilities."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array


def standard_deviation(outputs: Array, weights: Array) -> Array:
    """``sqrt(sum_k w_k (A_k - mean)^2)`` of outputs (n_members, ...); 0 where all are the same."""
    apart = np.subtract(outputs, outputs[0], dtype=np.float64)
    apart -= np.tensordot(weights, apart, 1)
    deviation: Array = np.sqrt(np.tensordot(weights, np.square(apart, out=apart), 1))
    return deviation


def quantiles(outputs: Array, weights: Array, q: Array) -> Array:
    """For each of q, the least output of a member's up to which members weigh q or more."""
    order = np.argsort(outputs, axis=0, kind="stable")
    reached = np.cumsum(weights[order], axis=0)
    rounding = len(weights) * np.finfo(np.float64).eps
    ascending = np.take_along_axis(outputs, order, axis=0)
    places = [np.minimum((reached < each - rounding).sum(axis=0), len(weights) - 1) for each in q]
    return np.stack([np.take_along_axis(ascending, at[np.newaxis], axis=0)[0] for at in places])
