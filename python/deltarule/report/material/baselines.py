"""What simple models, and boosted trees, come to on the same rows: a model should beat them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array

_MOST_LEVELS = 255  # that scikit-learn's trees know of a category
# Below so many rows one thread does: several that share their processors with other programs wait
# for each other, fifty times as long in the worst case.
_ROWS_OF_ONE_THREAD = 200_000


class Baseline(NamedTuple):
    """A simple model's name, and what it says of the rows held out.

    Attributes
    ----------
    name : str
    predictions : ndarray
        Probabilities of classes (n_samples, n_classes), or numbers (n_samples,).
    seconds : float
        Of its training.
    """

    name: str
    predictions: Array
    seconds: float


def baselines(
    rows: Array,
    y: Array,
    held_out: Array,
    embedded: dict[int, int],
    *,
    n_classes: int,
    weights: Array | None = None,
    seed: int = 0,
) -> Iterator[Baseline]:
    """Train each on the same encoded rows, one after another.

    Parameters
    ----------
    rows, held_out : ndarray of shape (n_samples, n_features)
        To train on, and to predict.
    y : ndarray of shape (n_samples,)
        Codes of classes, or numbers.
    embedded : dict of int to int
        The columns of codes, and how many codes there are.
    n_classes : int
        0 for numbers.
    weights : ndarray of shape (n_samples,), optional
    seed : int

    Raises
    ------
    ImportError
        Without scikit-learn.
    """
    # A report without baselines needs none of it.
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
    from sklearn.linear_model import LogisticRegression, Ridge
    from threadpoolctl import threadpool_limits

    trees = {
        "categorical_features": [at for at, n in embedded.items() if n <= _MOST_LEVELS],
        "early_stopping": False,  # which parts rows by classes, of which one may have a single row
        "random_state": seed,
    }
    if n_classes:
        shares = np.bincount(y, weights, n_classes) / (len(y) if weights is None else weights.sum())
        yield Baseline("always the commonest class", np.tile(shares, (len(held_out), 1)), 0.0)
        if len(np.unique(y)) < 2:  # of which nothing else can be learned
            return
        linear: Any = LogisticRegression(max_iter=300)
        boosted: Any = HistGradientBoostingClassifier(**trees)
    else:
        mean = float(np.average(y, weights=weights))
        yield Baseline("always the mean", np.full(len(held_out), mean), 0.0)
        linear, boosted = Ridge(1e-3), HistGradientBoostingRegressor(**trees)
    # Targets of any size, as a ridge and boosting see them.
    centre, unit = (0.0, 1.0) if n_classes else (float(np.mean(y)), float(np.std(y)) or 1.0)
    y = y if n_classes else (y - centre) / unit
    opened, opened_held_out = _one_hot(rows, held_out, list(embedded))
    for name, model, train, test in (
        ("logistic regression" if n_classes else "linear regression", linear, opened,
         opened_held_out),
        ("gradient-boosted trees", boosted, rows, held_out),
    ):  # fmt: skip
        threads = 1 if len(rows) < _ROWS_OF_ONE_THREAD else None
        with warnings.catch_warnings(), threadpool_limits(threads):
            warnings.simplefilter("ignore")  # that it could go on a little
            began = perf_counter()
            model.fit(train, y, sample_weight=weights)
            seconds = perf_counter() - began
            if n_classes:
                predictions = np.zeros((len(held_out), n_classes))
                predictions[:, model.classes_] = model.predict_proba(test)
            else:
                predictions = np.asarray(model.predict(test)) * unit + centre
        yield Baseline(name, predictions, seconds)


def _one_hot(rows: Array, held_out: Array, embedded: list[int]) -> tuple[Any, Any]:
    """Codes of categories as columns of 0 and 1."""
    if not embedded:
        return rows, held_out
    from scipy import sparse  # which scikit-learn brings
    from sklearn.preprocessing import OneHotEncoder

    coder = OneHotEncoder(handle_unknown="ignore").fit(rows[:, embedded])
    others = np.setdiff1d(np.arange(rows.shape[1]), embedded)
    return tuple(
        sparse.hstack([each[:, others], coder.transform(each[:, embedded])]).tocsr()
        for each in (rows, held_out)
    )
