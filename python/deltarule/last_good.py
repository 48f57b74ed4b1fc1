"""The way back to the last weights whose cost was finite.

A cost judges the weights that the step before it left, so by the time it is found not to be finite
those weights are spoilt. Copying them at every step would slow every step; instead they are copied
now and then, and the steps since are made again, to the same bits.
"""

from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

if TYPE_CHECKING:
    from deltarule.network import Network
    from deltarule.optimizers import Optimizer

Array = NDArray[Any]
Run = Callable[[Array | None, int, int], tuple[int, str, BaseException | None]]

# How old the copy may grow: it bounds what is made again, and what the copies cost.
_MOST_SECONDS = 1.0
_MOST_RUNS = 64


class _Snapshot:
    """Weights, optimizer state, and the runs of batches made since."""

    def __init__(self, network: "Network", optimizer: "Optimizer") -> None:
        self.parameters = network.parameters.copy()
        self.state = None if optimizer.state is None else optimizer.state.copy()
        self.step = optimizer.step
        self.runs: list[tuple[Array | None, int, int]] = []
        self.taken = perf_counter()

    @property
    def steps(self) -> int:
        return sum(steps for _, _, steps in self.runs)

    @property
    def old(self) -> bool:
        return len(self.runs) >= _MOST_RUNS or perf_counter() - self.taken > _MOST_SECONDS


class LastGood:
    """Two snapshots: one whose weights had a finite cost, and a newer one not judged yet."""

    def __init__(self, network: "Network", optimizer: "Optimizer") -> None:
        self._network, self._optimizer = network, optimizer
        self._good = _Snapshot(network, optimizer)
        self._new: _Snapshot | None = None

    def begin_run(self, order: Array | None, first_batch: int) -> None:
        """Before a run: take a new snapshot where the old one has grown old."""
        if self._good.old:
            self._new = _Snapshot(self._network, self._optimizer)
        self._begun = (order, first_batch)

    def end_run(self, steps: int) -> None:
        """After a run: note the steps it made; one step proves the snapshot before it good."""
        order, first_batch = self._begun
        if self._new is not None and steps:
            self._good, self._new = self._new, None
        self._good.runs.append((order, first_batch, steps))

    def restore(self, run: Run) -> str:
        """Go back to the weights before the last step, and say which those are."""
        good = self._good
        again = max(good.steps - 1, 0)
        self._network.parameters[:] = good.parameters
        if good.state is not None and self._optimizer.state is not None:
            self._optimizer.state[:] = good.state
        self._optimizer.step = good.step
        runs, good.runs, left = good.runs, [], again
        for order, first_batch, steps in runs:
            if left == 0:
                break
            _, _, exception = run(order, first_batch, min(steps, left))
            if exception is not None:
                raise exception
            left -= min(steps, left)
        return f"the weights of step {self._optimizer.step}, the last whose cost was finite"
