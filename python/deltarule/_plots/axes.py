"""Where to draw: axes that are given, or new ones."""

from __future__ import annotations

from typing import Any

_MOST_BESIDE = 4  # axes in a row


def pyplot() -> Any:
    """Matplotlib's, when a picture is drawn.

    Raises
    ------
    ImportError
        Where matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError:
        raise ImportError(
            "plot: matplotlib is not there: expected it for drawing (`pip install matplotlib`)"
        ) from None
    return plt


def side_by_side(count: int) -> list[Any]:
    """Axes side by side in a new figure."""
    _, axes = pyplot().subplots(
        1, count, squeeze=False, figsize=(5.0 * count, 3.5), layout="constrained"
    )
    return list(axes[0])


def in_rows(count: int) -> list[Any]:
    """Small axes in rows in a new figure, with nothing in the places that are left."""
    across = min(count, _MOST_BESIDE)
    down = -(-count // across)
    _, axes = pyplot().subplots(
        down, across, squeeze=False, figsize=(3.4 * across, 2.6 * down), layout="constrained"
    )
    flat = list(axes.flat)
    for left in flat[count:]:
        left.set_axis_off()
    return flat[:count]
