"""Which networks to put together: greedily, by what the mean of their outputs comes to.

Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble Selection from Libraries of Models" (2004).
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isnan
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from deltarule._arrays import Array
from deltarule._monitor import mode_of
from deltarule._training.evaluate import metrics_of
from deltarule.ensembles.scoring import OutputJudge
from deltarule.losses import Loss, Output
from deltarule.metrics import Named

if TYPE_CHECKING:
    from deltarule import _core

# By what a mix is judged: a loss, or a metric; None is the loss that goes with the output.
Criterion: TypeAlias = Named | Loss | None
Score: TypeAlias = Callable[[Array], float]


def score_of(
    criterion: Criterion,
    mode: str | None,
    loss: Loss,
    output: Output,
    target: _core.Target,
    dtype: np.dtype[Any],
    where: str,
) -> Score:
    """What a mix's outputs are worth, as a number that is small where they are good.

    One that is not defined is worth nothing: infinity.
    """
    wanted = [] if criterion is None or isinstance(criterion, Loss) else [criterion]
    judged = metrics_of(wanted, loss, output, where)
    (name,) = judged or ("loss",)
    sign = 1 if mode_of(name, mode, where, "metric") == "min" else -1
    judge = OutputJudge(output.units, dtype, target, loss, judged)

    def score(A: Array) -> float:
        value = judge(A)[name]
        return inf if isnan(value) else sign * value

    return score


def chosen_greedily(outputs: Array, score: Score, size: int, where: str) -> Array:
    """How often each member is in the best mix that was found.

    Every round adds the member with which the mean of outputs (n_members, m, n) scores least, the
    first of several; the best mix is the first of those with the least score.
    """
    total, trial = np.zeros(outputs.shape[1:]), np.empty(outputs.shape[1:])
    mean = np.empty(outputs.shape[1:], outputs.dtype)
    counts = np.zeros(len(outputs), np.int64)
    best, best_counts = inf, counts
    for number in range(1, size + 1):
        scores = []
        for A in outputs:
            np.add(total, A, out=trial)
            np.divide(trial, number, out=mean, casting="same_kind")
            scores.append(score(mean))
        chosen = int(np.argmin(scores))
        counts[chosen] += 1
        total += outputs[chosen]
        if scores[chosen] < best:
            best, best_counts = scores[chosen], counts.copy()
    if best == inf:
        raise ValueError(
            f"{where}: the metric is infinite or not defined for every network: expected data on "
            "which it is a number"
        )
    return best_counts
