"""Which columns matter: how much worse predictions are when a column is shuffled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from deltarule._arrays import Array


class Importance(NamedTuple):
    """What each column's shuffling costs, over some repeats: their mean and their deviation."""

    mean: Array
    deviation: Array


def permutation_importance(
    answer: Callable[[Array], Array],
    loss: Callable[[Array], float],
    rows: Array,
    spans: Mapping[str, tuple[int, int]],
    *,
    repeats: int = 5,
    seed: int = 0,
) -> Importance:
    """How much a loss grows when a column of a table is shuffled.

    Parameters
    ----------
    answer : callable
        Encoded rows to predictions.
    loss : callable
        Predictions, for the rows in their order, to a number that is small where they are good.
    rows : ndarray of shape (n_samples, n_features)
        Of encoded numbers.
    spans : mapping of str to (int, int)
        Where each column's numbers begin and end: they are shuffled together, as shuffling the
        column itself would do, so that no row is one that cannot be.
    repeats : int
        In each of them all columns are shuffled in the same way.
    seed : int

    Returns
    -------
    Importance

    References
    ----------
    Breiman 2001, "Random Forests", section 10. Fisher, Rudin & Dominici 2019, "All Models are
    Wrong, but Many are Useful".

    Examples
    --------
    >>> rows = np.random.default_rng(0).normal(size=(500, 3))
    >>> y = 2 * rows[:, 0]
    >>> found = permutation_importance(
    ...     lambda rows: 2 * rows[:, 0],
    ...     lambda predictions: np.sqrt(np.mean((predictions - y) ** 2)),
    ...     rows,
    ...     {"matters": (0, 1), "does not": (1, 3)},
    ... )
    >>> found.mean.round(0)
    array([3., 0.])
    """
    least = loss(answer(rows))
    generator = np.random.default_rng(seed)
    rises = np.empty((repeats, len(spans)))
    shuffled = rows.copy()
    for repeat in range(repeats):
        order = generator.permutation(len(rows))
        for column, (first, last) in enumerate(spans.values()):
            shuffled[:, first:last] = rows[order, first:last]
            rises[repeat, column] = loss(answer(shuffled)) - least
            shuffled[:, first:last] = rows[:, first:last]
    return Importance(rises.mean(axis=0), rises.std(axis=0))
