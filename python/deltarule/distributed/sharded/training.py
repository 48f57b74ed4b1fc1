"""A training whose batches are cut into shards, as each rank has it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.classes import times_classes, weights_of_classes
from deltarule._data.containers import opened
from deltarule._data.door import Door
from deltarule._data.rows import Rows
from deltarule._data.split import SomeRows
from deltarule._data.targets import part_of
from deltarule._data.weights import near_one
from deltarule._network.works import Works
from deltarule._training.evaluate import Held
from deltarule._training.examples import Examples, Given, held_out_of
from deltarule._training.fingerprint import fingerprint
from deltarule._training.hooks import speaks
from deltarule._training.run import TrainingRun
from deltarule._training.runs import EveryStep, MakeSteps
from deltarule._training.training import Training, examples_of, training_of
from deltarule.distributed.sharded.differences import expect_same
from deltarule.distributed.sharded.judging import Judge, RowsOfAll, class_totals
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.distributed.sharded.shards import (
    BatchesInShards,
    RowsInShards,
    Shards,
    Together,
    numbers_of_shards,
)
from deltarule.distributed.sharded.steps import MakeShardedSteps
from deltarule.layers import BatchNorm
from deltarule.optimizers import LBFGS

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork


class _Door(Door):
    """The way in for a rank's rows, of which there may be none."""

    least = 0


class ShardedRun(TrainingRun):
    """A fit under way on several ranks: the first alone speaks, and all stop together."""

    def __init__(self, meeting: Meeting, *args: Any) -> None:
        self.meeting = meeting
        super().__init__(*args)

    def _calls(self, callback: Any) -> bool:
        """Whether this rank does: those that speak are rank 0's."""
        return self.meeting.rank == 0 or not speaks(callback)

    def goes_on(self) -> bool:
        """Whether no rank has asked for the end."""
        asked = self.meeting.gather("whether to go on", np.array([self.stopping]))
        self.stopping = bool(asked.any())
        return not self.stopping


@dataclass(kw_only=True)
class ShardedTraining(Training):
    """A training that is one rank's part of all."""

    shards: RowsInShards | BatchesInShards
    judge: Judge

    def _adapt(self) -> None:
        held = self.examples.held
        if self.network._adapted or held is None:
            self.network._adapt_once(None)
        else:
            self.network._adapt(RowsOfAll(self.shards, held.rows), "fit")

    def _new_run(self) -> TrainingRun:
        return ShardedRun(
            self.shards.meeting,
            self.network,
            self.optimizer,
            self.callbacks,
            self.epochs,
            self.data,
        )

    def _make_steps(self, every_step: EveryStep) -> MakeSteps:
        return MakeShardedSteps(
            self.network, self.optimizer, self.examples.loss, every_step, self.shards
        )

    def _judge(self, held: Held) -> Works[tuple[dict[str, float], Array]]:
        return self.judge.of(self.network, held, self.examples.loss, self.metrics)


def sharded(
    network: BareNetwork, X: Any, y: ArrayLike | None, given: Given, shards: Shards
) -> ShardedTraining:
    """A training of what this rank was given, if it and all others may be.

    What depends on all examples, as the weights of classes do, is found together.
    """
    if given.sampling is not None:
        raise ValueError(
            "fit: sampling draws from all examples, of which a rank has some: expected None; "
            "sample_weight or class_weight have some examples count for more"
        )
    cut: RowsInShards | BatchesInShards
    if y is None:
        examples = examples_of(network, X, y, given)
        assert examples.stream is not None
        cut = BatchesInShards(shards.meeting, shards.count)
        together: Any = Together(examples.stream, shards.meeting)
        examples = examples._replace(stream=together)
        facts: dict[str, Any] = {"shards": shards.count}
    else:
        local = replace(
            _without_weights_of_none(given, y), class_weight=None, validation_split=None
        )
        whole = examples_of(network, X, y, local, _Door())
        cut, examples = _rows_in_shards(network, whole, given, shards)
        facts = _fingerprint(network, examples, cut)
    training = training_of(network, examples, given)
    if isinstance(training.optimizer, LBFGS):
        raise ValueError(
            "fit: optimizer is LBFGS, which goes by all examples at once: expected one that makes "
            "steps on batches, such as deltarule.Adam(1e-3)"
        )
    expect_same(shards.meeting, {"the columns of X": training.names})
    named = {each.name: getattr(training, each.name) for each in fields(Training)}
    named |= {"data": lambda: facts}
    return ShardedTraining(**named, shards=cut, judge=Judge(cut))


def _without_weights_of_none(given: Given, y: Any) -> Given:
    """What was given, but for the weights of a rank's examples where it has none."""
    if not len(y):
        given = replace(given, sample_weight=None)
    data = given.validation_data
    if isinstance(data, tuple) and len(data) == 3 and not len(data[1]):  # type: ignore[arg-type]
        given = replace(given, validation_data=data[:2])
    return given


def _rows_in_shards(
    network: BareNetwork, examples: Examples, given: Given, shards: Shards
) -> tuple[RowsInShards, Examples]:
    """The examples of this rank as its shards have them, weighed as those of all."""
    meeting, rows, validation = shards.meeting, examples.rows, examples.validation
    assert rows is not None
    whole = _held(rows, _as_given(examples.target, given.sample_weight, meeting))
    if validation is not None:
        weights = (*(given.validation_data or ()), None, None, None)[2]
        validation = _held(validation.rows, _as_given(validation.target, weights, meeting))
    fraction = None if given.validation_split is None else held_out_of(given)
    numbers, out = numbers_of_shards(shards, whole, fraction)
    train = np.concatenate(numbers)
    held = _held(SomeRows(rows, train), part_of(whole.target, train))
    if out is not None:
        validation = _held(SomeRows(rows, out), part_of(whole.target, out))
    cut = RowsInShards(meeting, shards.count, numbers, given.batch_size)
    _expect_examples(network, cut)
    if given.class_weight is not None:
        totals = partial(class_totals, cut)
        n = network.output_size
        of_classes = weights_of_classes(given.class_weight, held.target, n, totals)
        whole, held = _weighted(whole, of_classes), _weighted(held, of_classes)
        validation = validation and _weighted(validation, of_classes)
    return cut, examples._replace(
        target=whole.target,
        batch_size=cut.batch_size,
        order=cut.order(rows, given.shuffle),
        held=held,
        validation=validation,
        elsewhere=cut.examples - len(train),
    )


def _held(rows: Rows, target: _core.Target) -> Held:
    return Held(rows, target, target.weights)


def _expect_examples(network: BareNetwork, shards: RowsInShards) -> None:
    if not shards.examples:
        raise ValueError("fit: no rank has rows to train on: expected 1 or more")
    normalised = any(
        isinstance(each.description, BatchNorm) and not each.frozen for each in network.layers
    )
    if normalised and shards.least < 2:
        raise ValueError(
            f"fit: a batch of {shards.batch_size} in {shards.count} shards leaves one of them "
            f"{shards.least} examples: expected 2 or more each, as a BatchNorm goes by a shard's "
            "variance; or a LayerNorm in its place"
        )


def _as_given(target: _core.Target, given: ArrayLike | None, meeting: Meeting) -> _core.Target:
    """Targets whose weights stand to those of other ranks as they were given.

    The door has multiplied them by a power of two, of each rank's own.
    """
    greatest, weights = 0.0, target.weights
    if weights is not None:
        greatest = float(np.max(opened(given, "fit", "sample_weight").rows))
    of_all = meeting.gather("the weights", np.array([greatest])).max()
    if weights is not None:
        weights = np.ldexp(near_one(weights), np.frexp(greatest)[1] - np.frexp(of_all)[1])
    elif of_all > 0:  # a rank without examples
        weights = np.empty(0)
    return _core.Target(target.Y, target.labels, weights)


def _weighted(held: Held, of_classes: Array) -> Held:
    """The same, with what classes weigh in the loss; what metrics go by stays."""
    target = held.target
    both = times_classes(target, of_classes, "fit")
    return held._replace(target=_core.Target(target.Y, target.labels, both))


def _fingerprint(network: BareNetwork, examples: Examples, shards: RowsInShards) -> dict[str, Any]:
    """What tells all ranks' examples from others, however they lie on the ranks."""
    held = examples.held
    assert held is not None
    first, own = 0, []
    for shard in shards.mine:
        some = np.arange(first, first + int(shards.sizes[shard]))
        first += len(some)
        part = _held(SomeRows(held.rows, some), part_of(held.target, some))
        found = fingerprint(network, examples._replace(held=part)) if len(some) else {}
        own.append(found.get("sha256_of_some", ""))
    every = [each for rank in shards.meeting.told("the fingerprints", own) for each in rank]
    return {
        "examples": shards.examples,
        "batch_size": shards.batch_size,
        "shards": shards.count,
        "sha256_of_some": hashlib.sha256("".join(every).encode()).hexdigest(),
    }
