"""Generators' states as JSON has them."""

import json
from typing import Any

import numpy as np
import pytest

from deltarule._files.generators import generator_from, generator_state, random_state_from
from deltarule.errors import ModelFileError


def state_of(generator: Any) -> Any:
    return json.loads(json.dumps(generator_state(generator)))


@pytest.mark.parametrize("name", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_generators_go_on(name: str) -> None:
    generator = np.random.Generator(getattr(np.random, name)(5))
    old = np.random.RandomState(getattr(np.random, name)(5))
    generator.integers(9, size=3, dtype=np.uint32)
    old.normal(size=3)  # one of a pair is left over
    made = generator_from(state_of(generator), "it")
    assert made.integers(2**60, size=700).tolist() == generator.integers(2**60, size=700).tolist()
    other = random_state_from(state_of(old), "it")
    assert other.normal(size=700).tolist() == old.normal(size=700).tolist()


def test_a_generator_of_one_s_own() -> None:
    class Own:
        bit_generator = type("Bits", (), {"state": {"bit_generator": "Own"}})()

    with pytest.raises(TypeError, match="generator of random numbers is a Own: expected one of"):
        generator_state(Own())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bit_generator": ["PCG64"]}, r"it.bit_generator is \['PCG64'\]: expected one of"),
        ({"state": 3}, r"it.state is 3: expected an object of \['key', 'pos'\]"),
        ({"gauss": float("inf")}, "it.gauss is inf: expected a finite number"),
        ({"has_gauss": 2}, "it.has_gauss is 2: expected a whole number up to 1"),
        ({"more": 2}, "it is .*: expected an object of"),
        ({"state": {"key": [0] * 624, "pos": -1}}, "it.state.pos is -1: expected a whole number"),
        ({"state": {"key": [0.5] * 624, "pos": 0}}, "it.state.key is .*: expected 624 whole num"),
    ],
)
def test_states_that_cannot_be(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        random_state_from(state_of(np.random.RandomState(3)) | change, "it")
    with pytest.raises(ModelFileError, match=r"it\.bit_generator is None: expected"):
        generator_from([], "it")
