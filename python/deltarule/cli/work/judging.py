"""A model beside simple ones, on rows that none of them has seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule.cli.work.targets import as_numbers, classes_like
from deltarule.history import Right, as_table
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
    """Scores of probabilities, or of numbers."""
    found = scores(y, predictions, weights)
    return [Score(_NAMES[name], *each) for name, each in found.items() if name in _NAMES]


def predicted(model: Any, X: Any) -> Array:
    """A model's probabilities, or its numbers."""
    found: Array = model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)
    return found


def as_text(scores: Scores) -> str:
    """A table: who, and each score with its interval."""
    names = [score.name for score in next(iter(scores.values()))]
    cells: dict[str, list[Any]] = {"": list(scores)}
    for at, name in enumerate(names):
        cells[name] = [Right(_cell(each[at])) for each in scores.values()]
    return as_table(cells)


def _cell(score: Score) -> str:
    return f"{score.value:.4g} ({score.low:.4g} to {score.high:.4g})"


def as_values(scores: Scores) -> dict[str, Any]:
    """The same for JSON."""
    return {
        who: {each.name: [each.value, each.low, each.high] for each in some}
        for who, some in scores.items()
    }
