"""The classes of examples, and what each class weighs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import expect_in_range, is_integer
from deltarule._data.weights import near_one

# A weight a class, or "balanced".
ClassWeight: TypeAlias = "str | Mapping[int, float]"


def classes_of(target: _core.Target) -> Array | None:
    """The class of each example: labels, one-hot rows, a column of 0 and 1; None of other rows."""
    if target.labels is not None:
        return target.labels
    Y = target.Y
    assert Y is not None
    one_hot = ((Y == 0) | (Y == 1)).all() and (Y.shape[1] == 1 or (Y.sum(axis=1) == 1).all())
    if not one_hot:
        return None
    return Y[:, 0].astype(np.int64) if Y.shape[1] == 1 else Y.argmax(axis=1)


def expect_classes(target: _core.Target, what: str, instead: str) -> Array:
    """The class of each example, of targets that hold classes."""
    classes = classes_of(target)
    if classes is None:
        raise ValueError(
            f"{what} but y does not hold classes: expected class labels, one-hot rows, or 0 and 1; "
            f"or {instead}"
        )
    return classes


def weights_of_classes(
    class_weight: Any,
    target: _core.Target,
    n_outputs: int,
    totals_of: Callable[[Array, Array | None, int], Array] = np.bincount,
) -> Array:
    """What every class weighs, by what ``fit`` was asked for and the targets it trains on.

    "balanced" is such that every class weighs as much as the others in all, and the mean is 1: with
    no other weights scikit-learn's ``n_samples / (n_classes * np.bincount(y))``. ``totals_of`` is
    who counts examples elsewhere too.
    """
    what = "fit: class_weight"
    instead = "give each example its sample_weight"
    classes = expect_classes(target, f"{what} is given", instead)
    n_classes = max(2, n_outputs)
    weights = np.ones(n_classes)
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(
                f"{what} is {class_weight!r}: expected 'balanced', or a dict from class labels to "
                "weights"
            )
        totals = totals_of(classes, target.weights, n_classes)
        there = totals > 0
        weights[there] = totals.sum() / (there.sum() * totals[there])
        return weights
    if not isinstance(class_weight, Mapping):
        raise TypeError(
            f"{what} is {class_weight!r}: expected 'balanced', or a dict from class labels to "
            "weights, such as {0: 1.0, 1: 5.0}"
        )
    for label, weight in class_weight.items():
        if not is_integer(label) or not 0 <= label < n_classes:
            raise ValueError(
                f"{what} has the class {label!r}: expected labels from 0 to {n_classes - 1}"
            )
        weights[label] = expect_in_range(weight, f"{what}[{label!r}]", least=0)
    return weights


def weighted(target: _core.Target, weights: Array, where: str) -> _core.Target:
    """Targets whose examples weigh what they did times what their class weighs."""
    both = times_classes(target, weights, where)
    if not both.any():
        raise ValueError(f"{where}: every example weighs 0, by class_weight: expected some above 0")
    return _core.Target(target.Y, target.labels, near_one(both))


def times_classes(target: _core.Target, weights: Array, where: str) -> Array:
    """What examples weigh, times what their class weighs."""
    classes = expect_classes(
        target, f"{where}: class_weight is given", "weights of your own in (X, y, sample_weight)"
    )
    both: Array = weights[classes] * (1.0 if target.weights is None else target.weights)
    return both
