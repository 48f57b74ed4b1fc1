"""What a model answers to some rows: an array, a row an example."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._arrays import Array

# Of an interval's two ends, which predictions of intervals are.
ENDS = ("lower", "upper")


def answers(model: Any, X: Any, method: str, rows: int) -> Array:
    """The predictions of rows; both ends of intervals are side by side.

    Raises
    ------
    TypeError
        Where it answers with something else than an array, or two.
    ValueError
        Where it answers to other than each row.
    """
    found = getattr(model, method)(X)
    if isinstance(found, tuple):
        found = np.stack(found, axis=1)
    if not isinstance(found, np.ndarray):
        raise TypeError(
            f"predict: {type(model).__name__}.{method} returns a {type(found).__name__}: expected "
            "an array, such as predict or predict_proba returns"
        )
    if found.ndim == 0 or len(found) != rows:
        raise ValueError(
            f"predict: {type(model).__name__}.{method} answers to {rows} rows with an array of "
            f"shape {found.shape}: expected an answer to each row"
        )
    return found


def expect_method(model: Any, method: str) -> None:
    """Refuse a model that has none of that name."""
    if not isinstance(method, str) or not callable(getattr(model, method, None)):
        raise ValueError(
            f"predict: a {type(model).__name__} has no method {method!r}: expected such as "
            "'predict' or 'predict_proba'"
        )
