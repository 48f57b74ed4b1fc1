"""What tells one rank's training from another's."""

from __future__ import annotations

import copy

import deltarule as dr
from deltarule.distributed.sharded.differences import state_of


def test_one_weight_of_very_many_tells_networks_apart() -> None:
    net = dr.Network([dr.Dense(1500), dr.Dense(1)], input_size=1000, seed=0)
    other = copy.deepcopy(net)
    assert state_of(other) == state_of(net)
    other.parameters[12345] += 1
    differing = [name for name, value in state_of(net).items() if state_of(other)[name] != value]
    assert differing == ["the weights"]
