"""Whose turn it is among many trainings that wait, and what becomes of those that had theirs."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Iterable

from deltarule.errors import TrainingDivergedError, TrainingWarning


class Turns:
    """Members that wait for their turn, all of them this machine's."""

    def __init__(self, order: Iterable[int]) -> None:
        self._waiting = deque(order)

    def __len__(self) -> int:
        """How many wait, as far as is known here."""
        return len(self._waiting)

    def at_once(self, threads: int) -> int:
        """How many to have in training: none of the threads waits for a plan."""
        return 3 * threads

    def next(self, *, idle: bool) -> int | None:
        """The next member, if there is one for now; who is idle may as well wait for it."""
        del idle
        return self._waiting.popleft() if self._waiting else None

    def stop(self) -> None:
        """Let nobody have a turn any more."""
        self._waiting.clear()

    def look(self) -> None:
        """Look, now and then, whether somebody wants all to end; raises then."""

    def ended(self, index: int) -> None:
        """Hear that a member has ended, well or not."""

    def diverged(self, index: int, error: TrainingDivergedError) -> None:
        """Tell that a member's cost was no longer finite."""
        # To whoever called `fit_many`.
        warnings.warn(diverged(index, error), TrainingWarning, 8)


def diverged(index: int, why: object) -> str:
    """What there is to say of a member that has diverged."""
    return f"fit_many: networks[{index}]: {why}"
