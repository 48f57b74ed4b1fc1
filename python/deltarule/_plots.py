"""Pictures of training; matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from deltarule._arrays import Array

_BEST, _OTHERS = {"color": "tab:red"}, {"color": "tab:gray", "alpha": 0.6}


def _new_axes(count: int) -> list[Any]:
    """Axes side by side in a new figure."""
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError(
            "plot: matplotlib is not there: expected it for drawing (`pip install matplotlib`)"
        ) from None
    _, axes = plt.subplots(
        1, count, squeeze=False, figsize=(5.0 * count, 3.5), layout="constrained"
    )
    return list(axes[0])


def history(values: Mapping[str, Sequence[float]], ax: Any = None) -> Any:
    """Draw each kind of value over the epochs, on training and validation data."""
    kinds = list(dict.fromkeys(name.removeprefix("val_") for name in values))
    axes = [ax] * len(kinds) if ax is not None else _new_axes(max(1, len(kinds)))
    for kind, where in zip(kinds, axes, strict=False):
        for name in (kind, f"val_{kind}"):
            if name in values:
                epochs = range(1, len(values[name]) + 1)
                where.plot(epochs, values[name], ".-", label=name)
        where.set_xlabel("epoch")
        where.legend()
    return axes[0].figure


def learning_rate_range(
    rates: Array, losses: Array, suggestion: float | None, ax: Any = None
) -> Any:
    """Draw the smoothed loss over the rate, and the rate that is suggested."""
    where = _new_axes(1)[0] if ax is None else ax
    where.plot(rates, losses, label="loss, smoothed")
    if suggestion is not None:
        label = f"suggested: {suggestion:.2g}"
        where.axvline(suggestion, color="black", linestyle="--", label=label)
    where.set_xscale("log")
    where.set_xlabel("learning rate")
    where.legend()
    return where.figure


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
    over_epochs, *others = _new_axes(1 + len(parameters))
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
