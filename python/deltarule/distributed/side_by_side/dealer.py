"""Who trains which member: handed out by rank 0, the longest first, as ranks get free."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any


class Dealer:
    """Hands members out, and keeps the books; any thread may call it.

    Parameters
    ----------
    order : sequence of int
        Members, the longest first.
    threads : list of int
        Of each rank.
    send : callable
        ``send(rank, kind, what)``.
    """

    KINDS = frozenset({"ask", "ended", "stop", "done"})

    def __init__(
        self, order: Sequence[int], threads: list[int], send: Callable[[int, str, Any], None]
    ) -> None:
        self._waiting, self._threads, self._send = deque(order), threads, send
        self._live = [0] * len(threads)
        self._asking: list[int] = []
        self._done = 0
        self._lock = threading.RLock()
        # By member: the rank that has trained it, and how many bytes it is there.
        self.owners: dict[int, tuple[int, int]] = {}
        self.errors: list[tuple[int, Exception]] = []  # in the order in which they came

    def handle(self, rank: int, kind: str, what: Any) -> None:
        """Hear a rank, and answer."""
        with self._lock:
            if kind == "ask":
                self._asking.append(rank)
            elif kind == "ended":
                index, size, error = what
                self.owners[index] = rank, size
                self._live[rank] -= 1
                if error is not None:
                    self.errors.append((index, error))
            elif kind == "stop":
                self._waiting.clear()
            else:
                self._done += 1
                if self._done == len(self._threads):
                    for each in range(self._done):
                        self._send(each, "finish", (self.owners, self.errors))
            self._deal()

    def _deal(self) -> None:
        """Answer those that ask, as far as it is their turn."""
        for rank in list(self._asking):
            if self._waiting and self._live[rank] >= self._share(rank):
                continue
            self._asking.remove(rank)
            index = self._waiting.popleft() if self._waiting else None
            self._live[rank] += index is not None
            self._send(rank, "turn", (index, len(self._waiting)))

    def _share(self, rank: int) -> int:
        """The most that a rank may have in training: the last ones are not all for one."""
        left = len(self._waiting) + sum(self._live)
        return -(-left * self._threads[rank] // sum(self._threads))
