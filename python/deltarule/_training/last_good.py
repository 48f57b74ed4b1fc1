"""The way back to the last weights whose cost was finite.

A cost judges the weights that the step before it left, so by the time it is found not to be finite
those weights are spoilt. Copying them at every step would slow every step; instead they are copied
now and then, and the steps since are made again, to the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from deltarule._arrays import Array
from deltarule._training.runs import Made, Run

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork
    from deltarule.optimizers import Optimizer

Make = Callable[[Run], Made]

# How old the copy may grow: it bounds what is made again. Copies cost a hundredth of the time.
_LEAST_SECONDS, _COPIES_OF_TIME = 1.0, 100
_MOST_RUNS, _MOST_BYTES_HELD = 64, 64 * 2**20

# Memory for the parameters and the state; writing to memory that is new takes longer than a copy.
Room = tuple[Array, Array | None]


class _Snapshot:
    """Weights, optimizer state, and the runs of batches made since."""

    def __init__(self, network: BareNetwork, optimizer: Optimizer, rooms: list[Room]) -> None:
        started = perf_counter()
        self.parameters, self.state = self.room = _take(rooms, network, optimizer)
        np.copyto(self.parameters, network.parameters)
        if self.state is not None and optimizer.state is not None:
            np.copyto(self.state, optimizer.state)
        self.step = optimizer.step
        self.statistics = np.array(network.statistics)
        self.passes = network._pass.number
        self.average = None if network.average is None else network.average.copy()
        self.runs: list[tuple[Run, int]] = []  # and the steps that each made
        self.held = 0  # bytes, for the runs alone
        self.taken = perf_counter()
        self._most_seconds = max(_LEAST_SECONDS, _COPIES_OF_TIME * (self.taken - started))

    @property
    def steps(self) -> int:
        return sum(steps for _, steps in self.runs)

    @property
    def old(self) -> bool:
        return (
            len(self.runs) >= _MOST_RUNS
            or perf_counter() - self.taken > self._most_seconds
            or self.held > _MOST_BYTES_HELD
        )


def _take(rooms: list[Room], network: BareNetwork, optimizer: Optimizer) -> Room:
    """A room that fits, or a new one."""
    state = optimizer.state
    size = 0 if state is None else len(state)
    while rooms:
        parameters, kept = rooms.pop()
        if (0 if kept is None else len(kept)) == size:
            return parameters, kept
    return np.empty_like(network.parameters), None if state is None else np.empty_like(state)


class LastGood:
    """Two snapshots: one whose weights had a finite cost, and a newer one not judged yet.

    ``rooms`` is what the network keeps from one fit to the next.
    """

    def __init__(self, network: BareNetwork, optimizer: Optimizer, rooms: list[Room]) -> None:
        self._network, self._optimizer, self._rooms = network, optimizer, rooms
        self._good = _Snapshot(network, optimizer, rooms)
        self._new: _Snapshot | None = None

    def begin_run(self, changed: bool) -> None:
        """Before a run: take a new snapshot where the old one has grown old.

        Or where the weights may have been changed by other hands, which cannot be made again.
        """
        if self._good.old or changed:
            self._new = _Snapshot(self._network, self._optimizer, self._rooms)

    def end_run(self, run: Run, steps: int) -> None:
        """After a run: note the steps it made; one step proves the snapshot before it good."""
        if self._new is not None and steps:
            self._rooms.append(self._good.room)
            self._good, self._new = self._new, None
        self._good.runs.append((run, steps))
        self._good.held += run.held

    def close(self) -> None:
        """Leave the memory to the next fit."""
        self._rooms[:] = [self._good.room]

    def restore(self, make: Make) -> str:
        """Go back to the weights before the last step, and say which those are."""
        good = self._good
        again = max(good.steps - 1, 0)
        self._network.parameters[:] = good.parameters
        if good.state is not None and self._optimizer.state is not None:
            self._optimizer.state[:] = good.state
        self._optimizer.step = good.step
        self._network.statistics[:] = good.statistics
        self._network._set_pass(self._network._pass.seed, good.passes)
        if good.average is not None and self._network.average is not None:
            self._network.average[:] = good.average
        runs, good.runs, left = good.runs, [], again
        for run, steps in runs:
            if left == 0:
                break
            steps = min(steps, left)
            examples = min(run.examples, steps * run.batch_size)
            made = make(run._replace(examples=examples, epochs=min(run.epochs, steps)))
            if made.exception is not None:
                raise made.exception
            left -= steps
        return f"the weights of step {self._optimizer.step}, the last whose cost was finite"
