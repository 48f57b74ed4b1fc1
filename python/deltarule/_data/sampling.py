"""The order in which an epoch goes through the examples: shuffled, drawn by weight, or as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._data.containers import opened
from deltarule._data.rows import Rows

if TYPE_CHECKING:
    from deltarule import _core

_BLOCKS_A_WINDOW = 16
# A generator to an order of the examples; None goes through the rows as they stand.
Order = Callable[[np.random.Generator], Array | None]


def in_turn(generator: np.random.Generator) -> None:
    """As the rows stand."""


def shuffled(rows: Rows, batch_size: int) -> Order:
    """Every example once, in a new order; a memory map in windows."""
    m = len(rows)
    window = window_to_shuffle(rows, m, batch_size)
    if window is None:
        return lambda generator: generator.permutation(m)
    return lambda generator: shuffled_in_windows(generator, m, window)


def window_to_shuffle(rows: Rows, m: int, batch_size: int) -> int | None:
    """How many of m rows are shuffled among themselves: None for all at once, as is usual.

    An order drawn over the whole of a mapped file would touch a page a row.
    """
    if not rows.mapped:
        return None
    window = rows.batches_a_window(batch_size) * batch_size
    return window if m > window else None


def shuffled_in_windows(generator: Any, m: int, window: int) -> Array:
    """An order of m rows: blocks in random order, and the rows of each window of blocks.

    A window's blocks come from all over the file, so that a file sorted by class is mixed well.
    """
    block = max(1, window // _BLOCKS_A_WINDOW)
    firsts = generator.permutation(np.arange(0, m, block))
    order = np.empty(m, np.int64)
    done = 0
    for start in range(0, len(firsts), _BLOCKS_A_WINDOW):
        some = firsts[start : start + _BLOCKS_A_WINDOW]
        rows = (some[:, np.newaxis] + np.arange(block)).ravel()
        rows = rows[rows < np.repeat(np.minimum(some + block, m), block)]
        order[done : done + len(rows)] = generator.permutation(rows)
        done += len(rows)
    return order


def drawn(weights: Array) -> Order:
    """As many examples as there are, each draw on its own: with replacement, by weight."""
    cumulative = np.cumsum(weights / weights.max())
    cumulative /= cumulative[-1]

    def draw(generator: np.random.Generator) -> Array:
        found: Array = np.searchsorted(cumulative, generator.random(len(weights)), side="right")
        return found.astype(np.int64)

    return draw


def order_of(
    sampling: str | ArrayLike | None,
    shuffle: bool,
    rows: Rows,
    target: _core.Target,
    batch_size: int,
) -> Order:
    """What ``fit``'s arguments ask for."""
    if sampling is not None:
        return drawn(_sampling_weights(sampling, target, len(rows)))
    # The order of a full batch means nothing.
    return shuffled(rows, batch_size) if shuffle and batch_size < len(rows) else in_turn


def _sampling_weights(sampling: str | ArrayLike, target: _core.Target, m: int) -> Array:
    if isinstance(sampling, str):
        if sampling != "balanced":
            raise ValueError(
                f"fit: sampling is {sampling!r}: expected 'balanced', or a weight an example"
            )
        classes = _classes(target)
        return 1.0 / np.bincount(classes)[classes]
    weights: Array = opened(sampling, "fit", "sampling").rows
    if weights.shape != (m,):
        raise ValueError(
            f"fit: sampling has shape {weights.shape}: expected ({m},), a weight an example"
        )
    weights = weights.astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if bad.size:
        raise ValueError(
            f"fit: sampling[{bad[0]}] is {weights[bad[0]]}: expected a finite number, 0 or more"
        )
    if not weights.any():
        raise ValueError("fit: sampling is 0 for every example: expected some above 0")
    return weights


def _classes(target: _core.Target) -> Array:
    """The class of each example, from labels, one-hot rows or a column of 0 and 1."""
    if target.labels is not None:
        return target.labels
    Y = target.Y
    assert Y is not None
    one_hot = ((Y == 0) | (Y == 1)).all() and (Y.shape[1] == 1 or (Y.sum(axis=1) == 1).all())
    if not one_hot:
        raise ValueError(
            "fit: sampling is 'balanced' but y does not hold classes: expected class labels, "
            "one-hot rows, or 0 and 1; or give sampling a weight an example"
        )
    return Y[:, 0].astype(np.int64) if Y.shape[1] == 1 else Y.argmax(axis=1)
