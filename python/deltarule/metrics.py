"""Metrics: what an epoch is judged by, beside its cost."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deltarule.losses import Loss

Array = NDArray[Any]

# A metric of rows of outputs A and of targets (labels, or rows like A): the mean is weighted.
Metric = Callable[[Array, Array, Array | None], float]


def accuracy(A: Array, y: Array, weights: Array | None) -> float:
    """Fraction of examples whose class is right: the largest output, or each output over 1/2."""
    if y.ndim == 1:
        right = A.argmax(axis=1) == y
    elif A.shape[1] == 1:
        right = ((A > 0.5) == (y > 0.5))[:, 0]
    else:
        right = A.argmax(axis=1) == y.argmax(axis=1)
    return float(np.average(right, weights=weights))


def binary_accuracy(A: Array, y: Array, weights: Array | None) -> float:
    """Fraction of outputs on the right side of 1/2, over all outputs."""
    right = (A > 0.5) == (_as_rows(y, A.shape[1]) > 0.5)
    return float(np.average(right.mean(axis=1), weights=weights))


def mean_absolute_error(A: Array, y: Array, weights: Array | None) -> float:
    """Mean of ``|a - y|`` over outputs and examples."""
    distance = np.abs(A - _as_rows(y, A.shape[1]))
    return float(np.average(distance.mean(axis=1), weights=weights))


def _as_rows(y: Array, n_classes: int) -> Array:
    """Class labels as rows of 0 and 1; rows as they are."""
    return np.eye(n_classes)[y] if y.ndim == 1 else y


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "mean_absolute_error": mean_absolute_error,
}


def default_metrics(loss: Loss, n_outputs: int) -> tuple[str, ...]:
    """Name what a loss is usually judged by."""
    if loss.takes_labels:
        return ("accuracy",)
    if loss.targets.name == "probabilities":
        return ("accuracy",) if n_outputs == 1 else ("binary_accuracy",)
    return ()
