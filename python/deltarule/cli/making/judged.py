"""What a model comes to, beside simple ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.cli.console import Console
from deltarule.cli.making.found import Found
from deltarule.cli.making.options import Asked
from deltarule.cli.work import judging
from deltarule.cli.work.examples import Examples
from deltarule.cli.work.judging import Score
from deltarule.report.material.baselines import Baseline, baselines

OWN = "this model"
_SMALL_IS_GOOD = ("RMSE", "MAE", "log loss")
# Simple models learn nothing more from more rows, and take longer than networks do.
_MOST_ROWS = 200_000


def judged(
    model: Any, asked: Asked, found: Found, console: Console
) -> tuple[judging.Scores, int, list[Baseline]]:
    """The scores of the model and of simple ones, on how many rows, and the simple ones.

    Without rows to score on they are the model's own, on rows that its networks have not seen.
    """
    if found.test is None:
        own = [
            Score(name.replace("_", " "), value, np.nan, np.nan)
            for name, value in model.scores_.items()
        ]
        return {OWN: own}, int(model.record_["held_out"]), []
    classes = getattr(model, "classes_", None)
    known = None if classes is None else classes.tolist()
    train, test = _some_of(found.train, asked.seed, console), found.test
    y_train, _ = judging.coded(train.target, known, asked.where)
    y_test, note = judging.coded(test.target, known, asked.test or asked.where)
    console.notes([note] if note else [])

    def scored(predictions: Array) -> list[Score]:
        return judging.scored(predictions, y_test, test.weights)

    scores = {OWN: scored(judging.predicted(model, test.X))}
    console.say("training simple models to compare with ...")
    simple = []
    for each in baselines(
        model.encoder_.encoded(train.X, "train")[0],
        y_train,
        model.encoder_.encoded(test.X, "train")[0],
        model.encoder_.embedded,
        n_classes=0 if known is None else len(known),
        weights=train.weights,
        seed=asked.seed,
    ):
        scores[each.name] = scored(each.predictions)
        simple.append(each)
    return scores, test.X.height, simple


def _some_of(train: Examples, seed: int, console: Console) -> Examples:
    """As many rows as simple models are trained on."""
    m = train.X.height
    if m <= _MOST_ROWS:
        return train
    console.tell(f"note: simple models are trained on {_MOST_ROWS:,} of these rows")
    return train.taken(np.sort(np.random.default_rng(seed).permutation(m)[:_MOST_ROWS]))


def better_than(scores: judging.Scores) -> str | None:
    """Who does better than the model, by the first score; None for nobody."""
    first = {who: some[0] for who, some in scores.items()}
    own = first.pop(OWN)
    sign = -1 if own.name in _SMALL_IS_GOOD else 1
    better = [who for who, each in first.items() if sign * each.value > sign * own.value]
    return max(better, key=lambda who: sign * first[who].value, default=None)
