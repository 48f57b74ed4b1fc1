"""Who trains many networks: this machine, or those that a ``with`` block has put in its place.

Whoever trains many, `fit_many`, `search` and the models of tables, asks here, and so need not know
of other machines, which stand above.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from deltarule import _core
from deltarule._network.bare import BareNetwork
from deltarule._training.examples import Given
from deltarule.ensembles.crew import Members
from deltarule.ensembles.progress import ManyProgress
from deltarule.ensembles.turns import Turns
from deltarule.history import History

T = TypeVar("T")


@dataclass(frozen=True)
class Task:
    """Networks to be trained, and what each is given; nothing is checked or changed yet."""

    networks: Sequence[BareNetwork]
    X: Any
    y: Any
    given: Sequence[Given]
    seeds: Sequence[int | None]
    time_limit: float | None
    progress: bool

    def members(self, progress: ManyProgress) -> Members:
        """The members, all checked; raises before any is changed."""
        return Members(self.networks, self.X, self.y, self.given, self.time_limit, progress)

    def begin(self) -> None:
        """Have the networks forget what was."""
        for network, seed in zip(self.networks, self.seeds, strict=True):
            network.history = History()
            if seed is not None:
                network.reseed(seed)


class Machines:
    """Where networks are trained: here, on this machine; or elsewhere, to the same bits."""

    # Whether this process tells of it, of several that run the same program.
    leads = True

    def train(self, task: Task) -> None:
        """Train all networks: they, their optimizers and callbacks are then what comes of it."""
        progress = ManyProgress(len(task.networks), enabled=task.progress)
        members = task.members(progress)
        task.begin()
        with progress:
            members.train(Turns(members.order), _core.get_num_threads())
        for _, error in members.errors:
            raise error

    @contextmanager
    def same_data(self) -> Iterator[None]:
        """Promise that X and all else stay as they are from one task to the next in the block."""
        yield

    def agreed(self, value: T) -> T:
        """What is the same on all that run the same program: the value of the one that leads."""
        return value


_in_use: ContextVar[Machines] = ContextVar("machines", default=Machines())  # noqa: B039


def in_use() -> Machines:
    """Who trains."""
    return _in_use.get()


@contextmanager
def put_in_place(machines: Machines) -> Iterator[None]:
    """Have others train within a ``with`` block, on the thread that enters it."""
    token = _in_use.set(machines)
    try:
        yield
    finally:
        _in_use.reset(token)
