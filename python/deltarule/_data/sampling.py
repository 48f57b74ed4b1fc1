"""The order in which an epoch goes through the examples: shuffled, drawn by weight, or as it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._data.classes import expect_classes
from deltarule._data.containers import opened
from deltarule._data.rows import Rows

if TYPE_CHECKING:
    from deltarule import _core

# Numbers that are shuffled among themselves, where there are too many for an order over all; and
# the blocks that they come in, of 512 KiB in float32, which a disk reads at one go.
_NUMBERS_A_WINDOW = 2**23
_BLOCKS_A_WINDOW = 64
# A generator to an order of the examples; None goes through the rows as they stand.
Order = Callable[[np.random.Generator], Array | None]


def in_turn(generator: np.random.Generator) -> None:
    """As the rows stand."""


def shuffled(rows: Rows, batch_size: int) -> Order:
    """Every example once, in a new order; very many in windows."""
    m = len(rows)
    window = window_to_shuffle(rows, m, batch_size)
    if window is None:
        return lambda generator: generator.permutation(m)
    return lambda generator: shuffled_in_windows(generator, m, window)


def window_to_shuffle(rows: Rows, m: int, batch_size: int) -> int | None:
    """How many of m rows are shuffled among themselves: None for all at once, as is usual.

    An order drawn over the whole of a file that is larger than the memory would read a page a row.
    How many rows there are decides it, and not where they lie: the order is the same for an array.
    """
    if not rows.shuffled_in_windows:
        return None
    window = window_of(rows.shape[1], batch_size)
    return window if m > window else None


def window_of(features: int, batch_size: int) -> int:
    """How many rows make up a window, in whole batches."""
    return max(1, _NUMBERS_A_WINDOW // features // batch_size) * batch_size


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


def among(rows: Array, order: Order) -> Order:
    """An order of some rows, by the numbers that they have among all."""

    def draw(generator: np.random.Generator) -> Array:
        places = order(generator)
        return rows if places is None else rows[places]

    return draw


def order_of(
    sampling: str | ArrayLike | None,
    shuffle: bool,
    rows: Rows,
    target: _core.Target,
    batch_size: int,
    m: int,
    some: Array | None = None,
) -> Order:
    """What ``fit``'s arguments ask for.

    Where only ``some`` of all ``m`` examples are trained on, ``rows`` and ``target`` are theirs.
    """
    if isinstance(sampling, str):
        order = drawn(_balanced(sampling, target))
    elif sampling is not None:
        weights = _sampling_weights(sampling, m)
        if some is not None:
            weights = weights[some]
            if not weights.any():
                raise ValueError(
                    "fit: sampling is 0 for every example that is left to train on: expected some "
                    "above 0"
                )
        order = drawn(weights)
    else:
        # The order of a full batch means nothing.
        order = shuffled(rows, batch_size) if shuffle and batch_size < len(rows) else in_turn
    return order if some is None else among(some, order)


def _balanced(sampling: str, target: _core.Target) -> Array:
    if sampling != "balanced":
        raise ValueError(
            f"fit: sampling is {sampling!r}: expected 'balanced', or a weight an example"
        )
    classes = expect_classes(
        target, "fit: sampling is 'balanced'", "give sampling a weight an example"
    )
    weights: Array = 1.0 / np.bincount(classes)[classes]
    return weights


def _sampling_weights(sampling: ArrayLike, m: int) -> Array:
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
