"""The ranks of MPI in the place of one machine: each trains whole members, and all get them all."""

from __future__ import annotations

import pickle
import threading
import warnings
from collections.abc import Sequence
from typing import Any, TypeVar

from deltarule import _core
from deltarule.distributed.side_by_side.alike import described, first_difference
from deltarule.distributed.side_by_side.dealer import Dealer
from deltarule.distributed.side_by_side.parcels import (
    Known,
    adopt,
    expect_parcels,
    portable,
    state_of,
)
from deltarule.distributed.side_by_side.post import Post
from deltarule.ensembles.crew import Members
from deltarule.ensembles.machines import Machines, Task
from deltarule.ensembles.progress import ManyProgress
from deltarule.ensembles.turns import Turns, diverged
from deltarule.errors import DistributedError, TrainingDivergedError, TrainingWarning

T = TypeVar("T")


class Ranks(Machines):
    """Ranks that run the same program, and meet wherever it trains many networks."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self.leads = post.rank == 0

    def agreed(self, value: T) -> T:
        """Rank 0's value."""
        if self.leads:
            for rank in range(1, self._post.size):
                self._post.send(rank, "agreed", value)
            return value
        answer: T = self._post.wait_for("agreed")
        return answer

    def train(self, task: Task) -> None:
        """Train all networks, each on one rank; every rank has then what comes of them."""
        try:
            error = self._train(task)
        except BaseException as unexpected:
            self._post.fail(unexpected)
            raise
        if error is not None:
            self._post.raise_on_all(error)

    def _train(self, task: Task) -> Exception | None:
        post = self._post
        progress = _Told(post, len(task.networks), enabled=task.progress)
        known, members, trouble = Known(), None, None
        try:
            members = task.members(progress)
            for index, (network, given) in enumerate(zip(task.networks, task.given, strict=True)):
                known.add_member(index, network, given)
            known.data(task.X, task.y, task.given)
            expect_parcels(task.given, known, pickle.Pickler)
        except Exception as error:
            trouble = error
        why, time_limit, threads = self._meet(task, trouble)
        if members is None or why is not None:
            return trouble or DistributedError(f"fit_many: {why}")
        members.end_after(time_limit)
        if self.leads:
            dealer = Dealer(members.order, threads, post.send)
            progress.hear(dealer.KINDS, dealer.handle)
            post.send_all("begin")
        post.wait_for("begin")
        task.begin()
        turns = _Turns(post, task, members, known)
        with progress:
            members.train(turns, threads[post.rank])
            post.send(0, "done")
            owners, errors = post.wait_for("finish")
        self._exchange(task, turns.parcels, owners, known)
        if self.leads:
            _warn(task)
        return errors[0][1] if errors else None

    def _meet(self, task: Task, trouble: Exception | None) -> tuple[str | None, Any, list[int]]:
        """Hear whether all were given the same: why not, rank 0's time limit, all threads."""
        told = {} if trouble is not None else described(task)
        mine = told, trouble and portable(trouble), task.time_limit, _core.get_num_threads()
        descriptions, troubles, limits, threads = zip(*self._post.told(mine), strict=True)
        return _why_not(descriptions, troubles), limits[0], list(threads)

    def _exchange(
        self, task: Task, parcels: dict[int, bytes], owners: dict[int, Any], known: Known
    ) -> None:
        """Have every member on every rank."""
        for index, (owner, size) in sorted(owners.items()):
            data = self._post.broadcast(parcels.pop(index, None), size, owner)
            if owner != self._post.rank:
                adopt(task.networks[index], task.given[index], known.loads(data))


def _warn(task: Task) -> None:
    """Tell of members whose cost was no longer finite, wherever."""
    for index, network in enumerate(task.networks):
        if network.history.diverged is not None:
            warnings.warn(diverged(index, network.history.diverged), TrainingWarning, 6)


def _why_not(descriptions: Sequence[dict[str, str]], troubles: Sequence[Any]) -> str | None:
    """Why ranks cannot train together, if they cannot."""
    for rank, trouble in enumerate(troubles):
        if trouble is not None:
            return f"rank {rank} cannot begin: {type(trouble).__name__}: {trouble}"
    here = descriptions[0]
    for rank, there in enumerate(descriptions):
        name = first_difference(here, there)
        if name is not None:
            what = "expected the same on all ranks"
            if name.startswith("networks["):
                what += "; a Network's seed, and a model's random_state, see to it"
            return f"{name}: rank {rank} has {there.get(name)}, and rank 0 {here.get(name)}: {what}"
    return None


class _Turns(Turns):
    """Turns that rank 0 gives."""

    def __init__(self, post: Post, task: Task, members: Members, known: Known) -> None:
        self._post, self._task, self._members, self._known = post, task, members, known
        self._left, self._asked = 1, False
        self.parcels: dict[int, bytes] = {}  # by member, of those trained here

    def __len__(self) -> int:
        return self._left

    def at_once(self, threads: int) -> int:
        """As many as there are threads: the others are for other ranks."""
        return threads

    def next(self, *, idle: bool) -> int | None:
        """Ask for one; the answer may come later."""
        if not self._left:
            return None
        if not self._asked:
            self._post.send(0, "ask")
            self._asked = True
        message = self._post.receive("turn", wait=idle)
        if message is None:
            return None
        self._asked = False
        index: int | None
        index, left = message[2]
        self._left = 0 if index is None else max(1, left)
        return index

    def stop(self) -> None:
        """Ask for no more; nobody else gets one, either, as time is up for all."""
        if self._left:
            self._left = 0
            self._post.send(0, "stop")

    def look(self) -> None:
        """Raise what has ended the run elsewhere."""
        self._post.look()

    def ended(self, index: int) -> None:
        """Pack what has come of it."""
        network, given = self._task.networks[index], self._task.given[index]
        parcel = self.parcels[index] = self._known.dumps(state_of(network, given))
        errors = [error for which, error in self._members.errors if which == index]
        error = portable(errors[0]) if errors else None
        self._post.send(0, "ended", (index, len(parcel), error))

    def diverged(self, index: int, error: TrainingDivergedError) -> None:
        """Rank 0 tells, in the end."""


class _Told(ManyProgress):
    """Progress of all ranks, which rank 0 shows."""

    def __init__(self, post: Post, members: int, *, enabled: bool) -> None:
        super().__init__(members, enabled=enabled and post.rank == 0)
        self._post, self._tells = post, enabled
        self._lock = threading.Lock()

    def hear(self, others: frozenset[str], handle: Any) -> None:
        """Show what the other ranks tell, beside other kinds of messages."""

        def heard(rank: int, kind: str, what: Any) -> None:
            if kind == "epoch":
                self.end_epoch(*what)
            elif kind == "member":
                self.end_member(what)
            else:
                handle(rank, kind, what)

        self._post.serve(others | {"epoch", "member"}, heard)

    def end_epoch(self, member: int, record: dict[str, float], /) -> None:
        """Show it, or tell rank 0."""
        if self._post.rank == 0:
            with self._lock:
                super().end_epoch(member, record)
        elif self._tells:
            self._post.send(0, "epoch", (member, record))

    def end_member(self, epochs_not_made: int) -> None:
        """Show it, or tell rank 0."""
        if self._post.rank == 0:
            with self._lock:
                super().end_member(epochs_not_made)
        elif self._tells:
            self._post.send(0, "member", epochs_not_made)
