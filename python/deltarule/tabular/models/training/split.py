"""Which rows are trained on, and which are held out to stop, to choose and to calibrate by."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
from sklearn.model_selection import (
    BaseCrossValidator,
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
)

from deltarule._arrays import Array

# A part of the rows that is held out: a fifth, and no more than tell anything new.
_PARTS, _MOST_HELD_OUT = 5, 50_000


class Part(NamedTuple):
    """Rows to train on, and rows held out, by number."""

    train: Array
    held_out: Array


def parts_of(
    m: int,
    classes: Array | None,
    groups: Array | None,
    *,
    split: str,
    in_turn: bool,
    seed: int,
    where: str,
) -> list[Part]:
    """The parts of m rows, two or more: one, whose fifth is held out, or all five in turn.

    Of a fifth of very many rows some are held out, and the rest is trained on.

    Parameters
    ----------
    m : int
    classes : ndarray of int, shape (m,), optional
        Each part has its share of every class.
    groups : ndarray of int, shape (m,), optional
        Rows of a group are on one side.
    split : {"random", "time"}
        By "time" the last fifth is held out, and it is one part: what was before is not known from
        what came after.
    in_turn : bool
        Hold out each row once, and not a fifth of them alone.
    seed : int
    where : str
        For messages.

    Raises
    ------
    ValueError
        For fewer than two groups.
    """
    if split == "time":
        first = m - max(1, round(m / _PARTS))
        if groups is not None:
            first = _between_groups(groups, first, where)
        return [Part(np.arange(first), np.arange(first, m))]
    maker = _maker(m, classes, groups, seed, where)
    with warnings.catch_warnings():
        # A class of one row is on one side, which cannot be helped.
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        found = [Part(*each) for each in maker.split(np.empty((m, 0)), classes, groups)]
    if in_turn:
        return found
    [part, *_] = found
    return [part if groups is not None else _without_more_than_tells(part, seed)]


def _maker(
    m: int, classes: Array | None, groups: Array | None, seed: int, where: str
) -> BaseCrossValidator:
    """What parts the rows."""
    count = min(_PARTS, m)
    if groups is not None:
        there = len(np.unique(groups))
        if there < 2:
            raise ValueError(f"{where}: groups has 1 group: expected 2 or more, to hold one out")
        count = min(count, there)
    if classes is not None:
        # Each part needs a row of the rarest class that can be parted at all.
        sizes = np.bincount(classes)
        count = int(max(2, min(count, sizes[sizes > 1].min(initial=count))))
    shuffled: dict[str, Any] = {"n_splits": count, "shuffle": True, "random_state": seed}
    if classes is not None and np.bincount(classes).max() >= count:
        kind: Any = StratifiedKFold if groups is None else StratifiedGroupKFold
    else:
        kind = KFold if groups is None else GroupKFold
    made: BaseCrossValidator = kind(**shuffled)
    return made


def _without_more_than_tells(part: Part, seed: int) -> Part:
    """The same, but that of very many rows held out some are trained on."""
    if len(part.held_out) <= _MOST_HELD_OUT:
        return part
    drawn = np.random.default_rng(seed).permutation(part.held_out)
    train = np.concatenate([part.train, drawn[_MOST_HELD_OUT:]])
    return Part(np.sort(train), np.sort(drawn[:_MOST_HELD_OUT]))


def _between_groups(groups: Array, first: int, where: str) -> int:
    """The last row, up to ``first``, at which no group has rows on both sides."""
    last_row = np.zeros(groups.max() + 1, np.int64)
    np.maximum.at(last_row, groups, np.arange(len(groups)))
    # Up to each row, where the groups that have begun end.
    ends = np.maximum.accumulate(last_row[groups])
    whole = np.flatnonzero(ends[:first] < np.arange(1, first + 1)) + 1
    if not len(whole):
        raise ValueError(
            f"{where}: groups of rows overlap through all of X: expected a place in time before "
            "which some groups have ended and behind which others begin, or split='random'"
        )
    return int(whole[-1])
