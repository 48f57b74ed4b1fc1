"""Losses and metrics over epochs and over learning rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deltarule._arrays import Array
from deltarule._plots.axes import side_by_side


def history(values: Mapping[str, Sequence[float]], ax: Any = None) -> Any:
    """Draw each kind of value over the epochs, on training and validation data."""
    kinds = list(dict.fromkeys(name.removeprefix("val_") for name in values))
    axes = [ax] * len(kinds) if ax is not None else side_by_side(max(1, len(kinds)))
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
    where = side_by_side(1)[0] if ax is None else ax
    where.plot(rates, losses, label="loss, smoothed")
    if suggestion is not None:
        label = f"suggested: {suggestion:.2g}"
        where.axvline(suggestion, color="black", linestyle="--", label=label)
    where.set_xscale("log")
    where.set_xlabel("learning rate")
    where.legend()
    return where.figure
