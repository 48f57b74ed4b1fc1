"""What examples weigh."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array


def expect_weights(weights: Array, where: str, what: str) -> None:
    """Hold weights to 0 and more, and some of them to more."""
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        at = negative[0]
        raise ValueError(f"{where}: {what}[{at}] is {weights[at]}: expected 0 or more")
    if not weights.any():
        raise ValueError(f"{where}: {what} is 0 for every example: expected some above 0")


def near_one(weights: Array) -> Array:
    """The same weights times a power of two, which changes no digit; their ratios alone count."""
    return np.ldexp(weights, -int(np.frexp(weights.max())[1]))
