"""Trainings side by side: a member's works are done by a crew, one after another.

This thread plans them all, so callbacks never run at the same time, and what is planned for one
member does not depend on the others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from time import monotonic
from typing import Any

from numpy.typing import ArrayLike

from deltarule import _core
from deltarule._network.bare import BareNetwork
from deltarule._network.works import Works
from deltarule._training.examples import Given
from deltarule._training.progress import Bar
from deltarule._training.training import Training, prepared
from deltarule.ensembles.door import SharedDoor
from deltarule.ensembles.progress import ManyProgress
from deltarule.ensembles.turns import Turns
from deltarule.errors import TrainingDivergedError

# How often to look at the clock and for signals while all threads are at work, in seconds.
_A_LOOK = 0.05
# With no more threads than these the one that plans works as well: there is not so much to plan
# that others wait for it, and one that only plans would wait for a core that somebody has.
_MOST_TO_HELP = 8


class Member(Bar):
    """A network whose training is under way among others; told of its epochs, as their bar."""

    def __init__(self, index: int, training: Training, progress: ManyProgress) -> None:
        self.index, self.training, self._progress = index, training, progress
        self.works: Works[Any] = training.works(self)

    def end_epoch(self, epoch: int, record: dict[str, float], /) -> None:
        """Tell all members' progress."""
        del epoch
        self._progress.end_epoch(self.index, record)

    def stop(self) -> None:
        """Have it end after the work that is under way."""
        if self.training.run is not None:
            self.training.run.stop()

    def end(self, interruption: BaseException) -> None:
        """Let it take down what was made, and end it."""
        with suppress(BaseException):
            next(self.works)
            self.works.throw(interruption)


class Members:
    """Networks that train on the same X, a few more at a time than there are threads."""

    def __init__(
        self,
        networks: Sequence[BareNetwork],
        X: Any,
        y: ArrayLike,
        given: Sequence[Given],
        time_limit: float | None,
        progress: ManyProgress,
        door: SharedDoor | None = None,
    ) -> None:
        self._networks, self._X, self._y, self._given = networks, X, y, given
        self._progress, self._door = progress, door or SharedDoor()
        self.end_after(time_limit)
        self._live: dict[_core.Work, Member] = {}
        self._ended: deque[_core.Work] = deque()  # works that their members have not heard of yet
        self._ready: dict[int, Training] = {}
        self.errors: list[tuple[int, Exception]] = []
        self.order = self._longest_first()

    def _prepared(self, index: int) -> Training:
        if index in self._ready:
            return self._ready.pop(index)
        network, given = self._networks[index], self._given[index]
        return prepared(network, self._X, self._y, given, self._door)

    def _longest_first(self) -> list[int]:
        """The members in the order in which they begin; all are checked, before any is changed.

        What is left at the end is short, so that all threads are busy until then.
        """
        lengths = []
        for index in range(len(self._networks)):
            with _told_of(index):
                training = self._prepared(index)
                lengths.append(training.length)
                if self._given[index].rows is None:  # else it has taken targets and more of them
                    self._ready[index] = training
            self._progress.expect(self._given[index].epochs)
        return sorted(range(len(lengths)), key=lambda index: -lengths[index])

    def end_after(self, seconds: float | None) -> None:
        """End after so many seconds from now, if any."""
        self._ends = None if seconds is None else monotonic() + seconds

    def train(self, turns: Turns, threads: int) -> None:
        """Train those that have a turn; ``errors`` has what members raised, the first one first."""
        self._turns, self._threads = turns, threads
        helps = threads <= _MOST_TO_HELP
        crew = _core.Crew(threads - helps)
        most = turns.at_once(threads)
        try:
            while turns or self._live:
                turns.look()
                while len(self._live) < most:
                    index = turns.next(idle=not self._live)
                    if index is None:
                        break
                    self._begin(index, crew)
                if self._live:
                    self._hear(crew, helps)
                while self._ended:
                    member = self._live.pop(self._ended[0])
                    self._ended.popleft()
                    self._advance(member, crew)
                if self._ends is not None and monotonic() > self._ends:
                    turns.stop()
                    for member in self._live.values():
                        member.stop()
        except BaseException as interruption:
            self._end(crew, helps, interruption)
            raise

    def _hear(self, crew: _core.Crew, helps: bool) -> None:
        """Wait a little for works that end, and put them with those that have ended.

        In one go: where the crew's answer were held by Python for a moment, a signal could come in
        that moment, and it would be lost.
        """
        self._ended.extend(chain.from_iterable(map(crew.ended, (_A_LOOK,), (helps,))))

    def _end(self, crew: _core.Crew, helps: bool, interruption: BaseException) -> None:
        """Have all works end, and their members; a signal may have come between any two lines."""
        for work in self._live:
            with suppress(RuntimeError):  # it has begun, as it should
                crew.begin(work, 1)
        crew.stop(interruption)
        while self._live:
            while self._ended:
                member = self._live.pop(self._ended.popleft(), None)
                if member is not None:
                    member.end(interruption)
            self._hear(crew, helps)

    def _begin(self, index: int, crew: _core.Crew) -> None:
        try:
            member = Member(index, self._prepared(index), self._progress)
        except Exception as error:
            self._failed(index, error)
            self._progress.end_member(self._given[index].epochs)
            self._turns.ended(index)
        else:
            self._advance(member, crew)

    def _advance(self, member: Member, crew: _core.Crew) -> None:
        """Let a member plan its next work, and have that done."""
        try:
            work = next(member.works)
        except StopIteration:
            pass
        except TrainingDivergedError as error:
            self._turns.diverged(member.index, error)
        except Exception as error:
            self._failed(member.index, error)
        else:
            self._live[work] = member
            # The last ones share the threads that nobody else needs.
            crew.begin(work, max(1, self._threads // (len(self._live) + len(self._turns))))
            return
        network = self._networks[member.index]
        network._let_go_of_rooms()
        self._progress.end_member(member.training.epochs - network.history.epochs)
        self._turns.ended(member.index)

    def _failed(self, index: int, error: Exception) -> None:
        error.add_note(f"fit_many: this is of networks[{index}]; the others have been trained")
        self.errors.append((index, error))


@contextmanager
def _told_of(index: int) -> Iterator[None]:
    """Add to an error which network it is of."""
    try:
        yield
    except Exception as error:
        error.add_note(f"fit_many: this is of networks[{index}]")
        raise
