"""What an epoch is judged by, where each rank has some of the examples."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._data.split import SomeRows
from deltarule._data.targets import part_of
from deltarule._network.all_examples import infer
from deltarule._network.works import Works
from deltarule._training.evaluate import Held
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.distributed.sharded.shards import Shards
from deltarule.distributed.sharded.tree import add
from deltarule.losses import Loss
from deltarule.metrics import Metric

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork


class Targets(NamedTuple):
    """What all ranks' examples are held to."""

    y: Array
    weights: Array | None


class Judge:
    """Costs and metrics over all ranks' examples: each makes its own outputs, and all have all."""

    def __init__(self, shards: Shards) -> None:
        self._shards, self._meeting = shards, shards.meeting
        self._targets: dict[int, Targets] = {}

    def of(
        self, network: BareNetwork, held: Held, loss: Loss, judged: dict[str, Metric]
    ) -> Works[tuple[dict[str, float], Array]]:
        """The cost and the metrics, and the outputs that they are of."""
        if id(held) not in self._targets:
            self._targets[id(held)] = _all_targets(self._meeting, held)
        y, weights = self._targets[id(held)]
        totals, outputs = [], []
        for part in self._shards.cut(len(held.rows)):
            which = np.arange(part.start, part.stop)
            target = part_of(held.target, which)
            total, A = yield from infer(network, SomeRows(held.rows, which), target, loss)
            weight = len(which) if target.weights is None else float(target.weights.sum())
            totals.append((total, weight))
            outputs.append(A)
        total, weight = self._meeting.gather("the costs", np.array(totals)).sum(axis=(0, 1))
        A = _put_together(self._meeting, np.concatenate(outputs))
        found = {name: metric(y, A, weights) for name, metric in judged.items()}
        return {"loss": float(total / weight)} | found, A


def _all_targets(meeting: Meeting, held: Held) -> Targets:
    y = held.target.Y if held.target.labels is None else held.target.labels
    assert y is not None
    weights = None if held.weights is None else _put_together(meeting, held.weights)
    return Targets(_put_together(meeting, y), weights)


def _put_together(meeting: Meeting, mine: Array) -> Array:
    """All ranks' rows."""
    every: Array = np.concatenate(meeting.told("the outputs", mine))
    return every


class Moments(NamedTuple):
    """How many rows there are, and the mean and the variance of each column."""

    m: int
    mean: Array
    variance: Array


class RowsOfAll:
    """What a standardising layer learns from all ranks' rows, added up shard by shard."""

    def __init__(self, shards: Shards, rows: Rows) -> None:
        own = []
        for part in shards.cut(len(rows)):
            which = np.arange(part.start, part.stop)
            n = rows.shape[1]
            mean, variance = (
                SomeRows(rows, which).moments() if which.size else (np.zeros(n), np.zeros(n))
            )
            own.append(Moments(which.size, mean.copy(), variance.copy()))
        every = [each for rank in shards.meeting.told("the moments", own) for each in rank]
        parts = {(shard, shard + 1): each for shard, each in enumerate(every)}
        self._moments = add((0, shards.count), parts, _both)

    def moments(self) -> tuple[Array, Array]:
        """The mean and the variance of each column."""
        return self._moments.mean, self._moments.variance


def _both(a: Moments, b: Moments) -> Moments:
    """The moments of two parts as one (Chan, Golub and LeVeque 1979)."""
    if not a.m or not b.m:
        return a if a.m else b
    m = a.m + b.m
    share, apart = b.m / m, b.mean - a.mean
    variance = (1 - share) * a.variance + share * b.variance + share * (1 - share) * apart**2
    return Moments(m, a.mean + share * apart, variance)


def class_totals(shards: Shards, classes: Array, weights: Array | None, n: int) -> Array:
    """What the examples of each class weigh on all ranks."""
    own = []
    for part in shards.cut(len(classes)):
        of_part = None if weights is None else weights[part]
        own.append(np.bincount(classes[part], of_part, n))
    every: Array = shards.meeting.gather("the classes", np.array(own, np.float64))
    totals: Array = every.sum(axis=(0, 1))
    return totals
