"""What a model of a table is handed: tables as they come, arrays by scikit-learn's rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from deltarule._arrays import Array
from deltarule._data.door import as_weights


def checked_table(X: Any, model: Any) -> Any:
    """X as it is where columns are told apart by a frame, and else as scikit-learn takes arrays.

    Raises
    ------
    TypeError, ValueError
        In scikit-learn's words, for sparse and complex numbers, one dimension, and what is empty.
    """
    tabular = isinstance(X, (list, tuple, Mapping)) or hasattr(X, "columns") or _is_arrow(X)
    records = isinstance(X, np.ndarray) and X.dtype.names is not None
    if (tabular or records) and not hasattr(X, "tocsr"):
        return X
    return check_array(
        X,
        dtype=None,
        ensure_all_finite=False,
        estimator=model,
        input_name="X",
    )


def _is_arrow(X: Any) -> bool:
    return hasattr(X, "column_names")


def expect_width(X: Any, model: Any) -> None:
    """Hold an array to as many columns as there were in ``fit``, in scikit-learn's words.

    Raises
    ------
    ValueError
        For others.
    """
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] != model.n_features_in_:
        raise ValueError(
            f"X has {X.shape[1]} features, but {type(model).__name__} is expecting "
            f"{model.n_features_in_} features as input"
        )


def as_targets(y: Any, model: Any) -> Any:
    """Y as it is, but for an array of a type that has a meaning of its own to scikit-learn.

    Raises
    ------
    ValueError
        For none, and for complex numbers.
    """
    if y is None:
        raise ValueError(
            f"{type(model).__name__}.fit: requires y to be passed, but the target y is None"
        )
    if isinstance(y, (Mapping, str)) or hasattr(y, "columns") or hasattr(y, "dtype"):
        if getattr(getattr(y, "dtype", None), "kind", "") == "c":
            raise ValueError(f"{type(model).__name__}.fit: y: Complex data not supported")
        return y
    return np.asarray(y) if hasattr(y, "__array__") else y


def as_classes(y: Any, model: Any) -> Any:
    """The same of classes: one dimension, and no fractions.

    Raises
    ------
    ValueError
        For numbers that are no classes.
    """
    y = as_targets(y, model)
    if getattr(y, "ndim", 1) == 2 and not hasattr(y, "columns"):
        y = column_or_1d(y, warn=True)
    if isinstance(y, np.ndarray) and y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
        check_classification_targets(y)
    return y


def weights_of(sample_weight: ArrayLike | None, m: int, where: str) -> Array | None:
    """What rows count for, if they do not count alike.

    Raises
    ------
    TypeError, ValueError
        For what is no weight, and where all are zero.
    """
    if sample_weight is None:
        return None
    given = np.asarray(sample_weight)
    if given.size and not given.any():
        raise ValueError(f"{where}: every sample_weight is zero: expected some above 0")
    return as_weights(sample_weight, m, where)
