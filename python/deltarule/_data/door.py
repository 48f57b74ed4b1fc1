"""The door: what a user hands in, as arrays that the core takes; nothing is copied needlessly.

`Network`, the estimators, callbacks and predictions all come in here. ``as_rows`` and ``as_target``
check as they go; for who has checked by other rules, as scikit-learn's are, there are ``rows_of``
and ``target_of``.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.containers import Opened, opened
from deltarule._data.names import arrangement
from deltarule._data.numbers import numbers
from deltarule._data.rows import Rows
from deltarule._data.weights import expect_weights, near_one
from deltarule.losses import Loss, expect_targets

DType = np.dtype[Any]


def expect_finite(
    rows: Rows,
    dtype: DType,
    where: str,
    what: str,
    columns: Sequence[Any] | None = None,
    *,
    vector: bool = False,
) -> None:
    """Hold numbers to being finite, also as the network's dtype."""
    for first, part in rows.windows():
        found = _core.find_non_finite(part, dtype)
        if found is None:
            continue
        row, column, value = first + found[0], found[1], found[2]
        place = f"[{row}]" if vector else f"[{row}, {column}]"
        if columns is not None:
            place += f" in column {columns[column]!r}"
        expected = f"numbers that are finite as {dtype}" if isfinite(value) else "finite numbers"
        raise ValueError(
            f"{where}: {what}{place} is {value}: expected {expected}; remove or impute such rows "
            "beforehand"
        )


def as_rows(
    X: ArrayLike | Opened,
    n: int,
    dtype: DType,
    where: str,
    what: str = "X",
    side: str = "inputs",
    wanted: Sequence[str] | None = None,
) -> Rows:
    """Rows of ``n`` finite numbers, one for each of the network's inputs, or outputs.

    Columns that have names come in the order of those ``wanted``.
    """
    given, columns = opened(X, where, what, wanted)
    if given.ndim != 2 or given.shape[1] != n:
        raise ValueError(
            f"{where}: {what} has shape {given.shape}: expected (n_samples, {n}), as the network "
            f"has {n} {side}{_made_to_fit(given.shape, n, what)}"
        )
    rows = Rows(given, columns)
    expect_finite(rows, dtype, where, what, columns)
    return rows


def _made_to_fit(shape: tuple[int, ...], n: int, what: str) -> str:
    """How what has another shape becomes rows of ``n``, if that is plain."""
    if len(shape) == 2 and shape[0] == n:
        return f"; {what}.T would fit: an example is a row"
    if len(shape) == 1 and n in (1, shape[0]):
        one = n == shape[0]
        return f"; {what}.reshape({'1, -1' if one else '-1, 1'}) would fit" + " as one" * one
    return ""


def rows_of(X: Any, where: str) -> Rows:
    """Rows whose numbers have been checked already."""
    return Rows(opened(X, where, "X").rows)


def expect_codes(rows: Rows, embedded: dict[int, int], where: str, what: str = "X") -> None:
    """Hold the columns of category codes to 0 ... categories - 1."""
    for first, part in rows.dense_windows() if embedded else ():
        for column, categories in embedded.items():
            codes = part[:, column]
            bad = np.flatnonzero((codes < 0) | (codes >= categories) | (codes != np.floor(codes)))
            if bad.size:
                raise ValueError(
                    f"{where}: {what}[{first + bad[0]}, {column}] is {codes[bad[0]]}: expected a "
                    f"category code, 0 to {categories - 1}, as an Embedding takes the column"
                )


def one_or_more(X: Any, where: str, wanted: Sequence[str] | None = None) -> tuple[Opened, bool]:
    """Open X, one example (n,) as a table of one row; and tell whether it was one."""
    rows, columns = opened(X, where, "X", wanted)
    if rows.ndim != 1:
        return Opened(rows, columns), False
    if columns is None and hasattr(X, "to_numpy") and hasattr(X, "index"):
        # A row of a pandas frame, which knows its columns.
        order = arrangement(list(X.index), wanted, where, "X")
        rows = rows if order is None else rows[order]
    return Opened(rows[np.newaxis], columns), True


def as_target(
    y: ArrayLike,
    loss: Loss,
    m: int,
    n_outputs: int,
    dtype: DType,
    where: str,
    sample_weight: ArrayLike | None = None,
) -> _core.Target:
    """What a loss holds ``m`` examples of ``n_outputs`` against, and how much each weighs."""
    values, columns = _dense(y, where, "y")
    if values.shape[:1] != (m,):
        turned = values.ndim == 2 and values.shape[1] == m
        raise ValueError(
            f"{where}: y has shape {values.shape} but X has {m} rows: expected as many"
            + ("; y.T would fit: an example is a row" if turned else "")
        )
    weights = None if sample_weight is None else as_weights(sample_weight, m, where)
    if loss.takes_labels and values.shape == (m, 1) and n_outputs > 1 and values.dtype.kind != "f":
        values = values[:, 0]
    if loss.takes_labels and values.ndim == 1:
        return _core.Target(None, _labels(values, n_outputs, where), weights)
    values = numbers(values)
    each = loss.outputs_a_target()
    if n_outputs % each:
        raise ValueError(
            f"{where}: the network has {n_outputs} outputs: expected a multiple of {each}, as "
            f"{loss} has {each} outputs a target"
        )
    n_targets = n_outputs // each
    if values.ndim == 1 and n_targets == 1:
        values = values[:, np.newaxis]
    if values.shape != (m, n_targets):
        expected = f"({m}, {n_targets})" + (f" or ({m},)" if n_targets == 1 else "")
        raise ValueError(
            f"{where}: y has shape {values.shape}: expected {expected}, as the network has "
            f"{n_outputs} output{'s' * (n_outputs > 1)}"
            + (
                f", {each} a target"
                if each > 1
                else f", or ({m},) class labels"
                if loss.takes_labels
                else "; class labels need a softmax output with loss='categorical_cross_entropy', "
                "or for two classes one sigmoid output with loss='binary_cross_entropy'"
                if values.ndim == 1
                else ""
            )
        )
    expect_finite(Rows(values), dtype, where, "y", columns)
    expect_targets(values, loss, f"{where}: y")
    return target_of(values, None, weights, loss)


def target_of(
    Y: Array | None, labels: Array | None, weights: Array | None, loss: Loss
) -> _core.Target:
    """What has been checked already, for the core: every target stands before each of its outputs.

    Parameters
    ----------
    Y : ndarray of shape (m, n_targets), or None
    labels : ndarray of shape (m,), or None
        Classes in the place of Y.
    weights : ndarray of shape (m,), or None
    loss : Loss
    """
    if Y is not None:
        Y = _repeated(Y, loss.outputs_a_target())
    weights = None if weights is None else np.require(weights, np.float64, ["C", "A"])
    return _core.Target(Y, labels, weights)


def _repeated(values: Array, each: int) -> Array:
    """Each column ``each`` times: a view, where there is one column."""
    if each == 1:
        return values
    m, n = values.shape
    return np.broadcast_to(values[:, :, np.newaxis], (m, n, each)).reshape(m, n * each)


def _dense(values: Any, where: str, what: str) -> Opened:
    """Open what is as large as the network's output, or smaller: sparse matrices become arrays."""
    if hasattr(values, "tocsr") and values.ndim == 1:
        values = values.toarray()
    given = opened(values, where, what)
    if isinstance(given.rows, np.ndarray):
        return given
    dtype: Any = getattr(values, "dtype", np.dtype(np.float64))
    # The core makes rows dense in float64, which is not what class labels are in.
    return Opened(given.rows.dense().astype(dtype, copy=False), given.columns)


def _labels(values: Array, n_classes: int, where: str) -> Array:
    if values.dtype.kind == "f":
        table = Rows(numbers(values)[:, np.newaxis])
        expect_finite(table, np.dtype(np.float64), where, "y", vector=True)
        raise TypeError(
            f"{where}: y is {values.dtype.name}: expected integer class labels, 0 to "
            f"{n_classes - 1} (`y.astype(int)`), or one row of {n_classes} probabilities an example"
        )
    outside = np.flatnonzero((values < 0) | (values >= n_classes))
    if outside.size:
        at = outside[0]
        raise ValueError(
            f"{where}: y[{at}] is {values[at]}: expected 0 to {n_classes - 1}, as the network has "
            f"{n_classes} outputs"
        )
    return np.ascontiguousarray(numbers(values), np.int64)


def as_weights(sample_weight: ArrayLike, m: int, where: str) -> Array:
    """How much each of ``m`` examples weighs."""
    given = _dense(sample_weight, where, "sample_weight").rows
    weights = np.ascontiguousarray(numbers(given), np.float64)
    if weights.shape != (m,):
        raise ValueError(
            f"{where}: sample_weight has shape {weights.shape}: expected ({m},), one an example"
        )
    expect_finite(Rows(weights[:, np.newaxis]), weights.dtype, where, "sample_weight", vector=True)
    expect_weights(weights, where, "sample_weight")
    return near_one(weights)


class Encodes(Protocol):
    """What makes rows of numbers of raw tables."""

    @property
    def learned(self) -> object: ...
    def encoded(self, X: Any, where: str, what: str = "X") -> tuple[Array, bool]: ...


class Door:
    """The ways in, for who hands them on; one may keep what is asked for again.

    Attributes
    ----------
    least : int
        How many rows there have to be to train on.
    """

    least = 1

    def encoded(self, X: Any, inputs: Encodes, where: str, what: str) -> Array:
        """Rows of numbers of a raw table."""
        return inputs.encoded(X, where, what)[0]

    as_rows = staticmethod(as_rows)
    expect_codes = staticmethod(expect_codes)
    as_target = staticmethod(as_target)


FRONT_DOOR = Door()
