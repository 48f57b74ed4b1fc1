"""One program on rank 0, for which the other ranks train: they need neither its data nor its code.

Where all ranks run the same program (`ranks.py`) each has X; here rank 0 sends it with the task.
"""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from deltarule import _core
from deltarule.distributed.side_by_side.post import TIMEOUT, Post
from deltarule.distributed.side_by_side.ranks import Ranks
from deltarule.ensembles.machines import Task, put_in_place
from deltarule.errors import DistributedError, not_installed

T = TypeVar("T")


class LeadingRanks(Ranks):
    """Rank 0, which the others follow."""

    def agreed(self, value: T) -> T:
        """Its own value: nobody else asks."""
        return value

    def train(self, task: Task) -> None:
        """Hand the task to the others, and train along."""
        data = pickle.dumps(task, pickle.HIGHEST_PROTOCOL)
        for rank in range(1, self._post.size):
            self._post.send(rank, "task", (len(data), _core.get_num_threads()))
        self._post.broadcast(data, len(data), 0)
        super().train(task)


def on_all_ranks(command: Callable[[], int]) -> int:
    """Run a command on rank 0, with the others at its service; the exit code.

    Raises
    ------
    ImportError
        Without mpi4py.
    """
    post = Post(_world(), TIMEOUT, "deltarule")
    if post.rank:
        return _follow(post)
    with post:
        with put_in_place(LeadingRanks(post)):
            code = command()
        for rank in range(1, post.size):
            post.send(rank, "end")
    return code


def _world() -> Any:
    try:
        from mpi4py import MPI
    except ModuleNotFoundError as missing:
        raise not_installed("distributed", missing, "mpi") from missing
    return MPI.COMM_WORLD


def _follow(post: Post) -> int:
    """Train for rank 0, until it has come to its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # rank 0 hears it, and tells
    most = _core.get_num_threads()
    try:
        while (message := post.receive("task", "end")) and message[1] == "task":
            size, threads = message[2]
            _core.set_num_threads(min(threads, most))
            task = pickle.loads(post.broadcast(None, size, 0))
            with suppress(Exception):  # rank 0 has the same, unless something has ended the run
                Ranks(post).train(task)
            post.look()
        post.leave()
    except DistributedError as error:  # of which rank 0 tells
        post.leave(error)
        return 1
    return 0
