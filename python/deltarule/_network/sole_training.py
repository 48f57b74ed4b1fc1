"""Who trains a network: one thread at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# By core, which a layer knows too: the thread that trains it, and what its network does in a child
# of fork that has not taken that thread along.
_trained: dict[Any, tuple[int, Callable[[], Any]]] = {}
# What a thread that fork has not taken along was about to change, and may have left half-way.
_abandoned: list[Any] = []


@contextmanager
def sole_training(core: Any, where: str, abandon: Callable[[], Any]) -> Iterator[None]:
    """Hold off other trainings of a core within a ``with`` block.

    ``abandon`` is called in a child of fork, where no such thread is left; what it returns is kept.

    Raises
    ------
    RuntimeError
        Where one is under way.
    """
    claim = threading.get_ident(), abandon
    if _trained.setdefault(core, claim) is not claim:
        raise RuntimeError(
            f"{where}: another thread is training this network: expected one fit at a time; train "
            "a copy (copy.deepcopy) instead"
        )
    try:
        yield
    finally:
        del _trained[core]


def is_in_training(core: Any) -> bool:
    """Whether a fit is under way, on whatever thread."""
    return core in _trained


def expect_trained_by_no_other(core: Any, what: str) -> None:
    """Hold off a change that the steps of another thread would trip over."""
    thread, _ = _trained.get(core, (None, None))
    if thread not in (None, threading.get_ident()):
        raise RuntimeError(
            f"{what}: another thread is training this network: expected a change between two fits, "
            "or by a callback"
        )


def _forget_other_threads() -> None:
    """Free, in a child, the networks that threads of the parent's were training."""
    for core, (thread, abandon) in list(_trained.items()):
        if thread != threading.get_ident():
            del _trained[core]
            _abandoned.append(abandon())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
