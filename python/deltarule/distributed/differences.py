"""What must be the same on every rank, held to it before anything is written."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from deltarule import _core
from deltarule._arrays import Array
from deltarule._files.architecture import described
from deltarule._files.generators import generator_state
from deltarule._files.inputs import inputs_state
from deltarule._training.examples import Given
from deltarule._training.hooks import speaks
from deltarule._version import __version__
from deltarule.distributed.meeting import Meeting
from deltarule.errors import DistributedError
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

# What is said only to differ, and what mends it.
_HASHES = {
    "the weights": "networks of the same seed, or loaded from the same file",
    "the statistics": "networks of the same seed, or loaded from the same file",
    "the average of the weights": "networks loaded from the same file",
    "the inputs": "the same encoder, loaded from the same file",
    "the generator": "networks of the same seed, or loaded from the same file",
    "the optimizer's state": "a new optimizer on every rank, or the same checkpoint",
    "the kernels": "the same on every rank: DELTARULE_ISA=avx2 forces some",
}


def on_every_rank(shards: int) -> dict[str, Any]:
    """What must be the same whatever is trained."""
    return {"deltarule": __version__, "the kernels": _core.isa, "shards": shards}


def description(network: BareNetwork, given: Given, shards: int) -> dict[str, Any]:
    """All of a training that is not its examples, in words."""
    optimizer = given.optimizer
    state = "new"
    if isinstance(optimizer, Optimizer):
        state = f"{optimizer.step} {optimizer.epochs} {_hash(optimizer.state)}"
    found = (
        on_every_rank(shards)
        | {
            "dtype": network.dtype.name,
            "input_size": network.input_size,
            "layers": json.dumps(described(network._descriptions)),
            "the layers' rules": repr([layer.rule() for layer in network.layers]),
            "feature_names": network.feature_names,
            "the inputs": _of_inputs(network),
            "loss": _named(given.loss),
            "optimizer": _named(optimizer),
            "the optimizer's state": state,
        }
        | state_of(network)
    )
    for name in ("epochs", "batch_size", "shuffle", "clip_value", "clip_norm", "average"):
        found[name] = getattr(given, name)
    for name in ("validation_split", "class_weight", "steps_per_epoch"):
        found[name] = getattr(given, name)
    for name in ("sample_weight", "validation_data", "resume"):
        found[name] = "given" if getattr(given, name) is not None else "not given"
    found["metrics"] = _named(given.metrics)
    callbacks = [each for each in given.callbacks if not speaks(each)]
    found["callbacks"] = [type(each).__name__ for each in callbacks]
    return found


def state_of(network: BareNetwork) -> dict[str, Any]:
    """What a training changes, in few bytes."""
    return {
        "the weights": _hash(network.parameters),
        "the statistics": _hash(network.statistics),
        "the average of the weights": _hash(network.average),
        "the generator": _of_json(generator_state(network._generator))
        + f" {network._pass.seed} {network._pass.number}",
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
            if name in _HASHES:
                mends = mended_by or _HASHES[name]
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


def _of_inputs(network: BareNetwork) -> str:
    """What stands before the first layer, if something does."""
    if network.inputs is None:
        return ""
    tensors: dict[str, Array] = {}
    words = _of_json(inputs_state(network.inputs, tensors))
    return words + "".join(name + _hash(tensor) for name, tensor in sorted(tensors.items()))


def _hash(array: Array | None) -> str:
    return "" if array is None else hashlib.sha256(array.tobytes()).hexdigest()


def _of_json(state: Any) -> str:
    return json.dumps(state, sort_keys=True, default=str)
