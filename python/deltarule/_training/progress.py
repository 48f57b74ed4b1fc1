"""Progress of a fit: a bar where tqdm is installed, else a line an epoch, on standard error."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Any, Self


class Progress:
    """Shows batches done, the cost so far, and each epoch's record."""

    def __init__(self, epochs: int, batches: int | None, *, enabled: bool) -> None:
        self._epochs, self._enabled = epochs, enabled
        self._bar: Any = None
        if enabled:
            try:
                from tqdm.auto import tqdm
            except ModuleNotFoundError:
                return
            total = None if batches is None else epochs * batches
            self._bar = tqdm(total=total, unit="batch", mininterval=0.05)

    def advance(self, batches: int, cost: float) -> None:
        """Tell how many batches are done, in all epochs."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {cost:.4f}", refresh=False)
            self._bar.update(batches - self._bar.n)

    def end_epoch(self, epoch: int, record: dict[str, float]) -> None:
        """Show what an epoch came to."""
        if not self._enabled:
            return
        values = "  ".join(f"{name} {value:.4f}" for name, value in record.items())
        line = f"epoch {epoch + 1}/{self._epochs}  {values}"
        if self._bar is not None:
            self._bar.write(line, file=sys.stderr)
        else:
            sys.stderr.write(line + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()
