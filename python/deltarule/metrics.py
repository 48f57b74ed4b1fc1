"""Metrics: what an epoch is judged by, beside its cost.

A metric is a function ``metric(y, A, sample_weight=None)`` of the targets, the network's outputs
(one row an example) and how much each example weighs. ``y`` holds class labels ``(m,)`` or rows
like those of A; of one output either may be flat. Shapes that do not go together and labels out of
range are a ValueError, labels that are no integers a TypeError. A metric that is not defined on the
data is NaN. ``fit`` and ``evaluate`` take metrics by name, or as a function of ``(y, A)`` or
``(y, A, sample_weight)``, as scikit-learn's are.

What counts as a class:

- one output: class 1 where it is over 1/2, else class 0;
- class labels ``(m,)``: the class of the largest output;
- rows: labels of which an example may have several, each over 1/2 or not; with
  ``multilabel=False`` probabilities of classes, of which the largest is taken.

In ``fit`` and ``evaluate`` the loss says which rows they are: of classes for a categorical
cross-entropy, of labels for a binary one; where it takes any numbers, a softmax output has classes.
A function that has an argument ``multilabel`` is told.

Definitions are scikit-learn's (Pedregosa et al. 2011).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, Literal, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import did_you_mean, expect_count, name_of
from deltarule.losses import Loss, Output

Metric = Callable[[Array, Array, Array | None], float]
Average = Literal["macro", "micro", "weighted"]
# A name, a function, a name and a function, or several as a dict.
Named: TypeAlias = str | Callable[..., Any] | tuple[str, Callable[..., Any]]
Metrics: TypeAlias = Sequence[Named] | Mapping[str, Callable[..., Any]] | Named

# Numbers of a block of rows, where a row's value needs room as large as the row.
_NUMBERS_A_BLOCK = 1 << 15


# Classification ---------------------------------------------------------------------------------


def accuracy(
    y: Array, A: Array, sample_weight: Array | None = None, *, multilabel: bool = True
) -> float:
    """Fraction of examples whose class is right; of several labels, each of them.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.accuracy(y, A), 4)
    0.75
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    if _exclusive(y, A, multilabel):
        return _mean(A.argmax(axis=1) == _classes(y), sample_weight)
    right = [((a > 0.5) == (rows > 0.5)).all(axis=1) for rows, a in _blocks(y, A)]
    return _mean(_joined(right), sample_weight)


def binary_accuracy(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Fraction of outputs on the right side of 1/2, over all outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> metrics.binary_accuracy(np.array([[1, 0], [0, 1]]), np.array([[0.9, 0.2], [0.7, 0.6]]))
    0.75
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    right = [((a > 0.5) == (rows > 0.5)).mean(axis=1) for rows, a in _blocks(y, A)]
    return _mean(_joined(right), sample_weight)


def top_k_accuracy(
    y: Array,
    A: Array,
    sample_weight: Array | None = None,
    *,
    k: int,
    multilabel: bool = True,
) -> float:
    """Fraction of examples whose class is among the k largest outputs.

    Of equal outputs the last counts as the largest. With one output, and with several labels an
    example, it is not defined.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> metrics.top_k_accuracy(y, A, k=2)
    1.0
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    if not _exclusive(y, A, multilabel):
        return float("nan")
    labels = _classes(y)
    classes = np.arange(A.shape[1])
    found = []
    for part in _parts(*A.shape):
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

    Examples
    --------
    >>> import deltarule as dr
    >>> net = dr.Network([dr.Activation("softmax")], input_size=3)
    >>> X, y = [[2.0, 1.0, 0.0], [0.0, 1.0, 2.0]], [1, 0]
    >>> net.evaluate(X, y, metrics=[dr.metrics.TopK(2)])["top_2_accuracy"]
    0.5
    """

    k: int

    def __post_init__(self) -> None:
        expect_count(self.k, "TopK: k", least=1)

    @property
    def __name__(self) -> str:
        return f"top_{self.k}_accuracy"

    def __call__(
        self,
        y: Array,
        A: Array,
        sample_weight: Array | None = None,
        *,
        multilabel: bool = True,
    ) -> float:
        """Compute the metric."""
        return top_k_accuracy(y, A, sample_weight, k=self.k, multilabel=multilabel)


def precision(
    y: Array,
    A: Array,
    sample_weight: Array | None = None,
    *,
    average: Average = "macro",
    multilabel: bool = True,
) -> float:
    """Of what was taken for a class, the fraction that is of it; 0 where nothing was.

    With two classes, of class 1. With more, `average` tells how the classes that occur, or are
    predicted, make one number: their mean (macro), their mean by how often they occur (weighted),
    or all examples together (micro). Of rows with several labels, likewise over the labels.

    Raises
    ------
    ValueError
        For another ``average``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.precision(y, A), 4)
    0.8333
    """
    return _averaged(
        y, A, sample_weight, average, multilabel, lambda hit, found, there: (hit, found)
    )


def recall(
    y: Array,
    A: Array,
    sample_weight: Array | None = None,
    *,
    average: Average = "macro",
    multilabel: bool = True,
) -> float:
    """Of what is of a class, the fraction that was taken for it; else as `precision`.

    Raises
    ------
    ValueError
        For another ``average``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.recall(y, A), 4)
    0.8333
    """
    return _averaged(
        y, A, sample_weight, average, multilabel, lambda hit, found, there: (hit, there)
    )


def f1(
    y: Array,
    A: Array,
    sample_weight: Array | None = None,
    *,
    average: Average = "macro",
    multilabel: bool = True,
) -> float:
    """The harmonic mean of precision and recall; else as `precision` (van Rijsbergen 1979).

    Raises
    ------
    ValueError
        For another ``average``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.f1(y, A), 4)
    0.7778
    """
    return _averaged(
        y, A, sample_weight, average, multilabel, lambda hit, found, there: (2 * hit, found + there)
    )


def roc_auc(
    y: Array, A: Array, sample_weight: Array | None = None, *, multilabel: bool = True
) -> float:
    """Area under the ROC curve: how likely a positive's output is above a negative's.

    Equal outputs count half (Hanley & McNeil 1982). Two classes make one curve, of class 1's
    output; several make one each against the rest, whose areas' mean this is, and so do rows with
    several labels. NaN where a class has no example, or every one.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.roc_auc(y, A), 4)
    0.9583
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    n = A.shape[1]
    if not _exclusive(y, A, multilabel):
        return float(np.mean([_area(y[:, c] > 0.5, A[:, c], sample_weight) for c in range(n)]))
    labels = _classes(y)
    if n == 2:
        return _area(labels == 1, A[:, 1], sample_weight)
    return float(np.mean([_area(labels == c, A[:, c], sample_weight) for c in range(n)]))


def log_loss(
    y: Array, A: Array, sample_weight: Array | None = None, *, multilabel: bool = True
) -> float:
    """Mean of ``-sum_i y_i log a_i``, with a one's distance from 0 and 1 at least its precision.

    With one output, or several labels an example, the mean over the outputs of
    ``-(y log a + (1 - y) log(1 - a))``.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y = np.array([0, 1, 2, 2])
    >>> A = np.array([[0.7, 0.2, 0.1], [0.1, 0.6, 0.3], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    >>> round(metrics.log_loss(y, A), 4)
    0.5737
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    least = np.finfo(A.dtype).eps
    if y.ndim == 1:
        own = np.take_along_axis(A, y[:, np.newaxis], axis=1)[:, 0]
        return _mean(-np.log(own.clip(least, 1 - least), dtype=np.float64), sample_weight)
    exclusive = _exclusive(y, A, multilabel)
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
    """Mean of ``(a - y)^2`` over outputs and examples.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y, A = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [2.0]])
    >>> round(metrics.mean_squared_error(y, A), 4)
    1.6667
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    return float(np.mean(_column_means(y, A, sample_weight, np.square)))


def root_mean_squared_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean over the outputs of the root of each one's mean squared error.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y, A = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [2.0]])
    >>> round(metrics.root_mean_squared_error(y, A), 4)
    1.291
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    return float(np.mean(np.sqrt(_column_means(y, A, sample_weight, np.square))))


def mean_absolute_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean of ``|a - y|`` over outputs and examples.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y, A = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [2.0]])
    >>> round(metrics.mean_absolute_error(y, A), 4)
    1.0
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
    return float(np.mean(_column_means(y, A, sample_weight, np.abs)))


def r2(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    """Mean over the outputs of ``1 - sum (a - y)^2 / sum (y - mean y)^2``, with weighted sums.

    An output whose targets are all the same has 1 if it is right throughout, else 0. Not defined
    for a single example.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import metrics
    >>> y, A = np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [3.0], [2.0]])
    >>> round(metrics.r2(y, A), 4)
    -0.0714
    """
    y, A, sample_weight = _fitting(y, A, sample_weight)
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

# The names that others have for them. A history has the name of the table.
METRIC_ALIASES: dict[str, str] = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "precision_score": "precision",
    "recall_score": "recall",
    "f1_score": "f1",
    "auc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "logloss": "log_loss",
    "mse": "mean_squared_error",
    "rmse": "root_mean_squared_error",
    "mae": "mean_absolute_error",
    "r2_score": "r2",
}


def recorded_name(name: str) -> str:
    """What a history calls a metric of the table, ``"val_accuracy"`` for ``"val_acc"``."""
    prefix = "val_" if name.startswith("val_") else ""
    return prefix + name_of(name.removeprefix("val_"), METRICS, METRIC_ALIASES)


def default_metrics(loss: Loss, n_outputs: int) -> tuple[str, ...]:
    """Name what a loss is usually judged by."""
    if loss.takes_labels:
        return ("accuracy",)
    if loss.targets.name == "probabilities":
        return ("accuracy",) if n_outputs == 1 else ("binary_accuracy",)
    return ()


def of_labels(loss: Loss, output: Output) -> bool:
    """Whether rows of targets hold several labels an example: what ``multilabel`` is."""
    if loss.targets.name == "probabilities":
        return not loss.takes_labels
    return output.activation != "softmax"


def as_metrics(metrics: Metrics, where: str, *, multilabel: bool = True) -> dict[str, Metric]:
    """Metrics by the names that they have in the history.

    Parameters
    ----------
    metrics : sequence or dict
        Names, functions of ``(y, A)`` or ``(y, A, sample_weight)``, and pairs of a name and a
        function; a dict is such pairs, and one such pair will do by itself where its name is no
        metric's. A function without a name given goes by its ``__name__``.
    where : str
        For the messages.
    multilabel : bool
        For the functions that ask for it.

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
    elif isinstance(metrics, str) or callable(metrics) or _is_one_pair(metrics):
        metrics = [metrics]  # type: ignore[list-item]
    elif not isinstance(metrics, Iterable):
        raise TypeError(
            f"{where}: metrics is {metrics!r}: expected a list of names and functions of (y, A)"
        )
    named: dict[str, Metric] = {}
    for metric in metrics:
        name, function = _named(metric, where)
        if name in named or name == "loss":
            raise ValueError(
                f"{where}: metrics: {name!r} is there already: expected a name of its own for "
                "each, as in (name, function)"
            )
        named[name] = _checked(name, function, where, multilabel)
    return named


def _is_one_pair(metrics: object) -> bool:
    """Tell ``("mine", f)``, a metric and its name, from ``("f1", f)``, two metrics."""
    return (
        isinstance(metrics, tuple)
        and len(metrics) == 2
        and isinstance(metrics[0], str)
        and callable(metrics[1])
        and name_of(metrics[0], METRICS, METRIC_ALIASES) not in METRICS
    )


def _named(metric: object, where: str) -> tuple[str, Callable[..., Any]]:
    if isinstance(metric, str):
        name = name_of(metric, METRICS, METRIC_ALIASES)
        if name not in METRICS:
            raise ValueError(
                f"{where}: metrics: {metric!r} is unknown: expected some of {list(METRICS)}, or a "
                f"function of (y, A){did_you_mean(metric, METRICS, METRIC_ALIASES)}"
            )
        return name, METRICS[name]
    own, function = metric if isinstance(metric, tuple) and len(metric) == 2 else (None, metric)
    if isinstance(function, str):
        function = METRICS.get(name_of(function, METRICS, METRIC_ALIASES), function)
    own = getattr(function, "__name__", None) if own is None else own
    if not callable(function) or not isinstance(own, str):
        raise TypeError(
            f"{where}: metrics: got {metric!r}: expected a name, a function of (y, A) that has a "
            "__name__, or (name, function)"
        )
    return own, function


def _checked(name: str, function: Callable[..., Any], where: str, multilabel: bool) -> Metric:
    """A function that is told what it asks for, its result held to being a number."""
    weighted = _takes(function, "sample_weight")
    told = {"multilabel": multilabel} if _takes(function, "multilabel") else {}

    def metric(y: Array, A: Array, sample_weight: Array | None = None) -> float:
        weights = {"sample_weight": sample_weight} if weighted else {}
        value = function(y, A, **weights, **told)
        if isinstance(value, np.ndarray) and value.ndim == 0:
            value = value[()]
        if not isinstance(value, Real):
            raise TypeError(
                f"{where}: metric {name!r} returned a {type(value).__name__}: expected a number"
            )
        return float(value)

    return metric


def _takes(function: Callable[..., Any], argument: str) -> bool:
    ours = getattr(function, "__module__", None) == __name__  # which are the same for ever
    return argument in (_arguments_of_ours if ours else _arguments)(function)


def _arguments(function: Callable[..., Any]) -> frozenset[str]:
    try:
        return frozenset(inspect.signature(function).parameters)
    except ValueError:  # some that are written in C do not tell
        return frozenset()


_arguments_of_ours = cache(_arguments)


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


def _fitting(y: Array, A: Array, sample_weight: Array | None) -> tuple[Array, Array, Array | None]:
    """Targets, outputs and weights that go together; those of one output as a column each."""
    y, A = np.asarray(y), np.asarray(A)
    A = A if A.dtype.kind == "f" else A.astype(np.float64)
    A = A[:, np.newaxis] if A.ndim == 1 else A
    y = y[:, np.newaxis] if y.ndim == 1 and A.shape[1:] == (1,) else y
    labels = y.ndim == 1
    if A.ndim != 2 or y.shape != (A.shape[:1] if labels else A.shape):
        raise ValueError(
            f"metrics: y has shape {y.shape} and A {A.shape}: expected (m, n) each, or class "
            "labels y (m,)"
        )
    if labels and y.dtype.kind not in "biu":
        raise TypeError(f"metrics: y is {y.dtype} of shape {y.shape}: expected integer labels")
    if labels and len(y) and (y.min() < 0 or y.max() >= A.shape[1]):
        raise ValueError(
            f"metrics: y has labels from {y.min()} to {y.max()}: expected 0 to {A.shape[1] - 1}, "
            f"as A has {A.shape[1]} columns"
        )
    if sample_weight is not None:
        sample_weight = np.asarray(sample_weight)
        if sample_weight.shape != A.shape[:1]:
            raise ValueError(
                f"metrics: sample_weight has shape {sample_weight.shape}: expected {A.shape[:1]}"
            )
    return y.astype(np.int64, copy=False) if labels else y, A, sample_weight


def _exclusive(y: Array, A: Array, multilabel: bool) -> bool:
    """Tell whether each example has one class of several, and not several labels."""
    return bool(A.shape[1] > 1) and (y.ndim == 1 or not multilabel)


def _classes(y: Array) -> Array:
    return y if y.ndim == 1 else y.argmax(axis=1)


def _averaged(
    y: Array,
    A: Array,
    sample_weight: Array | None,
    average: Average,
    multilabel: bool,
    fraction: Callable[[Array, Array, Array], tuple[Array, Array]],
) -> float:
    """A fraction of weighted counts: how much was rightly found of a class, found, and is there."""
    if average not in ("macro", "micro", "weighted"):
        raise ValueError(f"average is {average!r}: expected 'macro', 'micro' or 'weighted'")
    y, A, sample_weight = _fitting(y, A, sample_weight)
    weights = np.ones(len(A)) if sample_weight is None else sample_weight
    n = A.shape[1]
    hit, found, there = np.zeros(n), np.zeros(n), np.zeros(n)
    if not _exclusive(y, A, multilabel):
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
