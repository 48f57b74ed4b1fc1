"""Messages between ranks that are at work, and a watch over who is alive.

A thread of each rank carries its messages, and gives a sign of life every second: also while the
rank computes, reads a file, or waits. Rank 0 hears all others, and they hear rank 0. So a rank may
be waited for as long as it lives, and nobody waits for one that does not.
"""

from __future__ import annotations

import pickle
import queue
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, sleep
from typing import Any, NoReturn, Self

from deltarule.errors import DistributedError, not_installed

TIMEOUT = 15.0  # seconds without a sign of life
# For the first sign there is more time: programs start, and read, at their own pace.
_FIRST = 20
_SIGN, _LOOK = 1.0, 0.002  # seconds from a sign to the next, at most; and from look to look
_TAG = 20_100
_MOST_BYTES = 1 << 28  # of one broadcast

# What MPI may still write to, when nobody waits for it any more.
_abandoned: list[Any] = []

# Given a rank, a kind of message, and what it says.
Handler = Callable[[int, str, Any], None]


class Post:
    """What ranks tell each other within a block of code that all of them enter and leave.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        Of which a duplicate is used.
    timeout : float
        Seconds.
    where : str
        For messages.

    Raises
    ------
    ImportError
        Without mpi4py.
    RuntimeError
        Where MPI has not been told that there are threads.
    """

    def __init__(self, comm: Any, timeout: float, where: str) -> None:
        try:
            from mpi4py import MPI
        except ModuleNotFoundError as missing:
            raise not_installed("distributed", missing, "mpi") from missing
        if MPI.Query_thread() < MPI.THREAD_MULTIPLE:
            raise RuntimeError(
                f"{where}: MPI was initialised without threads: expected MPI.THREAD_MULTIPLE, as "
                "mpi4py asks for by itself (mpi4py.rc.thread_level)"
            )
        if not isinstance(comm, MPI.Comm):
            raise TypeError(
                f"{where}: comm is {comm!r}: expected a communicator, such as mpi4py's "
                "MPI.COMM_WORLD"
            )
        self._where, self._timeout = where, timeout
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self._comm, met = comm.Idup()
        deadline = monotonic() + _FIRST * timeout
        while not met.Test():
            if monotonic() > deadline:
                self._abort(
                    f"not all ranks have come in {_FIRST * timeout:g} s: expected each of the "
                    f"{self.size} to make the same calls"
                )
            sleep(_LOOK)
        self._peers = range(1, self.size) if self.rank == 0 else [0]
        self._heard = dict.fromkeys(self._peers, monotonic())
        self._left: set[int] = set()
        self._outbox: queue.SimpleQueue[tuple[int, bytes]] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[tuple[int, str, Any]] = queue.SimpleQueue()
        self._sending: list[Any] = []
        self._handler: tuple[frozenset[str], Handler] = (frozenset(), _nothing)
        self._failure: tuple[float, int, str] | None = None
        self._failure_heard = False
        self._of_all: Exception | None = None
        self._over = False
        self._thread = threading.Thread(target=self._carry, name="deltarule-post", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self.leave(error)

    # What the rank's own thread calls ------------------------------------------------------------

    @property
    def failed(self) -> bool:
        """Whether some rank has ended the run."""
        return self._failure is not None

    def look(self) -> None:
        """Raise what has ended the run on another rank, if something has."""
        if self._failure is not None:
            self._failure_heard = True
            _, rank, text = self._failure
            raise DistributedError(f"{self._where}: rank {rank} has failed: {text}")

    def send(self, rank: int, kind: str, what: Any = None) -> None:
        """Tell a rank, which may be this one."""
        if rank == self.rank:
            self._take(rank, kind, what)
        else:
            self._outbox.put((rank, pickle.dumps((self.rank, kind, what))))

    def send_all(self, kind: str, what: Any = None) -> None:
        """Tell all ranks, this one too."""
        for rank in range(self.size):
            self.send(rank, kind, what)

    def receive(self, *kinds: str, wait: bool = True) -> tuple[int, str, Any] | None:
        """The next message of some kinds; others, which nobody waits for any more, are dropped."""
        while True:
            self.look()
            left = sorted(self._left)  # before the messages, as what they have sent comes first
            try:
                message = self._inbox.get(timeout=0.05) if wait else self._inbox.get_nowait()
            except queue.Empty:
                if left:
                    raise DistributedError(
                        f"{self._where}: rank {left[0]} has made fewer calls than rank 0: expected "
                        "the same calls on all ranks"
                    ) from None
                if wait:
                    continue
                return None
            if message[1] in kinds:
                return message

    def wait_for(self, kind: str) -> Any:
        """What the next message of a kind says."""
        message = self.receive(kind)
        assert message is not None
        return message[2]

    def told(self, what: Any) -> list[Any]:
        """What each rank tells, by way of rank 0: so that no message overtakes another."""
        self.send(0, "mine", what)
        if self.rank == 0:
            heard: dict[int, Any] = {}
            while len(heard) < self.size:
                message = self.receive("mine")
                assert message is not None
                heard[message[0]] = message[2]
            self.send_all("all", [heard[rank] for rank in range(self.size)])
        every: list[Any] = self.wait_for("all")
        return every

    def serve(self, kinds: frozenset[str], handler: Handler) -> None:
        """Have some kinds of messages handled as they come, on whatever thread."""
        self._handler = kinds, handler

    def broadcast(self, data: bytes | None, size: int, root: int) -> bytes:
        """Bytes of one rank on all."""
        buffer = bytearray(size) if data is None else data
        view = memoryview(buffer)
        for first in range(0, size, _MOST_BYTES):
            request = self._comm.Ibcast(view[first : first + _MOST_BYTES], root)
            try:
                while not request.Test():
                    self.look()
                    sleep(_LOOK / 20)
            except BaseException:
                _abandoned.append((request, view))
                raise
        return bytes(buffer) if data is None else data

    def fail(self, error: BaseException) -> None:
        """Tell all others that this rank has ended the run."""
        if self._failure is None:
            self._fail(self.rank, f"{type(error).__name__}: {error}".removesuffix(": "))
            self._failure_heard = True

    def raise_on_all(self, error: Exception) -> NoReturn:
        """Raise what all ranks raise, of which none need tell the others."""
        self._of_all = error
        raise error

    def leave(self, error: BaseException | None = None) -> None:
        """Leave the block, when all others do; at once where something has ended the run."""
        if error is not None and not self._is_of_all(error):
            self.fail(error)
        try:
            if self._failure is None:
                if self.rank:
                    self.send(0, "left")
                    self.wait_for("leave")
                else:
                    while len(self._left) < self.size - 1:
                        self.look()
                        self._expect_no_calls()
                        sleep(_LOOK)
                    self.send_all("leave")
        finally:
            self._over = True
            self._thread.join(2 * self._timeout)
        if self._failure is None:
            self._comm.Free()

    def _is_of_all(self, error: BaseException | None) -> bool:
        """Whether it is, or comes from, what all ranks raise."""
        while error is not None and error is not self._of_all:
            error = error.__cause__ or error.__context__
        return error is not None

    def _expect_no_calls(self) -> None:
        """Hold the other ranks to no more calls than this one has made."""
        with suppress(queue.Empty):
            while True:
                rank, *_ = self._inbox.get_nowait()
                if rank != self.rank:
                    error = DistributedError(
                        f"{self._where}: rank {rank} has made more calls than rank 0: expected the "
                        "same calls on all ranks"
                    )
                    self.fail(error)
                    raise error

    # What the thread does ------------------------------------------------------------------------

    def _carry(self) -> None:
        try:
            self._carry_on()
        except BaseException as error:  # without it nobody would hear of this rank any more
            self._abort(f"{type(error).__name__}: {error}")

    def _carry_on(self) -> None:
        signed, looked, alive = 0.0, monotonic(), pickle.dumps((self.rank, "alive", None))
        while not self._over or not self._outbox.empty() or self._sending:
            now = monotonic()
            if now - looked > self._timeout / 2:  # this one was asleep: so may the others have been
                self._heard = dict.fromkeys(self._peers, now)
            looked = now
            if now - signed > min(_SIGN, self._timeout / 5):
                signed = now
                for rank in self._peers:
                    self._outbox.put((rank, alive))
            with suppress(queue.Empty):
                while True:
                    rank, message = self._outbox.get_nowait()
                    self._sending.append(self._comm.isend(message, rank, _TAG))
            self._sending = [request for request in self._sending if not request.Test()]
            while self._comm.Iprobe(tag=_TAG):
                rank, kind, what = pickle.loads(self._comm.recv(tag=_TAG))
                self._heard[rank] = now
                self._take(rank, kind, what)
            self._watch(now)
            sleep(_LOOK)

    def _take(self, rank: int, kind: str, what: Any) -> None:
        kinds, handler = self._handler
        if kind == "failed":
            self._fail(*what)
        elif kind == "left":
            self._left.add(rank)
        elif kind in kinds:
            handler(rank, kind, what)
        elif kind != "alive":
            self._inbox.put((rank, kind, what))

    def _fail(self, rank: int, text: str) -> None:
        if self._failure is not None:
            return
        self._failure = monotonic(), rank, text
        for each in self._peers:
            if each != rank:
                self.send(each, "failed", (rank, text))

    def _watch(self, now: float) -> None:
        """End all where a rank is silent, or does not hear that the run has ended."""
        if self._failure is not None:
            since, rank, text = self._failure
            if now - since > self._timeout and (self._sending or not self._failure_heard):
                self._abort(f"rank {rank} has failed: {text}")
            return
        for rank, heard in self._heard.items():
            if now - heard > self._timeout:
                self._abort(
                    f"rank {rank} has given no sign of life for {self._timeout:g} s: it was "
                    "stopped, or its machine is gone"
                )

    def _abort(self, why: str) -> NoReturn:
        sys.stderr.write(f"{self._where}: {why}; rank {self.rank} ends all\n")
        sys.stderr.flush()
        self._comm.Abort(1)
        raise SystemExit(1)


def _nothing(rank: int, kind: str, what: Any) -> None:
    del rank, kind, what
