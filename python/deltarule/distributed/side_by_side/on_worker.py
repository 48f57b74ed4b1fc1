"""What a worker of Dask does: it trains one member, on the thread that runs the task."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any, NamedTuple

from deltarule._threads import isa
from deltarule._version import __version__
from deltarule.distributed.side_by_side.parcels import Known, portable, state_of
from deltarule.ensembles.crew import Members
from deltarule.ensembles.door import SharedDoor
from deltarule.ensembles.progress import ManyProgress
from deltarule.ensembles.turns import Turns
from deltarule.errors import TrainingDivergedError

# The door of the latest run, where its other tasks find X opened.
_doors: dict[str, SharedDoor] = {}


class Trained(NamedTuple):
    """What comes of a member: its state as bytes, and what it raised."""

    parcel: bytes
    error: Exception | None


def this_build() -> str:
    """On what a network's last bits depend beside what it is given."""
    return f"deltarule {__version__} for {isa()}"


def train(
    run: str, index: int, parcel: bytes, build: str, seconds: float | None, *data: Any
) -> Trained:
    """Train a member that comes as bytes, on data that the worker has."""
    from cloudpickle import Pickler

    if this_build() != build:
        raise RuntimeError(
            f"the worker has {this_build()}, and the client {build}: expected the same on both"
        )
    known = Known()
    for number, each in enumerate(data):
        known.add(("data", number), each)
    network, given, X, y = known.loads(parcel)
    known.add_member(index, network, given)
    members = Members([network], X, y, [given], seconds, ManyProgress(1, enabled=False), _door(run))
    members.train(_OfTask(members.order), 1)
    errors = [portable(error) for _, error in members.errors]
    return Trained(known.dumps(state_of(network, given), Pickler), errors[0] if errors else None)


def forget(run: str) -> None:
    """Let go of what a run has opened."""
    _doors.pop(run, None)


def _door(run: str) -> SharedDoor:
    if run not in _doors:
        _doors.clear()
    return _doors.setdefault(run, SharedDoor())


class _OfTask(Turns):
    """The member's turn, as long as somebody waits for the task."""

    def __init__(self, order: list[int]) -> None:
        super().__init__(order)
        from distributed import get_worker

        self._worker = get_worker()
        self._key = self._worker.get_current_task()

    def look(self) -> None:
        """End where nobody waits for the task any more: it was cancelled, or the client is gone."""
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state not in ("executing", "long-running"):
            raise CancelledError

    def diverged(self, index: int, error: TrainingDivergedError) -> None:
        """The client tells."""
