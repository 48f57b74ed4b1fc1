"""Which of a training's checkpoints stay: the newest few, and the best.

A file is deleted only where it says itself that this very training wrote it. What a checkpoint
remembers are numbers of epochs, never paths, so that a file cannot have another one deleted.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deltarule._files.checkpoints import states_of_callbacks


class Rotation:
    """The epochs whose files are there, the newest last.

    Parameters
    ----------
    newest : int
        How many of them stay.
    path_of : callable
        From an epoch to its file's path.
    """

    def __init__(self, newest: int, path_of: Callable[[int], str]) -> None:
        self._newest, self._path_of = newest, path_of
        self.forget()

    def forget(self) -> None:
        """Begin another training, to which the files that are there do not belong."""
        self._training = secrets.token_hex(8)
        self._written: list[int] = []
        self._best: int | None = None

    def add(self, epoch: int, is_best: bool) -> None:
        """Take note of a file that is about to be written."""
        self._written = [each for each in self._written if each != epoch] + [epoch]
        if is_best:
            self._best = epoch

    def delete_old(self) -> None:
        """Delete what need not stay, now that the newest is there."""
        stay = {*self._written[-self._newest :], self._best}
        for epoch in self._written:
            path = self._path_of(epoch)
            if epoch not in stay and self._is_own(path):
                Path(path).unlink(missing_ok=True)
        self._written = [each for each in self._written if each in stay]

    def _is_own(self, path: str) -> bool:
        with suppress(FileNotFoundError):
            return any(
                state.get("training") == self._training for state in states_of_callbacks(path)
            )
        return False

    def state(self) -> dict[str, Any]:
        """What a checkpoint has to remember; what is yet to be deleted, too."""
        return {
            "training": self._training,
            "written": list(self._written),
            "best_epoch": self._best,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` has returned."""
        written, best = state["written"], state["best_epoch"]
        for epoch in [*written, *([] if best is None else [best])]:
            if type(epoch) is not int:
                raise TypeError(f"written has {epoch!r}: expected whole numbers")
        if type(state["training"]) is not str:
            raise TypeError(f"training is {state['training']!r}: expected a string")
        self._training, self._written, self._best = state["training"], list(written), best
