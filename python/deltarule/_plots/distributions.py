"""How numbers of layers are distributed, and how large gradients are from layer to layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._plots.axes import in_rows, side_by_side

_BINS = 40


def histograms(values: Mapping[str, Array], remarks: Mapping[str, str], label: str) -> Any:
    """Draw a histogram for each name, with its mean and deviation, and what is remarked."""
    axes = in_rows(len(values))
    for (name, numbers), ax in zip(values.items(), axes, strict=True):
        flat = np.asarray(numbers, np.float64).reshape(-1)
        there = flat[np.isfinite(flat)]
        ax.hist(there, _BINS if np.ptp(there) > 0 else 1, color="tab:blue")
        words = f"mean {there.mean():.3g}, deviation {there.std():.3g}"
        told = "\n".join(filter(None, [name, words, remarks.get(name, "")]))
        ax.set_title(told, size="small")
        ax.set_xlabel(label, size="small")
        ax.set_yticks([])
        ax.locator_params(axis="x", nbins=5)
        ax.tick_params(labelsize="small")
    return axes[0].figure


def gradient_flow(
    names: Sequence[str], means: Sequence[float], largest: Sequence[float], ax: Any = None
) -> Any:
    """Draw how large each layer's gradients are, from the first layer to the last."""
    where = side_by_side(1)[0] if ax is None else ax
    places = np.arange(len(names))
    where.bar(places, largest, color="tab:orange", alpha=0.5, label="largest |dW|")
    where.bar(places, means, color="tab:blue", label="mean |dW|")
    if any(value > 0 for value in means):
        where.set_yscale("log")
    where.set_xticks(places, names, rotation=30, ha="right", size="small")
    where.set_ylabel("gradient")
    where.legend()
    return where.figure
