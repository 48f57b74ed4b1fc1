"""The door: what a user hands in, as arrays that the core takes; nothing is copied needlessly."""

from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import _core
from deltarule.memory_map import let_go, mapped_file, rows_a_window

Array = NDArray[Any]
DType = np.dtype[Any]

# What the core reads as it is, batch by batch, whatever its strides.
_READ_IN_PLACE = tuple(np.dtype(name) for name in ("f4", "f8", "u1", "i4", "i8"))


def _real(values: ArrayLike, where: str, what: str) -> Array:
    """An array of real numbers of any type."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where}: {what} is {array.dtype}: expected real numbers (float32 and float64 are "
            "taken as they are)"
        )
    return array


def _numbers(values: ArrayLike, where: str, what: str) -> Array:
    """An array of a number type that the core reads: the caller's own memory if it can be."""
    array = _real(values, where, what)
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    if array.dtype in _READ_IN_PLACE and array.dtype.isnative and array.flags.aligned:
        return array
    if array.dtype.kind in "iu" and array.dtype != np.uint64:
        return array.astype(np.int64)
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def _expect_finite(array: Array, dtype: DType, where: str, what: str) -> None:
    """Hold numbers to being finite, also as the network's dtype."""
    table = array if array.ndim == 2 else array[:, np.newaxis]
    mapped = mapped_file(array)
    window = max(1, len(table)) if mapped is None else rows_a_window(table)
    for first in range(0, len(table), window):
        found = _core.find_non_finite(table[first : first + window], dtype)
        if mapped is not None:
            let_go(mapped)
        if found is None:
            continue
        row, column, value = first + found[0], found[1], found[2]
        place = f"[{row}, {column}]" if array.ndim == 2 else f"[{row}]"
        expected = f"numbers that are finite as {dtype}" if isfinite(value) else "finite numbers"
        raise ValueError(
            f"{where}: {what}{place} is {value}: expected {expected}; remove or impute such rows "
            "beforehand"
        )


def as_rows(
    X: ArrayLike, n: int, dtype: DType, where: str, what: str = "X", side: str = "inputs"
) -> Array:
    """Rows of ``n`` finite numbers, one for each of the network's inputs, or outputs."""
    rows = _numbers(X, where, what)
    if rows.ndim != 2 or rows.shape[1] != n:
        raise ValueError(
            f"{where}: {what} has shape {rows.shape}: expected (n_samples, {n}), as the network "
            f"has {n} {side}"
        )
    _expect_finite(rows, dtype, where, what)
    return rows


def expect_codes(rows: Array, embedded: dict[int, int], where: str, what: str = "X") -> None:
    """Hold the columns of category codes to 0 ... categories - 1."""
    for column, categories in embedded.items():
        codes = rows[:, column]
        bad = np.flatnonzero((codes < 0) | (codes >= categories) | (codes != np.floor(codes)))
        if bad.size:
            raise ValueError(
                f"{where}: {what}[{bad[0]}, {column}] is {codes[bad[0]]}: expected a category "
                f"code, 0 to {categories - 1}, as an Embedding takes the column"
            )


def moments(rows: Array) -> tuple[Array, Array]:
    """The mean and the variance of each column, in float64, a window of rows at a time."""
    mean, squares, total = np.zeros(rows.shape[1]), np.zeros(rows.shape[1]), 0
    window = rows_a_window(rows)
    for first in range(0, len(rows), window):
        part = np.asarray(rows[first : first + window], np.float64)
        count, part_mean = len(part), part.mean(axis=0)
        apart = part_mean - mean
        squares += ((part - part_mean) ** 2).sum(axis=0)
        squares += apart**2 * (total * count / (total + count))
        total += count
        mean += apart * (count / total)
    return mean, squares / total


def as_target(
    y: ArrayLike,
    loss: str,
    m: int,
    n_outputs: int,
    dtype: DType,
    where: str,
    sample_weight: ArrayLike | None = None,
) -> "_core.Target":
    """What a loss holds ``m`` examples of ``n_outputs`` against, and how much each weighs."""
    values = _real(y, where, "y")
    if values.shape[:1] != (m,):
        raise ValueError(
            f"{where}: y has shape {values.shape} but X has {m} rows: expected as many"
        )
    weights = None if sample_weight is None else _weights(sample_weight, m, where)
    if loss == "categorical_cross_entropy" and values.ndim == 1:
        return _core.Target(None, _labels(values, n_outputs, where), weights)
    values = _numbers(values, where, "y")
    if values.ndim == 1 and n_outputs == 1:
        values = values[:, np.newaxis]
    if values.shape != (m, n_outputs):
        raise ValueError(
            f"{where}: y has shape {values.shape}: expected ({m}, {n_outputs}), as the network has "
            f"{n_outputs} outputs"
            + (
                f", or ({m},) class labels"
                if loss == "categorical_cross_entropy"
                else f"; class labels need loss='categorical_cross_entropy', not {loss!r}"
                if values.ndim == 1
                else ""
            )
        )
    _expect_finite(values, dtype, where, "y")
    if loss.endswith("cross_entropy"):
        outside = (values < 0) | (values > 1)
        if outside.any():
            row, column = np.argwhere(outside)[0]
            raise ValueError(
                f"{where}: y[{row}, {column}] is {values[row, column]}: expected 0 to 1, as "
                f"{loss} takes probabilities"
            )
    return _core.Target(values, None, weights)


def _labels(values: Array, n_classes: int, where: str) -> Array:
    if values.dtype.kind == "f":
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
    return np.ascontiguousarray(values, np.int64)


def _weights(sample_weight: ArrayLike, m: int, where: str) -> Array:
    weights = np.ascontiguousarray(_numbers(sample_weight, where, "sample_weight"), np.float64)
    if weights.shape != (m,):
        raise ValueError(
            f"{where}: sample_weight has shape {weights.shape}: expected ({m},), one an example"
        )
    _expect_finite(weights, weights.dtype, where, "sample_weight")
    negative = np.flatnonzero(weights < 0)
    if negative.size:
        at = negative[0]
        raise ValueError(f"{where}: sample_weight[{at}] is {weights[at]}: expected 0 or more")
    if not weights.any():
        raise ValueError(f"{where}: sample_weight is 0 for every example: expected some above 0")
    # Their ratios alone count. A power of two brings them near 1 and changes no digit of theirs.
    return np.ldexp(weights, -int(np.frexp(weights.max())[1]))
