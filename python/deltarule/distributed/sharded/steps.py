"""The steps of a training whose batches are cut into shards."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._network.works import Works
from deltarule._training.runs import EveryStep, Made, MakeSteps, Run
from deltarule.distributed.sharded.shards import Part, Sharded
from deltarule.distributed.sharded.sums import Sums
from deltarule.layers import BatchNorm
from deltarule.losses import Loss
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

# Numbers of a span, which goes on its way while the gradients of the layers below it are made.
_SPAN = 1 << 20
# What a rank tells of each of its shards in a step.
_SUM, _WEIGHT, _COUNT = range(3)
_NOTES = 3


class MakeShardedSteps(MakeSteps):
    """Steps whose gradients are sums over shards, which the ranks share.

    Each rank makes the same update by the same sums, so that all have the same weights. Where a
    batch is normalised, each shard is by its own moments, and the running ones move by the mean
    over shards.
    """

    def __init__(
        self,
        network: BareNetwork,
        optimizer: Optimizer,
        loss: Loss,
        every_step: EveryStep,
        shards: Sharded,
    ) -> None:
        super().__init__(network, optimizer, loss, every_step)
        self._shards, self._meeting = shards, shards.meeting
        self._count = network.parameters.size
        normalised = any(isinstance(each.description, BatchNorm) for each in network.layers)
        self._moments = network.statistics.size if normalised else 0
        count = self._count + self._moments
        self._sums = Sums(self._meeting, shards.count, _NOTES, count, network.parameters.dtype)
        self._spans = list(_spans(network, count))
        self._stale = False  # whether the core's copies of the weights are still to be made

    def batch(self, run: Run) -> tuple[Array, Array, Array | None]:
        """X, y and the weights of this rank's part of a batch."""
        spans = self._shards.spans(run, 0)
        which: Any = np.concatenate([np.arange(first, first + m) for first, m in spans])
        if run.order is not None:
            which = run.order[which]
        return run._replace(order=np.asarray(which), first=0, examples=len(which)).batch()

    def later(
        self, run: Run, costs: Array | None = None, *, keep_gradients: bool = False
    ) -> Works[Made]:
        """Make the steps of a run, together with all other ranks; nothing is left for others."""
        yield from ()
        costs = np.empty((run.batches, 2)) if costs is None else costs
        started, ended, steps = perf_counter(), "done", 0
        for k in range(run.batches):
            rate = None if run.learning_rates is None else float(run.learning_rates[k])
            if not self._step(run, k, rate, costs[k]):
                ended = "non_finite"
                break
            steps += 1
        if keep_gradients:
            self.gradients[:] = self._sums.total[: self._count]
        seconds = self._meeting.gather("the end of a run", np.array([perf_counter() - started]))
        return Made(steps, ended, None, float(seconds.max()))

    def _step(self, run: Run, k: int, rate: float | None, cost: Array) -> bool:
        """Make a step; False, and nothing has changed, where its cost is not finite."""
        network, sums = self._network, self._sums
        parts = self._shards.parts(run, k)
        sums.start()
        for index, part in enumerate(parts):
            self._pass(index, part, copies_weights=index == 0)
            if sums.little or index < len(parts) - 1:
                self._gradients(part, 1, len(network.layers))
                sums.add()
        notes = sums.meet(f"step {self._optimizer.step + 1}")
        cost[0], cost[1], count = notes.sum(axis=0).tolist()
        if not np.isfinite(cost[0]):
            return False
        if not sums.little:
            for first, last, span in self._spans:
                self._gradients(parts[-1], first, last)
                sums.add(span)
                sums.begin(span)
            sums.finish()
        total = sums.total
        every = self._every_step
        penalty = self._trainer.step_by_sums(
            network.parameters,
            total[: self._count],
            self._state,
            cost[1],
            run.rule,
            rate,
            self._optimizer._counter,
            every.clip_value,
            every.clip_norm,
            every.average,
            every.decay,
            every.refuse_non_finite,
        )
        cost[0] += penalty * cost[1]
        if self._moments:
            network.statistics[:] += total[self._count :] / network.statistics.dtype.type(count)
        network._pass.number += 1
        return True

    def _pass(self, index: int, part: Part, *, copies_weights: bool) -> None:
        """Take a shard forward and back; the running moments stay, and their way is taken down."""
        network, note = self._network, self._sums.notes[index]
        room = self._sums.room()
        note[_SUM], note[_WEIGHT], note[_COUNT] = 0.0, 0.0, part.m
        if not part.m:
            room[:] = 0.0
            if copies_weights:
                self._stale = True
            return
        passed = network._pass
        seed = self._shards.seed(passed.seed, self._shards.mine[index])
        before = network.statistics.copy() if self._moments else None
        note[_SUM], note[_WEIGHT] = self._trainer.pass_shard(
            network.parameters,
            part.X,
            part.target,
            part.order,
            part.first,
            part.m,
            _core.Pass(True, seed, passed.number),
            copies_weights or self._stale,
        )
        self._stale = False
        if before is not None:
            moved = network.statistics - before
            room[self._count :] = moved * moved.dtype.type(part.m)
            network.statistics[:] = before

    def _gradients(self, part: Part, first: int, last: int) -> None:
        if part.m:
            room = self._sums.room()[: self._count]
            self._trainer.shard_gradients(self._network.parameters, first, last, room)


def _spans(network: BareNetwork, count: int) -> Any:
    """From the last layer down: layers whose gradients are made, and exchanged, together."""
    core, stop = network._core, count
    last = len(network.layers)
    for layer in range(last, 0, -1):
        start = core.parameter_offset(layer)
        if stop - start >= _SPAN or layer == 1:
            yield layer, last, slice(0 if layer == 1 else start, stop)
            last, stop = layer - 1, start
