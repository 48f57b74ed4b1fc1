"""Who trains a network: one thread at a time."""

import copy
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltarule.network import Network

# By core, which a layer knows too: the network under training, and the thread that trains it.
_trained: dict[Any, tuple["Network", int]] = {}
# What a thread that fork has not taken along was about to change, and may have left half-way.
_abandoned: list[Any] = []


@contextmanager
def sole_training(network: "Network", where: str = "fit") -> Iterator[None]:
    """Hold off other trainings of a network within a ``with`` block.

    Raises
    ------
    RuntimeError
        Where one is under way.
    """
    claim = network, threading.get_ident()
    if _trained.setdefault(network._core, claim) is not claim:
        raise RuntimeError(
            f"{where}: another thread is training this network: expected one fit at a time; train "
            "a copy (copy.deepcopy) instead"
        )
    try:
        yield
    finally:
        del _trained[network._core]


def expect_trained_by_no_other(core: Any, what: str) -> None:
    """Hold off a change that the steps of another thread would trip over."""
    _, thread = _trained.get(core, (None, None))
    if thread not in (None, threading.get_ident()):
        raise RuntimeError(
            f"{what}: another thread is training this network: expected a change between two fits, "
            "or by a callback"
        )


def _forget_other_threads() -> None:
    """Free, in a child, the networks that threads of the parent's were training."""
    for core, (network, thread) in list(_trained.items()):
        if thread != threading.get_ident():
            del _trained[core]
            _abandoned.append((network._trainers, network._generator))
            network._trainers = {}
            network._generator = copy.deepcopy(network._generator)  # whose lock may be held


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)
