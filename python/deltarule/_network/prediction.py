"""Predictions for whatever holds numbers, by whatever predicts: a network, or several together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._data.containers import Opened
from deltarule._data.rows import Held, Rows


class Predictor(Protocol):
    """What predicts: its outputs, and its door."""

    dtype: np.dtype[Any]

    @property
    def output_size(self) -> int: ...
    def _expect_adapted(self, where: str) -> None: ...
    def _one_or_more(self, X: ArrayLike, where: str) -> tuple[Opened, bool]: ...
    def _rows(self, X: ArrayLike | Opened, where: str) -> Rows: ...


def predict_anything(
    predictor: Predictor,
    X: ArrayLike,
    out: Array | None,
    infer: Callable[[Held, Array], object],
) -> Array:
    """Predict for what the core does not take as it stands, or not without a message.

    ``infer(rows, A)`` is the core's part of it.
    """
    rows, one = rows_at_the_door(predictor, X, "predict")
    if out is None:
        A = np.empty((len(rows), predictor.output_size), predictor.dtype)
    elif not isinstance(out, np.ndarray):
        raise TypeError(f"predict: out is {type(out).__name__}: expected an ndarray")
    else:
        A = out[np.newaxis] if one else out
        if rows.shares_memory(out):
            rows = Rows(rows.taken(slice(None)).copy())
    if A.shape == (len(rows), predictor.output_size):
        infer_windows(rows, A, infer)
    else:
        infer(rows.held, A)  # which says what it expected
    return out if out is not None else A[0] if one else A


def rows_at_the_door(predictor: Predictor, X: ArrayLike, where: str) -> tuple[Rows, bool]:
    """The rows of X, which may be one example; and whether it was one."""
    predictor._expect_adapted(where)
    given, one = predictor._one_or_more(X, where)
    return predictor._rows(given, where), one


def infer_windows(rows: Rows, A: Array, infer: Callable[[Held, Array], object]) -> None:
    """Have the outputs of all rows written, of a mapped file's window by window.

    The rows are the last axis but one of A.
    """
    if not rows.mapped:
        infer(rows.held, A)
        return
    for first, part in rows.windows():
        infer(part, A[..., first : first + len(part), :])
