"""An explanation of a fitted model's predictions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule.metrics import log_loss, root_mean_squared_error
from deltarule.report.material.permutation import permutation_importance
from deltarule.tabular.models.explaining.attributions import integrated_gradients
from deltarule.tabular.models.explaining.explanation import Explanation
from deltarule.tabular.models.explaining.joint_output import JointOutput, LogOdds, MeanNumbers
from deltarule.tabular.models.explaining.trunk import Trunk
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.targets import ClassEncoder

# score = function(y, predictions), large where predictions are good
Score = Callable[[Array, Array], float]
# So many columns are shuffled, of more those of the largest attributions.
_MOST_COLUMNS = 100


def explained(
    fitted: Fitted,
    X: Any,
    y: Any = None,
    *,
    sample_weight: Array | None = None,
    score: Score | None = None,
    background: Array | None = None,
    repeats: int = 5,
    max_rows: int = 2000,
    seed: int = 0,
    where: str = "explain",
) -> Explanation:
    """Tell which columns a model goes by, on the whole and for each prediction.

    Parameters
    ----------
    fitted : Fitted
    X : table
        The rows whose predictions are explained. Those that the model was not trained on tell what
        matters for predictions; others what it has learned by heart as well.
    y : array_like of shape (n_samples,) or (n_samples, n_targets), optional
        The targets. With them a column's importance is how much worse predictions become when it is
        shuffled, by the log loss of classes or the RMSE of numbers (of several targets each one's,
        over its deviation in ``fit``, on average). Without, it is how far predictions move: half
        the sum of the changes of probabilities, on average; or likewise by the RMSE.
    sample_weight : ndarray of shape (n_samples,), optional
        What rows count in it.
    score : callable, optional
        ``score(y, predictions)``, large where predictions are good, in place of these; of codes and
        probabilities (m, n_classes), or of numbers (m, n_targets) each. It sees a sample of the
        rows, without weights.
    background : ndarray of shape (n_background, n_features), optional
        Encoded rows, whose mean attributions start from; by default those of X.
    repeats, max_rows : int
        How often columns are shuffled, and in how many rows at most, drawn by the seed. So there
        are ``repeats * max_rows`` predictions for each of 100 columns at most.
    seed : int
    where : str
        For messages.

    Returns
    -------
    Explanation

    Raises
    ------
    TypeError, ValueError
        For a table or targets that do not fit, and for one row without a background.
    """
    repeats = expect_count(repeats, f"{where}: repeats", least=1)
    max_rows = expect_count(max_rows, f"{where}: max_rows", least=1)
    rows, _ = fitted.encoder.encoded(X, where)
    if background is None and len(rows) < 2:
        raise ValueError(
            f"{where}: X has {len(rows)} rows, and there is no background: expected one, of rows "
            "that a prediction is compared with, or more rows to be each other's"
        )
    if score is not None and y is None:
        raise ValueError(f"{where}: there is a score and no y: expected the targets as well")
    targets = None if y is None else _targets(fitted, y, len(rows), where)
    if sample_weight is not None and np.shape(sample_weight) != (len(rows),):
        raise ValueError(
            f"{where}: sample_weight has shape {np.shape(sample_weight)}: expected ({len(rows)},)"
        )
    spans = fitted.encoder.spans
    found = integrated_gradients(
        *_members(fitted, where),
        rows,
        rows if background is None else np.asarray(background),
        _groups(spans, rows.shape[1]),
    )
    sizes = np.abs(found.parts).mean(axis=(0, 2))
    tried = np.sort(np.argsort(-sizes, kind="stable")[:_MOST_COLUMNS])
    names = list(spans)
    generator = np.random.default_rng(seed)
    sample = np.sort(generator.permutation(len(rows))[:max_rows])
    measure, loss = _loss(
        fitted,
        rows[sample],
        None if targets is None else targets[sample],
        None if sample_weight is None else np.asarray(sample_weight)[sample],
        score,
    )
    importance, deviation = np.full((2, len(names)), np.nan)
    if len(sample) > 1:  # a single row has nothing to be shuffled with
        importance[tried], deviation[tried] = permutation_importance(
            lambda encoded: _answers(fitted, encoded),
            loss,
            rows[sample],
            {names[at]: spans[names[at]] for at in tried},
            repeats=repeats,
            seed=seed,
        )
    return Explanation(
        columns=tuple(names),
        measure=measure,
        importance=importance,
        deviation=deviation,
        outputs=_words(fitted, len(found.base)),
        base=found.base,
        attributions=found.parts,
        errors=found.errors,
        predictions=_answers(fitted, rows),
    )


def _members(fitted: Fitted, where: str) -> tuple[list[Trunk], JointOutput]:
    """The networks that weigh something, and what they make together."""
    counts = np.flatnonzero(fitted.ensemble.weights)
    weights = fitted.ensemble.weights[counts]
    trunks = [Trunk(fitted.ensemble[int(k)], where) for k in counts]
    joint: JointOutput
    if isinstance(fitted.targets, ClassEncoder):
        joint = LogOdds(weights, len(fitted.targets.classes), fitted.temperature)
    else:
        joint = MeanNumbers(weights, fitted.targets.mean, fitted.targets.deviation)
    return trunks, joint


def _groups(spans: dict[str, tuple[int, int]], n: int) -> Array:
    """To which column of the table each encoded number belongs."""
    groups = np.empty(n, np.int64)
    for column, (first, last) in enumerate(spans.values()):
        groups[first:last] = column
    return groups


def _answers(fitted: Fitted, rows: Array) -> Array:
    return fitted.answers(fitted.ensemble.predict(rows))


def _targets(fitted: Fitted, y: Any, m: int, where: str) -> Array:
    """Codes, or numbers (m, n_targets)."""
    targets = fitted.targets.transform(y)
    if len(targets) != m:
        raise ValueError(f"{where}: y has {len(targets)} rows: expected {m}, as X has")
    if isinstance(fitted.targets, ClassEncoder):
        return targets
    return targets.reshape(m, -1) * fitted.targets.deviation + fitted.targets.mean


def _loss(
    fitted: Fitted, rows: Array, y: Array | None, weights: Array | None, score: Score | None
) -> tuple[str, Callable[[Array], float]]:
    """What predictions for some rows are judged by, and its name."""
    classes = isinstance(fitted.targets, ClassEncoder)
    if y is None:
        own = _answers(fitted, rows)
        if classes:
            return "movement of probabilities", lambda P: float(
                np.average(np.abs(P - own).sum(axis=1) / 2, weights=weights)
            )
        y, measure = own, "movement of predictions"
    elif score is not None:
        return "fall of the score", lambda A: -float(score(y, A))
    elif classes:
        return "rise of the log loss", lambda P: log_loss(y, P, weights)
    else:
        measure = "rise of the RMSE"
    scale = np.ones(1) if isinstance(fitted.targets, ClassEncoder) else fitted.targets.deviation
    unit = scale if len(scale) > 1 else 1.0
    return measure, lambda A: root_mean_squared_error(y / unit, A / unit, weights)


def _words(fitted: Fitted, count: int) -> tuple[str, ...]:
    """What is parted among the columns."""
    if isinstance(fitted.targets, ClassEncoder):
        classes = fitted.targets.classes.tolist()
        return tuple(f"the log-odds of {each!r}" for each in classes[-count:])
    if count == 1:
        return ("the prediction",)
    return tuple(f"prediction {each}" for each in range(count))
