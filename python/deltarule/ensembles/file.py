"""Ensembles in files: each member as a file of its own would have it, and what it weighs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import MutableMapping, Sequence
from typing import Any, TypeVar

import numpy as np

from deltarule._arrays import Array
from deltarule._files.atomic import PathLike
from deltarule._files.models import Model, expect_no_more, network_from, network_state, write
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.network import Network

AnyEnsemble = TypeVar("AnyEnsemble")
KIND = "ensemble"
_PREFIX = "networks."
# Weights in a file are fractions of 1, but for rounding.
_ROUNDING = 1e-9


def save(networks: Sequence[Network], weights: Array, path: PathLike) -> None:
    """Write an ensemble to a file; ``Ensemble.save`` says more."""
    tensors: dict[str, Array] = {}
    described = ensemble_state(networks, weights, tensors)
    write(path, KIND, tensors, {KIND: described}, {})


def ensemble_state(
    networks: Sequence[Network], weights: Array, tensors: MutableMapping[str, Array]
) -> dict[str, Any]:
    """Put the members' numbers among a file's tensors, and hand back the rest of what they are."""
    contents = []
    for place, network in enumerate(networks):
        own, content = network_state(network)
        tensors.update({f"{_PREFIX}{place}.{name}": tensor for name, tensor in own.items()})
        contents.append(content)
    return {"weights": weights.tolist(), "networks": contents}


def ensemble_from(model: Model, kind: type[AnyEnsemble]) -> AnyEnsemble:
    """Make a file's ensemble of a class, and take all that it is out of the file."""
    networks, weights = _members(model)
    ensemble = kind.__new__(kind)
    try:
        ensemble.__setstate__({"networks": networks, "weights": weights})  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ModelFileError(str(error)) from error
    return ensemble


def _members(model: Model) -> tuple[list[Network], Array]:
    """Make a file's networks, each of what belongs to it, and take their weights."""
    described = model.part(KIND)
    contents = described.get("networks")
    if not isinstance(contents, list) or not contents:
        raise ModelFileError(f"networks is {brief(contents)}: expected one or more of them")
    weights = _weights(described.get("weights"), len(contents))
    tensors = _by_member(model)
    networks = []
    for place, content in enumerate(contents):
        own = Model("network", tensors.pop(str(place), {}), {"network": content})
        try:
            networks.append(network_from(own, Network))
            expect_no_more(own)
        except ModelFileError as error:
            raise ModelFileError(f"{_PREFIX}{place}: {error}") from error.__cause__
    for other, more in tensors.items():
        model.tensors |= {f"{_PREFIX}{other}.{name}": tensor for name, tensor in more.items()}
    return networks, weights


def _by_member(model: Model) -> dict[str, dict[str, Array]]:
    """Take the members' tensors out of a file's, by the member's number and their own names."""
    found: dict[str, dict[str, Array]] = defaultdict(dict)
    for name in [each for each in model.tensors if each.startswith(_PREFIX)]:
        place, _, own = name.removeprefix(_PREFIX).partition(".")
        found[place][own] = model.tensors.pop(name)
    return dict(found)


def _weights(given: Any, count: int) -> Array:
    numbers = isinstance(given, list) and all(type(value) in (int, float) for value in given)
    if numbers and len(given) == count and all(0 <= value <= 1 for value in given):
        weights = np.array(given, np.float64)
        if abs(weights.sum() - 1) < _ROUNDING:
            return weights
    raise ModelFileError(
        f"weights is {brief(given)}: expected {count} numbers, 0 or more, that add up to 1"
    )
