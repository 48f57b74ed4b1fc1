"""What an estimator is handed, by scikit-learn's rules: X, y and the examples' weights."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn import get_config
from sklearn.exceptions import DataConversionWarning
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _check_sample_weight, validate_data

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.door import expect_finite, rows_of
from deltarule._data.numbers import in_place
from deltarule._data.rows import Rows, mapped_file
from deltarule._data.weights import expect_weights
from deltarule.estimators.contract import warn
from deltarule.network import Network

# In the place of y, which may be anything.
_NOT_GIVEN = object()


def checked(
    estimator: Any, X: Any, where: str, *, reset: bool, y: Any = _NOT_GIVEN, **options: Any
) -> Any:
    """X, or X and y, as scikit-learn checks them.

    A memory map of numbers that the core reads stays where it is, and as it is; anything else
    becomes what it would be if it did not lie in a file.
    """
    if not reset and not options and _passes_as_it_is(estimator, X):
        if isinstance(y, str):
            return X
        if _passes_as_target(y, len(X)):
            return X, y
    in_file = is_mapped(X) and in_place(X) is not None
    given = {"accept_sparse": ["csr", "csc"], "ensure_all_finite": not in_file} | options
    if y is _NOT_GIVEN:
        given["dtype"] = None if in_file else "numeric"
        found = X = validate_data(estimator, X, reset=reset, **given)
    else:
        given["dtype"] = None if in_file else (np.float64, np.float32)
        found = X, _ = validate_data(estimator, X, y, reset=reset, multi_output=True, **given)
    if in_file and not get_config()["assume_finite"]:
        dtype = X.dtype if X.dtype == np.float32 else np.dtype(float)
        expect_finite(rows_of(X, where), dtype, where, "X")
    return found


def _passes_as_it_is(estimator: Any, X: Any) -> bool:
    """Whether X is what scikit-learn's checks would return, which take longer than a small step."""
    if type(X) is not np.ndarray or X.dtype not in _FLOATS or X.ndim != 2 or is_mapped(X):
        return False
    return (
        X.shape == (len(X) or -1, estimator.n_features_in_)
        and not hasattr(estimator, "feature_names_in_")
        and X.flags.aligned
        and (get_config()["assume_finite"] or _core.find_non_finite(X, X.dtype) is None)
    )


_FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


def _passes_as_target(y: Any, m: int) -> bool:
    """Whether y is a vector of m whole numbers, in which there is nothing to find."""
    return type(y) is np.ndarray and y.dtype.kind in "biu" and y.shape == (m,)


def outputs(network: Network, X: Any) -> Array:
    """``A[L]`` of numbers that the user has said are finite."""
    rows = rows_of(X, "predict")
    A = np.empty((len(rows), network.output_size), network.dtype)
    for first, part in rows.windows():
        network._core.infer(network.parameters, part, A[first : first + len(part)])
    return A


def dense(y: Any) -> Array:
    """Targets as an array; a column of them as a vector, which scikit-learn warns of."""
    y = y.toarray() if hasattr(y, "toarray") else y
    if y.ndim == 2 and y.shape[1] == 1:
        warn(
            "A column-vector y was passed when a 1d array was expected. Please change the shape of "
            "y to (n_samples, ), for example using ravel().",
            DataConversionWarning,
        )
        return y[:, 0]  # type: ignore[no-any-return]
    return y  # type: ignore[no-any-return]


def weights(given: Any, X: Any, what: str) -> Array | None:
    """The examples' weights, which are none or numbers of 0 and more."""
    if given is None:
        return None
    found = _check_sample_weight(given, X)
    expect_weights(found, "fit", what)
    return np.asarray(found)


def is_mapped(X: Any) -> bool:
    """Whether X lies in a file, read where it lies."""
    return isinstance(X, np.ndarray) and mapped_file(X) is not None


def taken(X: Any, rows: Array) -> Any:
    """Copy some rows; those of a memory map in the file's order, letting go of its pages."""
    return Rows(X).taken(rows) if is_mapped(X) else _safe_indexing(X, rows)
