"""Where ranks meet: before anything passes between them, each says how it is.

So a rank that has raised is heard of by all at once, with its reason, and nobody is left waiting
for what will not come. Every wait has an end.
"""

from __future__ import annotations

import atexit
import os
import pickle
import signal
import sys
import threading
import time
from itertools import pairwise
from typing import Any, NoReturn, Self
from zlib import crc32

import numpy as np

from deltarule._arrays import Array
from deltarule.errors import DistributedError

# How often to ask again at once, how long to ask when others have had the core, and how long to
# sleep from then on, in seconds.
_SPINS, _YIELDING, _SLEEP = 200, 0.02, 100e-6
_A_PING = 1.0  # how long a rank that is there may take to say so, in seconds
_PING = 7
_WELL, _FAILED = 0, 1
_WORDS = 3  # of what a rank says: how it is, where, and how often it has met


class Meeting:
    """The ranks of a communicator, or one process that needs nobody; for a ``with`` block.

    Within it Ctrl-C is kept until it can be told to all ranks; a second one is not kept. All ranks
    leave together, and one that leaves by an error tells the others why.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm or None
    timeout : float
        Seconds after which a rank that does not come is given up.

    Attributes
    ----------
    rank, size : int
    """

    def __init__(self, comm: Any, timeout: float) -> None:
        self.rank, self.size = 0, 1
        self._comm: Any = None
        self._timeout, self._place = timeout, "the start"
        self._number = 0
        self._kept: Any = None  # who is told of Ctrl-C at other times
        self._interrupted = False
        if comm is not None:
            from mpi4py import MPI

            self._mpi: Any = MPI
            self.rank, self.size = comm.Get_rank(), comm.Get_size()
            if self.size > 1:
                self._comm = comm.Dup()  # our messages meet no others
        self._make_room(0)

    def _make_room(self, size: int) -> None:
        """Have room for what each rank says of itself, and for so many bytes beside it."""
        self._mine = np.zeros(_WORDS + -(-size // 8), np.int64)
        self._all = np.zeros((self.size, self._mine.size), np.int64)
        self._head, self._heads = self._mine[:_WORDS], self._all[:, :_WORDS]

    def carry(self, size: int) -> tuple[Array, Array]:
        """From now on, have every meeting carry so many bytes.

        Returns
        -------
        (ndarray of uint8, ndarray of uint8)
            What this rank says, and by rank what all have said.
        """
        self.meet("what is carried")  # after which nothing can keep a rank from the other size
        self._make_room(size)
        return self._mine[_WORDS:].view(np.uint8), self._all.view(np.uint8)[:, 8 * _WORDS :]

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._kept = signal.getsignal(signal.SIGINT)
            if callable(self._kept):
                signal.signal(signal.SIGINT, self._interrupt)
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        try:
            if error is None:
                self._end()
            else:
                self._leave(error)
        finally:
            if callable(self._kept):
                signal.signal(signal.SIGINT, self._kept)
            self._kept = None

    def _interrupt(self, number: int, frame: Any) -> None:
        if self._interrupted and callable(self._kept):
            self._kept(number, frame)
        self._interrupted = True

    def meet(self, place: str) -> None:
        """Come together at a place, which is the same for all.

        Raises
        ------
        DistributedError
            Where a rank has failed, does not come, or comes to another place.
        """
        self._place = place
        if self._interrupted:
            self._interrupted = False
            raise KeyboardInterrupt
        if self._comm is None:
            self._all[0] = self._mine
            return
        self._number += 1
        self._head[:] = _WELL, crc32(place.encode()), self._number
        self._wait(self._comm.Iallgather(self._mine, self._all))
        heads = self._heads
        if heads[:, 0].any():
            self._raise_what_others_say()
        if (heads[:, 1:] != heads[0, 1:]).any():
            places = self._told(place)
            other = next(rank for rank, each in enumerate(places) if each != places[0])
            raise DistributedError(
                f"fit: rank 0 is at {places[0]} and rank {other} at {places[other]}: expected all "
                "ranks to make the same calls, with the same arguments"
            )

    def gather(self, place: str, mine: Array) -> Array:
        """The same array of all ranks, one after another; of the same shape on each."""
        self.meet(place)
        return self.gather_here(mine)

    def gather_here(self, mine: Array) -> Array:
        """The same at the place where the ranks are."""
        if self._comm is None:
            return mine[np.newaxis]
        mine = np.ascontiguousarray(mine)
        every = np.empty((self.size, *mine.shape), mine.dtype)
        byte = self._mpi.BYTE
        self._wait(self._comm.Iallgather([mine, byte], [every, byte]))
        return every

    def told(self, place: str, mine: Any) -> list[Any]:
        """What each rank tells: any object, for what is small or rare."""
        self.meet(place)
        return self._told(mine)

    def _told(self, mine: Any) -> list[Any]:
        if self._comm is None:
            return [mine]
        text = np.frombuffer(pickle.dumps(mine), np.uint8)
        sizes = self.gather_here(np.array([text.size], np.int64))[:, 0]
        firsts = np.concatenate([[0], np.cumsum(sizes)])
        every, byte = np.empty(firsts[-1], np.uint8), self._mpi.BYTE
        self._wait(self._comm.Iallgatherv([text, byte], [every, sizes, firsts[:-1], byte]))
        return [pickle.loads(every[first:last].tobytes()) for first, last in pairwise(firsts)]

    def begin_all_to_all(self, send: Array, to: Array, receive: Array, of: Array) -> Any:
        """Begin to hand parts of an array out; ``to`` and ``of`` say how many bytes, by rank.

        It returns what ``finish`` waits for.
        """
        byte = self._mpi.BYTE
        return self._comm.Ialltoallv(
            [send, to, np.cumsum(to) - to, byte], [receive, of, np.cumsum(of) - of, byte]
        )

    def begin_all_gather(self, every: Array, sizes: Array) -> Any:
        """Begin to put parts together, of so many bytes each, this rank's being in its place."""
        parts = [every, sizes, np.cumsum(sizes) - sizes, self._mpi.BYTE]
        return self._comm.Iallgatherv(self._mpi.IN_PLACE, parts)

    def finish(self, request: Any) -> None:
        """Wait for what was begun."""
        self._wait(request)

    def help_along(self, request: Any) -> None:
        """Let the messages of what was begun move, without waiting."""
        request.Test()

    def _wait(self, request: Any) -> None:
        """Wait for the others, but not for ever."""
        for _ in range(_SPINS):
            if request.Test():
                return
        began = time.monotonic()
        while not request.Test():
            waited = time.monotonic() - began
            if waited < _YIELDING:
                os.sched_yield()
            elif waited < self._timeout:
                time.sleep(_SLEEP)
            else:
                self._give_up()

    def _give_up(self) -> NoReturn:
        """End what waits for a rank that does not come; MPI has no way back but its end."""
        absent = self._absent()
        who = ", ".join(map(str, absent)) if absent else "another one"
        message = (
            f"fit: rank {self.rank} has waited {self._timeout:g} s for rank {who}, to agree on "
            f"{self._place}: expected all to come; timeout= says how long to wait"
        )
        comm = self._comm

        @atexit.register  # after the callers' own ends, such as a checkpoint; before MPI's own
        def _abort() -> None:
            sys.stderr.write(f"deltarule: {message}\n")
            sys.stderr.flush()
            comm.Abort(1)

        self._comm = None
        raise DistributedError(message)

    def _absent(self) -> list[int]:
        """The ranks that do not say that they wait, too."""
        note = np.zeros(1, np.int8)
        others = [rank for rank in range(self.size) if rank != self.rank]
        sent = [self._comm.Isend(note, rank, _PING) for rank in others]
        ends = time.monotonic() + _A_PING
        while time.monotonic() < ends:
            time.sleep(_SLEEP)
            others = [rank for rank in others if not self._comm.Iprobe(rank, _PING)]
        del sent  # they stay under way until the end, which is near
        return others

    def _end(self) -> None:
        """Meet once more: what was done together is done on all ranks."""
        try:
            self.meet("the end")
        except BaseException as error:
            self._leave(error)
            raise
        if self._comm is not None:
            self._comm.Free()

    def _leave(self, error: BaseException) -> None:
        """Tell the others, at the place where they come next, why this rank ends."""
        if self._comm is None or isinstance(error, DistributedError):
            return
        self._number += 1
        self._head[:] = _FAILED, 0, self._number
        self._wait(self._comm.Iallgather(self._mine, self._all))
        self._told(f"{type(error).__name__}: {error}".removesuffix(": "))

    def _raise_what_others_say(self) -> NoReturn:
        reasons = self._told(None)
        rank, reason = next((rank, each) for rank, each in enumerate(reasons) if each is not None)
        raise DistributedError(f"fit: rank {rank} has failed: {reason}")
