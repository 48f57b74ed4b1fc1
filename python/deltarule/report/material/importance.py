"""What a model goes by: what shuffling each column costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from deltarule._arrays import Array, spread_out
from deltarule.metrics import log_loss, root_mean_squared_error
from deltarule.report.material.permutation import permutation_importance
from deltarule.report.subject import Importance

# Rows that columns are shuffled in, and columns that are; of more, those that a first try ranks.
_MOST_SHUFFLED, _MOST_TRIED, _MOST_COLUMNS = 2000, 200, 50

Spans = Mapping[str, tuple[int, int]]


def importance_of(
    answer: Callable[[Array], Array], rows: Array, y: Array, weights: Array | None, spans: Spans
) -> Importance:
    """What shuffling costs; of many columns, of those that matter most at a first try.

    Parameters
    ----------
    answer : callable
        Rows to probabilities of classes, or to numbers.
    rows : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        Codes of classes, or numbers.
    weights : ndarray of shape (n_samples,), or None
    spans : mapping of str to (int, int)
        Where each column's numbers begin and end.
    """
    classes = answer(rows[:1]).ndim == 2
    # The square of a large number is not finite.
    unit = 1.0 if classes else float(np.ptp(y)) or 1.0

    def shuffled(names: list[str], most: int, repeats: int) -> tuple[Array, Array]:
        some = spread_out(len(rows), most)
        w = None if weights is None or not weights[some].any() else weights[some]
        loss = log_loss if classes else root_mean_squared_error
        own = y[some] if classes else y[some] / unit
        return permutation_importance(
            answer,
            lambda outputs: unit * float(loss(own, outputs / unit, w)),
            rows[some],
            {name: spans[name] for name in names},
            repeats=repeats,
        )

    names = list(spans)
    mean, deviation = np.full((2, len(names)), np.nan)
    tried = np.arange(len(names))
    if len(names) > _MOST_COLUMNS:
        first, _ = shuffled(names, _MOST_TRIED, 1)
        tried = np.sort(np.argsort(-first, kind="stable")[:_MOST_COLUMNS])
    mean[tried], deviation[tried] = shuffled([names[k] for k in tried], _MOST_SHUFFLED, 3)
    measure = "rise of the log loss" if classes else "rise of the RMSE"
    return Importance(measure, names, mean, deviation)
