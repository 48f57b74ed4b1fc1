"""A model beside simple ones, on rows that none of them has seen."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite, nan
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.cli.console import finite
from deltarule.cli.work.targets import as_numbers, classes_like
from deltarule.history import Right, as_table
from deltarule.report.facts.estimates import Estimate
from deltarule.report.facts.scores import scores

# Those that are told, of all that a report has.
_NAMES = {
    "accuracy": "accuracy",
    "log_loss": "log loss",
    "roc_auc": "ROC AUC",
    "rmse": "RMSE",
    "mae": "MAE",
    "r2": "R2",
}


class Score(NamedTuple):
    """A score and its interval of 95 %."""

    name: str
    value: float
    low: float
    high: float


# {who: scores}
Scores = dict[str, list[Score]]


def coded(target: Any, classes: Sequence[Any] | None, where: str) -> tuple[Array, str]:
    """A target as codes of classes, or as numbers; and what had to be done for it.

    Raises
    ------
    TableFileError
        For a class that is not known, and what is no number.
    """
    if classes is None:
        return as_numbers(target, where), ""
    values, note = classes_like(target, classes, where)
    codes = {value: code for code, value in enumerate(classes)}
    return np.array([codes[value] for value in values], np.int64), note


def scored(predictions: Array, y: Array, weights: Array | None) -> list[Score]:
    """Scores of probabilities, or of numbers; NaN where one is not defined, as R2 of one row."""
    found = scores(y, predictions, weights)
    if predictions.ndim == 1:
        found = {"r2": Estimate(nan, nan, nan)} | found
    return [Score(said, *found[name]) for name, said in _NAMES.items() if name in found]


def predicted(model: Any, X: Any) -> Array:
    """A model's probabilities, or its numbers."""
    found: Array = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return found


def as_text(scores: Scores) -> str:
    """A table: who, each score, and below it its interval."""
    rows: list[tuple[str, list[str]]] = []
    for who, some in scores.items():
        rows.append((who, [number(each.value) for each in some]))
        if any(map(_has_interval, some)):
            rows.append(("", [_interval(each) for each in some]))
    names = [score.name for score in next(iter(scores.values()))]
    cells: dict[str, list[Any]] = {"": [who for who, _ in rows]}
    cells |= {name: [Right(some[at]) for _, some in rows] for at, name in enumerate(names)}
    return as_table(cells)


def _has_interval(score: Score) -> bool:
    return isfinite(score.low) and isfinite(score.high)


def _interval(score: Score) -> str:
    return f"{number(score.low)} to {number(score.high)}" if _has_interval(score) else ""


def number(value: float) -> str:
    """Four digits; large numbers in thousands, and small ones in no more places than tell."""
    if not isfinite(value):
        return "not defined"
    if 1e4 <= abs(value) < 1e9:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{round(value, 4):g}" if 1e-3 <= abs(value) < 1 else f"{value:.4g}"


def intervals_of(scores: Scores) -> str:
    """That there are intervals, if there are, for a title."""
    there = any(_has_interval(score) for some in scores.values() for score in some)
    return ", with intervals of 95 %" if there else ""


def as_values(scores: Scores) -> dict[str, Any]:
    """The same for JSON; what is not known is None."""
    return {
        who: {each.name: finite([each.value, each.low, each.high]) for each in some}
        for who, some in scores.items()
    }
