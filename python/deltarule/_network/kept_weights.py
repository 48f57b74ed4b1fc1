"""The numbers that make a network what it is: kept, and put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deltarule._arrays import Array

if TYPE_CHECKING:
    from collections.abc import Mapping

    from deltarule._network.bare import BareNetwork


def weights_of(network: BareNetwork) -> dict[str, Array]:
    """The flat vectors by name, live: parameters, statistics, and the average if there is one."""
    vectors = {"parameters": network.parameters, "statistics": network.statistics}
    return vectors if network.average is None else vectors | {"average": network.average}


def copy_of_weights(network: BareNetwork) -> dict[str, Array]:
    """The same vectors, as they are now."""
    return {name: vector.copy() for name, vector in weights_of(network).items()}


def put_back(network: BareNetwork, kept: Mapping[str, Array]) -> None:
    """Give a network the numbers that were kept."""
    live = weights_of(network)
    for name, vector in kept.items():
        live[name][:] = vector
