"""What an ensemble is made of, checked: networks that go together, and what each of them weighs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import as_array, refuse
from deltarule.network import Network


def expect_networks(networks: Any, where: str) -> tuple[Network, ...]:
    """Hold networks to predicting the same from the same: one or more of them, of any layers."""
    if isinstance(networks, Network) or not isinstance(networks, Iterable):
        raise TypeError(
            f"{where}: networks is a {type(networks).__name__}: expected a list of networks"
        )
    members = tuple(networks)
    if not members:
        raise ValueError(f"{where}: there are no networks: expected one or more")
    for place, network in enumerate(members):
        if not isinstance(network, Network):
            own = ", which its network_ is" * isinstance(
                getattr(network, "network_", None), Network
            )
            raise TypeError(
                f"{where}: networks[{place}] is a {type(network).__name__}: expected a Network{own}"
            )
        if network.inputs is not None:
            raise ValueError(
                f"{where}: networks[{place}] takes raw tables: expected networks of numbers, which "
                "one encoder may stand before"
            )
        for what, value, expected in zip(
            ("inputs", "outputs", "an output activation", "the dtype"),
            _kind(network),
            _kind(members[0]),
            strict=True,
        ):
            if value != expected:
                raise ValueError(
                    f"{where}: networks[{place}] has {_said(what, value)}: expected "
                    f"{_said(what, expected)}, as networks[0] has"
                )
    names_of_inputs(members, where)
    return members


def _kind(network: Network) -> tuple[int, int, str, str]:
    """What all members share."""
    output = network._output
    return network.input_size, output.units, output.activation, network.dtype.name


def _said(what: str, value: Any) -> str:
    return f"{value} {what}" if isinstance(value, int) else f"{what} {value}"


def names_of_inputs(networks: tuple[Network, ...], where: str) -> list[str] | None:
    """What the inputs are called by all networks that have names for them.

    Raises
    ------
    ValueError
        Where two have other names, or another order of them.
    """
    names, by = None, 0
    for place, network in enumerate(networks):
        own = network._feature_names
        if own is None or own == names:
            continue
        if names is not None:
            at = next(
                i for i, (one, other) in enumerate(zip(own, names, strict=True)) if one != other
            )
            raise ValueError(
                f"{where}: networks[{place}].feature_names[{at}] is {own[at]!r:.80}: expected "
                f"{names[at]!r:.80}, as networks[{by}] has; columns have to mean the same to all"
            )
        names, by = own, place
    return names


def as_weights(weights: ArrayLike | None, count: int, where: str) -> Array:
    """Weights, one a member, as fractions of 1."""
    if weights is None:
        return np.full(count, 1 / count)
    given = as_array(weights, where, "weights")
    if given.dtype.kind not in "iuf":
        raise TypeError(f"{where}: weights are {given.dtype}: expected numbers")
    if given.shape != (count,):
        raise ValueError(
            f"{where}: weights have shape {given.shape}: expected ({count},), one a network"
        )
    values = given.astype(np.float64)
    bad = ~(np.isfinite(values) & (values >= 0))
    refuse(values, bad, f"{where}: weights", "expected a finite number, 0 or more")
    largest = values.max()
    if largest == 0:
        raise ValueError(f"{where}: all weights are 0: expected some above 0")
    values /= largest  # so that their sum is finite
    fractions: Array = values / values.sum()
    return fractions
