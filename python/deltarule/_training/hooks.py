"""Callbacks: what type checkers take for one, and what ``fit`` does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

from deltarule._training.run import HOOKS, every_of, sees_steps


class _FitBegin(Protocol):
    def on_fit_begin(self, run: Any, /) -> Any: ...


class _EpochBegin(Protocol):
    def on_epoch_begin(self, run: Any, /) -> Any: ...


class _RunEnd(Protocol):
    def on_run_end(self, run: Any, /) -> Any: ...


class _StepEnd(Protocol):
    def on_step_end(self, run: Any, /) -> Any: ...


class _EpochEnd(Protocol):
    def on_epoch_end(self, run: Any, /) -> Any: ...


class _FitEnd(Protocol):
    def on_fit_end(self, run: Any, /) -> Any: ...


# An object with one of these or more; what it is handed is a `TrainingRun`.
Callback: TypeAlias = _FitBegin | _EpochBegin | _RunEnd | _StepEnd | _EpochEnd | _FitEnd


def as_callbacks(callbacks: Sequence[Any], validated: bool) -> list[Any]:
    """Callbacks that are such, those that must go last at the end."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"fit: callbacks is {callbacks!r}: expected a list of callbacks")
    for index, each in enumerate(callbacks):
        if isinstance(each, type) or not any(callable(getattr(each, hook, None)) for hook in HOOKS):
            raise TypeError(
                f"fit: callbacks[{index}] is {each!r}: expected an object with one of {HOOKS}"
            )
        if sees_steps(each) and every_of(each) < 1:
            raise ValueError(
                f"fit: callbacks[{index}].every_steps is {each.every_steps!r}: expected 1 or more"
            )
        expect_validation(each, f"callbacks[{index}]", validated)
    return sorted(callbacks, key=lambda each: bool(getattr(each, "goes_last", False)))


def speaks(callback: Any) -> bool:
    """Whether it writes, prints or tells others, which of several processes one does."""
    return bool(getattr(callback, "speaks", False))


def expect_validation(watcher: Any, what: str, validated: bool) -> None:
    """Refuse to watch a value of the validation data where there are none."""
    monitor = getattr(watcher, "monitor", None)
    if isinstance(monitor, str) and monitor.startswith("val_") and not validated:
        raise ValueError(
            f"fit: {what} monitors {monitor!r} but there is no validation_data: expected some, or "
            "monitor='loss'"
        )
