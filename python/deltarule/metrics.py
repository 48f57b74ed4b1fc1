"""Metrics: what an epoch is judged by, beside its cost.

A metric is a function ``metric(y, A, sample_weight=None)`` of the targets, the network's outputs
(one row an example) and how much each example weighs. ``y`` holds class labels ``(m,)`` or rows
like those of A. One that is not defined on the data is NaN. ``fit`` and ``evaluate`` take metrics
by name, or as a function of ``(y, A)`` or ``(y, A, sample_weight)``, as scikit-learn's are.

What counts as a class:

- one output: class 1 where it is over 1/2, else class 0;
- labels, or rows of outputs that sum to 1 (softmax): the class of the largest output, or target;
- any other rows: labels of which an example may have several, each over 1/2 or not.

Definitions are scikit-learn's (Pedregosa et al. 2011).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule.losses import Loss

Metric = Callable[[Array, Array, Array | None], float]
Average = Literal["macro", "micro", "weighted"]
# A name, a function, a name and a function, or several as a dict.
Named: TypeAlias = str | Callable[..., Any] | tuple[str, Callable[..., Any]]
Metrics: TypeAlias = Sequence[Named] | Mapping[str, Callable[..., Any]] | Named

# Numbers of a block of rows, where a row's value needs room as large as the row.
_NUMBERS_A_BLOCK = 1 << 15
# How far from 1 the sum of a softmax's outputs may be.
_SUM_TOLERANCE = 1e-3


# Classification ---------------------------------------------------------------------------------


def accuracy(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Fraction of examples whose class is right: the largest output, or each output over 1/2."""
    if y.ndim == 1:
        right = A.argmax(axis=1) == y
    elif A.shape[1] == 1:
        right = ((A > 0.5) == (y > 0.5))[:, 0]
    else:
        right = A.argmax(axis=1) == y.argmax(axis=1)
    return _mean(right, sample_weight)


def binary_accuracy(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Fraction of outputs on the right side of 1/2, over all outputs."""
    right = [((a > 0.5) == (rows > 0.5)).mean(axis=1) for rows, a in _blocks(y, A)]
    return _mean(_joined(right), sample_weight)


def top_k_accuracy(y: Array, A: Array, sample_weight: Array | None = None, *, k: int) -> float:
    """Fraction of examples whose class is among the k largest outputs.

    Of equal outputs the last counts as the largest. With one output it is not defined.
    """
    n = A.shape[1]
    if n == 1:
        return float("nan")
    labels = _classes(y)
    classes = np.arange(n)
    found = []
    for part in _parts(len(A), n):
        its = labels[part, np.newaxis]
        own = np.take_along_axis(A[part], its, axis=1)
        before = (A[part] > own) | ((A[part] == own) & (classes > its))
        found.append(before.sum(axis=1) < k)
    return _mean(_joined(found), sample_weight)


@dataclass(frozen=True)
class TopK:
    """The metric ``top_<k>_accuracy``, for any k: see `top_k_accuracy`.

    Parameters
    ----------
    k : int
        1 or more.

    Raises
    ------
    TypeError, ValueError
        For a ``k`` that is no integer of 1 or more.
    """

    k: int

    def __post_init__(self) -> None:
        expect_count(self.k, "TopK: k", least=1)

    @property
    def __name__(self) -> str:
        return f"top_{self.k}_accuracy"

    def __call__(self, y: Array, A: Array, sample_weight: Array | None = None) -> float:
        """Compute the metric."""
        return top_k_accuracy(y, A, sample_weight, k=self.k)


def precision(
    y: Array, A: Array, sample_weight: Array | None = None, *, average: Average = "macro"
) -> float:
    """Of what was taken for a class, the fraction that is of it; 0 where nothing was.

    With two classes, of class 1. With more, `average` tells how the classes that occur, or are
    predicted, make one number: their mean (macro), their mean by how often they occur (weighted),
    or all examples together (micro). Of rows with several labels, likewise over the labels.

    Raises
    ------
    ValueError
        For another ``average``.
    """
    return _averaged(y, A, sample_weight, average, lambda hit, found, there: (hit, found))


def recall(
    y: Array, A: Array, sample_weight: Array | None = None, *, average: Average = "macro"
) -> float:
    """Of what is of a class, the fraction that was taken for it; else as `precision`.

    Raises
    ------
    ValueError
        For another ``average``.
    """
    return _averaged(y, A, sample_weight, average, lambda hit, found, there: (hit, there))


def f1(
    y: Array, A: Array, sample_weight: Array | None = None, *, average: Average = "macro"
) -> float:
    """The harmonic mean of precision and recall; else as `precision` (van Rijsbergen 1979).

    Raises
    ------
    ValueError
        For another ``average``.
    """
    return _averaged(
        y, A, sample_weight, average, lambda hit, found, there: (2 * hit, found + there)
    )


def roc_auc(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Area under the ROC curve: how likely a positive's output is above a negative's.

    Equal outputs count half (Hanley & McNeil 1982). Two classes make one curve, of class 1's
    output; several make one each against the rest, whose areas' mean this is, and so do rows with
    several labels. NaN where a class has no example, or every one.
    """
    n = A.shape[1]
    if n == 1:
        return _area((y if y.ndim == 1 else y[:, 0]) > 0.5, A[:, 0], sample_weight)
    if not _exclusive(y, A):
        return float(np.mean([_area(y[:, c] > 0.5, A[:, c], sample_weight) for c in range(n)]))
    labels = _classes(y)
    if n == 2:
        return _area(labels == 1, A[:, 1], sample_weight)
    return float(np.mean([_area(labels == c, A[:, c], sample_weight) for c in range(n)]))


def log_loss(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean of ``-sum_i y_i log a_i``, with a one's distance from 0 and 1 at least its precision.

    With one output, or several labels an example, the mean over the outputs of
    ``-(y log a + (1 - y) log(1 - a))``.
    """
    least = np.finfo(A.dtype).eps
    if y.ndim == 1 and A.shape[1] > 1:
        own = np.take_along_axis(A, y[:, np.newaxis], axis=1)[:, 0]
        return _mean(-np.log(own.clip(least, 1 - least), dtype=np.float64), sample_weight)
    exclusive = _exclusive(y, A)
    losses = []
    for rows, a in _blocks(y, A):
        a = a.clip(least, 1 - least).astype(np.float64)
        loss = -rows * np.log(a)
        losses.append(
            loss.sum(axis=1) if exclusive else (loss - (1 - rows) * np.log1p(-a)).mean(axis=1)
        )
    return _mean(_joined(losses), sample_weight)


# Regression -------------------------------------------------------------------------------------


def mean_squared_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean of ``(a - y)^2`` over outputs and examples."""
    return float(np.mean(_column_means(y, A, sample_weight, np.square)))


def root_mean_squared_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean over the outputs of the root of each one's mean squared error."""
    return float(np.mean(np.sqrt(_column_means(y, A, sample_weight, np.square))))


def mean_absolute_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean of ``|a - y|`` over outputs and examples."""
    return float(np.mean(_column_means(y, A, sample_weight, np.abs)))


def r2(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean over the outputs of ``1 - sum (a - y)^2 / sum (y - mean y)^2``, with weighted sums.

    An output whose targets are all the same has 1 if it is right throughout, else 0. Not defined
    for a single example.
    """
    if len(A) < 2:
        return float("nan")
    error = _column_means(y, A, sample_weight, np.square)
    # Counted from one of the targets, equal ones have a spread of 0 to the last bit.
    one = 0 if sample_weight is None else int(sample_weight.argmax())
    origin, _ = next(_blocks(y[one : one + 1], A[one : one + 1]))
    mean = origin + _column_means(y, A, sample_weight, np.positive, origin)
    spread = _column_means(y, A, sample_weight, np.square, mean)
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = 1 - error / spread
    return float(np.mean(np.where(spread > 0, explained, np.where(error > 0, 0.0, 1.0))))


# The table --------------------------------------------------------------------------------------

METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "binary_accuracy": binary_accuracy,
    "top_2_accuracy": TopK(2),
    "top_3_accuracy": TopK(3),
    "top_5_accuracy": TopK(5),
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "roc_auc": roc_auc,
    "log_loss": log_loss,
    "mean_squared_error": mean_squared_error,
    "root_mean_squared_error": root_mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "r2": r2,
}


def default_metrics(loss: Loss, n_outputs: int) -> tuple[str, ...]:
    """Name what a loss is usually judged by."""
    if loss.takes_labels:
        return ("accuracy",)
    if loss.targets.name == "probabilities":
        return ("accuracy",) if n_outputs == 1 else ("binary_accuracy",)
    return ()


def as_metrics(metrics: Metrics, where: str) -> dict[str, Metric]:
    """Metrics by the names that they have in the history.

    Parameters
    ----------
    metrics : sequence or dict
        Names, functions of ``(y, A)`` or ``(y, A, sample_weight)``, and pairs of a name and a
        function; a dict is such pairs. A function without a name given goes by its ``__name__``.
    where : str
        For the messages.

    Returns
    -------
    dict of str to callable
        Each takes ``(y, A, sample_weight)`` and returns a float.

    Raises
    ------
    ValueError, TypeError
        For an unknown name, the same name twice, or what is no function.
    """
    if isinstance(metrics, Mapping):
        metrics = list(metrics.items())
    elif isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    named: dict[str, Metric] = {}
    for metric in metrics:
        name, function = _named(metric, where)
        if name in named or name == "loss":
            raise ValueError(
                f"{where}: metrics: {name!r} is there already: expected a name of its own for "
                "each, as in (name, function)"
            )
        named[name] = function
    return named


def _named(metric: object, where: str) -> tuple[str, Metric]:
    if isinstance(metric, str):
        if metric not in METRICS:
            raise ValueError(
                f"{where}: metrics: {metric!r} is unknown: expected some of {list(METRICS)}, or a "
                "function of (y, A)"
            )
        return metric, METRICS[metric]
    name, function = metric if isinstance(metric, tuple) and len(metric) == 2 else (None, metric)
    if isinstance(function, str) and function in METRICS:
        function = METRICS[function]
    if name is None:
        name = getattr(function, "__name__", None)
    if not callable(function) or not isinstance(name, str):
        raise TypeError(
            f"{where}: metrics: got {metric!r}: expected a name, a function of (y, A) that has a "
            "__name__, or (name, function)"
        )
    return name, _checked(name, function, where)


def _checked(name: str, function: Callable[..., Any], where: str) -> Metric:
    """A caller's function, its result held to being a number."""
    weighted = _takes_weights(function)

    def metric(y: Array, A: Array, sample_weight: Array | None = None) -> float:
        value = function(y, A, sample_weight=sample_weight) if weighted else function(y, A)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if not isinstance(value, Real):
            raise TypeError(
                f"{where}: metric {name!r} returned a {type(value).__name__}: expected a number"
            )
        return float(value)

    return metric


def _takes_weights(function: Callable[..., Any]) -> bool:
    try:
        return "sample_weight" in inspect.signature(function).parameters
    except ValueError:  # some that are written in C do not tell
        return False


# What they are made of --------------------------------------------------------------------------


def _mean(values: Array, sample_weight: Array | None) -> float:
    """Weighted; NaN of nothing."""
    weights = np.ones(len(values)) if sample_weight is None else sample_weight
    total = float(weights.sum())
    return float(np.dot(values, weights) / total) if total > 0 else float("nan")


def _parts(m: int, n: int) -> Iterator[slice]:
    rows = max(1, _NUMBERS_A_BLOCK // n)
    for first in range(0, m, rows):
        yield slice(first, min(first + rows, m))


def _blocks(y: Array, A: Array) -> Iterator[tuple[Array, Array]]:
    """Some rows of targets and of outputs at a time; labels as rows of 0 and 1."""
    n = A.shape[1]
    for part in _parts(len(A), n):
        rows = y[part] if y.ndim == 2 else y[part, np.newaxis] == np.arange(n)
        yield rows.astype(np.float64), A[part]


def _joined(values: list[Array]) -> Array:
    return np.concatenate(values) if values else np.empty(0)


def _column_means(
    y: Array,
    A: Array,
    sample_weight: Array | None,
    of: Callable[[Array], Array],
    origin: Array | None = None,
) -> Array:
    """Each output's weighted mean of a function of ``y - A``, or of ``y - origin``."""
    weights = np.ones(len(A)) if sample_weight is None else sample_weight
    sums, first = np.zeros(A.shape[1]), 0
    for rows, a in _blocks(y, A):
        values = of(rows - (a if origin is None else origin))
        sums += weights[first : first + len(a)] @ values
        first += len(a)
    total = weights.sum()
    return sums / total if total > 0 else np.full_like(sums, np.nan)


def _exclusive(y: Array, A: Array) -> bool:
    """Tell whether each example has one class, and not several labels."""
    if y.ndim == 1 or A.shape[1] == 1:
        return int(A.shape[1]) > 1
    return bool((np.abs(A.sum(axis=1, dtype=np.float64) - 1) < _SUM_TOLERANCE).all())


def _classes(y: Array) -> Array:
    return y if y.ndim == 1 else y.argmax(axis=1)


def _averaged(
    y: Array,
    A: Array,
    sample_weight: Array | None,
    average: Average,
    fraction: Callable[[Array, Array, Array], tuple[Array, Array]],
) -> float:
    """A fraction of weighted counts: how much was rightly found of a class, found, and is there."""
    if average not in ("macro", "micro", "weighted"):
        raise ValueError(f"average is {average!r}: expected 'macro', 'micro' or 'weighted'")
    weights = np.ones(len(A)) if sample_weight is None else sample_weight
    n = A.shape[1]
    hit, found, there = np.zeros(n), np.zeros(n), np.zeros(n)
    if n == 1 or not _exclusive(y, A):
        first = 0
        for rows, a in _blocks(y, A):
            is_there, is_found = rows > 0.5, a > 0.5
            its = weights[first : first + len(a)]
            hit += its @ (is_there & is_found)
            found += its @ is_found
            there += its @ is_there
            first += len(a)
        counted = np.arange(n)
    else:
        labels, predicted = _classes(y), A.argmax(axis=1)
        right = labels == predicted
        hit += np.bincount(labels[right], weights[right], n)
        found += np.bincount(predicted, weights, n)
        there += np.bincount(labels, weights, n)
        occurs = np.bincount(labels, minlength=n) + np.bincount(predicted, minlength=n) > 0
        counted = np.array([1]) if n == 2 else np.flatnonzero(occurs)
    hit, found, there = hit[counted], found[counted], there[counted]
    if average == "micro":
        hit, found, there = (count.sum(keepdims=True) for count in (hit, found, there))
    above, below = fraction(hit, found, there)
    fractions = np.divide(above, below, out=np.zeros_like(above), where=below > 0)
    return _mean(fractions, there if average == "weighted" and there.any() else None)


def _area(positive: Array, scores: Array, sample_weight: Array | None) -> float:
    weights = np.ones(len(scores)) if sample_weight is None else sample_weight
    distinct, at = np.unique(scores, return_inverse=True)
    positives = np.bincount(at, weights * positive, len(distinct))
    negatives = np.bincount(at, weights * ~positive, len(distinct))
    pairs = positives.sum() * negatives.sum()
    if not pairs > 0:
        return float("nan")
    below = np.cumsum(negatives) - negatives / 2
    return float(positives @ below / pairs)
