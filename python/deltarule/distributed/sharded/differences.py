"""What must be the same on every rank, held to it before anything is written."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from deltarule import _core
from deltarule._files.architecture import described
from deltarule._training.examples import Given
from deltarule._training.hooks import speaks
from deltarule._version import __version__
from deltarule.distributed.digest import digest
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.errors import DistributedError
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

_SAME_NETWORKS = "networks of the same seed, or loaded from the same file"
# What is said only to differ, and what mends it.
_DIGESTS = {
    "the weights": _SAME_NETWORKS,
    "the statistics": _SAME_NETWORKS,
    "the average of the weights": _SAME_NETWORKS,
    "the generator": _SAME_NETWORKS,
    "the inputs": "the same encoder, loaded from the same file",
    "the optimizer's state": "a new optimizer on every rank, or the same checkpoint",
    "the kernels": "the same on every rank: DELTARULE_ISA=avx2 forces some",
}
# Options that are compared as they are, and those of which it is compared that they are given.
_OPTIONS = (
    *("epochs", "batch_size", "shuffle", "clip_value", "clip_norm", "average"),
    *("validation_split", "class_weight", "steps_per_epoch"),
)
_OF_ROWS = ("sample_weight", "validation_data", "resume")


def on_every_rank(shards: int) -> dict[str, Any]:
    """What must be the same whatever is trained."""
    return {"deltarule": __version__, "the kernels": _core.isa, "shards": shards}


def state_of(network: BareNetwork) -> dict[str, Any]:
    """What a training changes, in few digits."""
    return {
        "the weights": digest(network.parameters, whole=True),
        "the statistics": digest(network.statistics, whole=True),
        "the average of the weights": digest(network.average, whole=True),
        "the generator": digest([network._generator, network._pass.seed, network._pass.number]),
    }


def description(network: BareNetwork, given: Given, shards: int) -> dict[str, Any]:
    """All of a training that is not its examples, in words."""
    optimizer = given.optimizer
    callbacks = [type(each).__name__ for each in given.callbacks if not speaks(each)]
    return {
        **on_every_rank(shards),
        "dtype": network.dtype.name,
        "input_size": network.input_size,
        "layers": json.dumps(described(network._descriptions)),
        "the layers' rules": repr([layer.rule() for layer in network.layers]),
        "feature_names": network.feature_names,
        "the inputs": digest(network.inputs and network.inputs.to_state(), whole=True),
        "loss": _named(given.loss),
        "optimizer": _named(optimizer),
        "the optimizer's state": (
            digest([optimizer.step, optimizer.epochs, optimizer.state], whole=True)
            if isinstance(optimizer, Optimizer)
            else "new"
        ),
        **state_of(network),
        **{name: getattr(given, name) for name in _OPTIONS},
        **{name: "not " * (getattr(given, name) is None) + "given" for name in _OF_ROWS},
        "metrics": _named(given.metrics),
        "callbacks": callbacks,
    }


def expect_same(meeting: Meeting, mine: dict[str, Any], mended_by: str = "") -> None:
    """Refuse what differs from one rank to another, by its name.

    ``mended_by`` says what to do, if it is not the usual.

    Raises
    ------
    DistributedError
        On every rank.
    """
    first, *others = meeting.told("the start", mine)
    for rank, other in enumerate(others, 1):
        for name in first:
            if first[name] == other[name]:
                continue
            if name in _DIGESTS:
                mends = mended_by or _DIGESTS[name]
                what = f"{name} of rank {rank} are not rank 0's: expected {mends}"
            else:
                what = (
                    f"{name} is {other[name]} on rank {rank} and {first[name]} on rank 0: expected "
                    "the same on every rank"
                )
            raise DistributedError(f"fit: {what}")


def _named(value: Any) -> str:
    """What a value is called on any rank: without the place where it lies."""
    text = getattr(value, "__qualname__", None) or repr(value)
    return re.sub(r" at 0x[0-9a-f]+", "", text)
