"""Progress of a fit: a bar where tqdm is installed, else a line an epoch, on standard error."""

from __future__ import annotations

import sys
from time import perf_counter
from types import TracebackType
from typing import Any, Self


class Bar:
    """Who is told of a training's progress, within a ``with`` block; by itself it shows nothing."""

    enabled = False  # whether `advance` is of any use
    _bar: Any = None  # tqdm's

    def advance(self, batches: int, cost: float, /) -> None:
        """Hear how many batches are done, in all epochs."""

    def end_epoch(self, number: int, record: dict[str, float], /) -> None:
        """Hear what an epoch came to."""

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


class Progress(Bar):
    """Shows batches done, the cost so far, and each epoch's record and its seconds."""

    def __init__(self, epochs: int, batches: int | None, *, enabled: bool) -> None:
        self._epochs, self.enabled = epochs, enabled
        self._began = perf_counter()
        total = None if batches is None else epochs * batches
        self._bar = bar_of(total, "batch") if enabled else None

    def advance(self, batches: int, cost: float, /) -> None:
        """Tell how many batches are done, in all epochs."""
        if self._bar is not None:
            self._bar.set_postfix_str(f"loss {cost:.4g}", refresh=False)
            self._bar.update(batches - self._bar.n)

    def end_epoch(self, epoch: int, record: dict[str, float], /) -> None:
        """Show what an epoch came to."""
        if not self.enabled:
            return
        now = perf_counter()
        seconds, self._began = now - self._began, now
        values = [f"{name} {value:.4g}" for name, value in record.items()]
        start = f"epoch {epoch + 1}/{self._epochs}"
        text = "\n".join(_lines(start, [*values, duration(seconds)], _width()))
        if self._bar is not None:
            self._bar.write(text, file=sys.stderr)
        else:
            sys.stderr.write(text + "\n")

    def __enter__(self) -> Self:
        self._began = perf_counter()
        return self


def bar_of(total: int | None, unit: str, form: str | None = None) -> Any:
    """A bar of tqdm's, where that is installed; else None."""
    try:
        from tqdm.auto import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm(total=total, unit=unit, mininterval=0.05, dynamic_ncols=True, bar_format=form)


def duration(seconds: float) -> str:
    """Seconds, or minutes and seconds."""
    if seconds < 60:
        return f"{seconds:.2g} s"
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min" + f" {seconds} s" * bool(seconds)


def _width() -> int | None:
    """The columns of the terminal, if it is one that is written to."""
    if not sys.stderr.isatty():
        return None
    from shutil import get_terminal_size  # whose import takes longer than a small fit

    return get_terminal_size().columns


def _lines(start: str, values: list[str], width: int | None) -> list[str]:
    """The values behind one another, in as many lines as the width takes, none cut in two."""
    lines = [start]
    for value in values:
        longer = f"{lines[-1]}  {value}"
        if width is None or len(longer) <= width or lines[-1].isspace():
            lines[-1] = longer
        else:
            lines.append(" " * len(start) + f"  {value}")
    return lines
