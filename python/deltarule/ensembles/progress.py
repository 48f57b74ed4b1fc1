"""Progress of many trainings on one line: members, epochs, the best score, the time left."""

from __future__ import annotations

import math
import sys
from time import perf_counter

from deltarule._training.progress import Bar, bar_of, duration

# A line that is not overwritten comes no more often than this.
_SECONDS_A_LINE = 1.0
# Without the rate, so that 80 columns have room for the best network.
_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"


class ManyProgress(Bar):
    """Shows what all members came to so far: a bar where tqdm is installed, else lines."""

    def __init__(self, members: int, *, enabled: bool) -> None:
        self._members, self._epochs, self.enabled = members, 0, enabled
        self._ended = self._done = 0
        self._best: tuple[float, int] | None = None
        self._name = "loss"
        self._began = self._said = perf_counter()
        self._bar = bar_of(0, "epoch", _BAR) if enabled else None

    def expect(self, epochs: int) -> None:
        """Tell how many epochs a member is to make."""
        self._epochs += epochs
        if self._bar is not None:
            self._bar.total = self._epochs

    def end_epoch(self, member: int, record: dict[str, float], /) -> None:
        """Tell what an epoch of a member came to."""
        self._done += 1
        self._name = "val_loss" if "val_loss" in record else "loss"
        score = record[self._name]
        if not math.isnan(score) and (self._best is None or score < self._best[0]):
            self._best = score, member
        self._show()

    def end_member(self, epochs_not_made: int) -> None:
        """Tell that a member has ended, and how many of its epochs it has left out."""
        self._ended += 1
        self._epochs -= epochs_not_made
        if self._bar is not None:
            self._bar.total = self._epochs
        self._show(last=self._ended == self._members)

    def _show(self, *, last: bool = False) -> None:
        if self._bar is not None:
            self._bar.set_postfix_str("  ".join(self._texts()), refresh=last)
            self._bar.update(self._done - self._bar.n)
        elif self.enabled and (last or perf_counter() - self._said > _SECONDS_A_LINE):
            self._said = perf_counter()
            texts = [f"epochs {self._done}/{self._epochs}", *self._texts(), self._left()]
            sys.stderr.write("  ".join(texts) + "\n")

    def _texts(self) -> list[str]:
        texts = []
        if self._best is not None:
            score, member = self._best
            texts.append(f"best {self._name} {score:.4g} (networks[{member}])")
        return [*texts, f"{self._ended}/{self._members} members"]

    def _left(self) -> str:
        seconds = perf_counter() - self._began
        left = self._epochs - self._done
        if not left or not self._done:
            return f"in {duration(seconds)}"
        return f"left about {duration(seconds * left / self._done)}"
