"""Shards: the parts that a global batch is cut into, whoever works on them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.batches import Batch, Batches
from deltarule._data.classes import classes_of
from deltarule._data.rows import SHUFFLED_AS_A_WHOLE, Held, Rows
from deltarule._data.sampling import shuffled_in_windows, window_of
from deltarule._data.split import split
from deltarule._data.targets import part_of
from deltarule._training.runs import Run
from deltarule.distributed.sharded.meeting import Meeting


class Part(NamedTuple):
    """A shard's part of a batch, as the core reads it."""

    X: Held
    target: _core.Target
    order: Array | None
    first: int
    m: int


class Shards:
    """All shards of a training, and this rank's among them.

    Parameters
    ----------
    meeting : Meeting
    count : int
        Of all, a multiple of the number of ranks.
    """

    def __init__(self, meeting: Meeting, count: int) -> None:
        self.meeting, self.count = meeting, count
        self.each = count // meeting.size
        self.mine = range(meeting.rank * self.each, (meeting.rank + 1) * self.each)
        self._seeds: dict[tuple[int, int], int] = {}

    def cut(self, m: int) -> Iterator[slice]:
        """Each own shard's part of this rank's ``m`` rows."""
        for index in range(self.each):
            yield slice(m * index // self.each, m * (index + 1) // self.each)

    def spans(self, run: Run, k: int) -> list[tuple[int, int]]:
        """Where own shards' examples of step ``k`` of a run begin in its order, and how many."""
        raise NotImplementedError

    def parts(self, run: Run, k: int) -> list[Part]:
        """Step ``k`` of a run, by own shards."""
        return [_part(run, first, m) for first, m in self.spans(run, k)]

    def seed(self, seed: int, shard: int) -> int:
        """A seed of a shard's own, for what its units drop."""
        key = seed, shard
        if key not in self._seeds:
            drawn = np.random.SeedSequence([seed, shard]).generate_state(1, np.uint64)
            self._seeds[key] = int(drawn[0])
        return self._seeds[key]


class RowsInShards(Shards):
    """Shards of rows that the ranks have in memory or in files, each its own.

    A shard goes through its own rows, in an order of its own; each step takes the same share of
    every shard's, so that shards of any sizes end together.
    """

    def __init__(self, meeting: Meeting, count: int, numbers: list[Array], batch_size: int) -> None:
        super().__init__(meeting, count)
        self._numbers = numbers  # of the rows of each own shard
        own = np.array([len(each) for each in numbers])
        self.sizes = meeting.gather("the shards' sizes", own).ravel()
        self.examples = int(self.sizes.sum())
        self.batch_size = min(batch_size, self.examples)
        self.steps = -(-self.examples // max(1, self.batch_size))
        self._firsts = np.cumsum(own) - own

    @property
    def least(self) -> int:
        """The fewest examples that a shard has in a step, where it has some."""
        some = self.sizes[self.sizes > 0]
        return int((some // self.steps).min()) if some.size else 0

    def order(self, rows: Rows, shuffle: bool) -> Any:
        """What draws an order of this rank's rows, shard after shard."""
        whole = np.concatenate(self._numbers)
        if not shuffle or self.steps == 1:  # the order of a full batch means nothing
            return lambda generator: whole
        features = rows.shape[1]

        def draw(generator: np.random.Generator) -> Array:
            base = int(generator.integers(2**63))  # the same on all ranks
            orders = []
            for shard, numbers in zip(self.mine, self._numbers, strict=True):
                own, m = np.random.default_rng([base, shard]), len(numbers)
                window = window_of(features, self.batch_size)
                many = m * features > SHUFFLED_AS_A_WHOLE and m > window
                places = shuffled_in_windows(own, m, window) if many else own.permutation(m)
                orders.append(numbers[places])
            return np.concatenate(orders)

        return draw

    def spans(self, run: Run, k: int) -> list[tuple[int, int]]:
        """The same share of every shard's examples in each step."""
        step = run.first // run.batch_size + k
        found = []
        for index, shard in enumerate(self.mine):
            size = int(self.sizes[shard])
            first, last = size * step // self.steps, size * (step + 1) // self.steps
            found.append((int(self._firsts[index]) + first, last - first))
        return found


class BatchesInShards(Shards):
    """Shards of batches that come from outside: each rank's batch is cut into as many as it has."""

    def spans(self, run: Run, k: int) -> list[tuple[int, int]]:
        """The run is a batch."""
        del k
        return [(part.start, part.stop - part.start) for part in self.cut(len(run.rows))]


class SharesOfBatches(Shards):
    """Shards of batches that every rank has as a whole."""

    def spans(self, run: Run, k: int) -> list[tuple[int, int]]:
        """Parts of the batch as even as they can be."""
        done = k * run.batch_size
        first, m = run.first + done, min(run.batch_size, run.examples - done)
        edges = [m * shard // self.count for shard in range(self.mine.start, self.mine.stop + 1)]
        return [(first + begin, end - begin) for begin, end in pairwise(edges)]


Sharded: TypeAlias = RowsInShards | BatchesInShards | SharesOfBatches


class Together:
    """Batches of all ranks: an epoch ends when no rank has one left, and who has none waits."""

    def __init__(self, batches: Batches, meeting: Meeting) -> None:
        self._batches, self._meeting = batches, meeting
        self.count = None

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Go through an epoch's batches; one of no rows is another rank's."""
        own = self._batches.epoch(epoch)
        last: Batch | None = None
        while True:
            batch = next(own, None)
            there = self._meeting.gather("the next batch", np.array([batch is not None]))
            if not there.any():
                return
            last = batch or last
            assert last is not None  # an epoch of none is refused
            yield _as_they_weigh(last) if batch is not None else _none_of(last)


def _none_of(batch: Batch) -> Batch:
    none = slice(0, 0)
    return Batch(Rows(batch.rows.taken(none)), part_of(batch.target, none), 1.0)


def _as_they_weigh(batch: Batch) -> Batch:
    """A batch whose weights are those that were given, as all ranks' are added."""
    if batch.target.weights is None:
        return batch
    Y, labels, weights = batch.target.Y, batch.target.labels, batch.target.weights
    return Batch(batch.rows, _core.Target(Y, labels, weights * batch.scale), 1.0)


def _part(run: Run, first: int, count: int) -> Part:
    """Examples of a run's order, read where they lie if that is in memory."""
    if run.rows.in_place and not run.rows.mapped:
        return Part(run.rows.held, run.target, run.order, first, count)
    which: Any = slice(first, first + count)
    if run.order is not None:
        which = run.order[which]
    return Part(run.rows.taken(which), part_of(run.target, which), None, 0, count)


def numbers_of_shards(
    shards: Shards, held: Any, validation_split: float | None
) -> tuple[list[Array], Array | None]:
    """The rows of each own shard to train on, and those of all that are held out."""
    m = len(held.rows)
    parts = [np.arange(part.start, part.stop) for part in shards.cut(m)]
    if validation_split is None:
        return parts, None
    classes = classes_of(held.target)
    train, out = [], []
    for part in parts:
        of_part = None if classes is None else classes[part]
        left, held_out = split(len(part), validation_split, of_part)
        train.append(part[left])
        out.append(part[held_out])
    return train, np.concatenate(out)
