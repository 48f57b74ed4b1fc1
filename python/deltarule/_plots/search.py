"""What a search has come to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deltarule._plots.axes import side_by_side

_BEST, _OTHERS = {"color": "tab:red"}, {"color": "tab:gray", "alpha": 0.6}


def search(
    metric: str,
    sign: float,
    curves: Sequence[Sequence[float]],
    scores: Sequence[float],
    parameters: Mapping[str, Sequence[Any]],
    by_magnitude: Collection[str],
    best: int,
) -> Any:
    """Draw the metric over the epochs of each trial, and its best over each parameter.

    Trials that are far worse than the better half would leave no room for it: they are crosses at
    the edge, as are those without a score.
    """
    over_epochs, *others = side_by_side(1 + len(parameters))
    for trial, values in enumerate(curves):
        style = _BEST | {"label": f"trial {trial}", "zorder": 3} if trial == best else _OTHERS
        over_epochs.plot(range(1, len(values) + 1), values, **style)
    over_epochs.set_xlabel("epoch")
    over_epochs.set_ylabel(metric)
    over_epochs.legend()
    near, far = _best_and_farthest(scores, sign)
    room = 0.05 * (far - near) or sign
    over_epochs.set_ylim(*sorted((near - room, far + room)))
    for (name, values), where in zip(parameters.items(), others, strict=True):
        numbers = all(isinstance(value, (int, float)) for value in values)
        shown = list(values) if numbers else list(map(str, values))
        where.sharey(over_epochs)
        for trial, (value, score) in enumerate(zip(shown, scores, strict=True)):
            inside = sign * score <= sign * far
            style = _BEST | {"zorder": 3} if trial == best else _OTHERS
            where.plot([value], [score if inside else far], "o" if inside else "x", **style)
        if name in by_magnitude:
            where.set_xscale("log")
        where.set_xlabel(name)
    return over_epochs.figure


def _best_and_farthest(scores: Sequence[float], sign: float) -> tuple[float, float]:
    """The best score and the worst to show: of all, or thrice as far as the better half's worst."""
    ranked = sorted(sign * score for score in scores if score == score)
    best, half = ranked[0], ranked[(len(ranked) - 1) // 2]
    return sign * best, sign * min(ranked[-1], best + 3 * (half - best))
