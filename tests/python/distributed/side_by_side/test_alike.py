"""The same comes to the same few digits, and anything else to others."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.distributed.digest import digest
from deltarule.distributed.side_by_side.alike import described, first_difference
from deltarule.ensembles.machines import Task
from support import network, of_every_kind


class Own:
    def __init__(self, **values: Any) -> None:
        vars(self).update(values)


SOME: list[Any] = [
    *(None, True, 1, 1.0, "1", b"1", [1], (1,), [1, 2], [2, 1], {"a": 1}, {"a": 2}, {1, 2}),
    *(np.arange(3), np.arange(3.0), np.arange(4), np.array(["a", None], object)),
    *(np.random.default_rng(0), np.random.default_rng(1), digest, first_difference, dr.Adam),
    *(dr.Adam(), dr.Adam(0.1), dr.SGD(), Own(a=1), Own(a=2), network([2, 3]), of_every_kind()),
]


def test_what_differs_has_other_digits() -> None:
    assert len({digest(each) for each in SOME}) == len(SOME)


@pytest.mark.parametrize("value", SOME, ids=lambda value: type(value).__name__)
def test_a_copy_has_the_same_digits(value: Any) -> None:
    """One that comes from another program, too."""
    assert digest(copy.deepcopy(value)) == digest(value)
    if not isinstance(value, Own):
        assert digest(pickle.loads(pickle.dumps(value))) == digest(value)


def test_what_contains_itself_has_an_end() -> None:
    own = Own()
    own.own = own
    assert digest(own) == digest(copy.deepcopy(own))


def test_of_a_large_array_some_rows_are_looked_at() -> None:
    large = np.zeros((1 << 20, 8), np.float32)
    other = large.copy()
    other[-1, 0] = 1
    assert digest(large) != digest(other)
    assert digest(large) != digest(large[:-1])


def test_a_table_goes_by_its_columns_and_rows() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert digest(frame) == digest(frame.copy())
    assert digest(frame) != digest(frame.rename(columns={"a": "c"}))
    assert digest(frame) != digest(frame[::-1])


def test_the_first_difference_has_a_name() -> None:
    assert first_difference({"a": "1", "b": "2"}, {"a": "1", "b": "2"}) is None
    assert first_difference({"a": "1", "b": "2"}, {"a": "1", "b": "3"}) == "b"
    assert first_difference({"a": "1"}, {"a": "1", "c": "3"}) == "c"


def test_of_weights_all_are_looked_at() -> None:
    large = network([1000, 1500])
    before, other = described_weights(large), copy.deepcopy(large)
    other.parameters[12345] += 1
    assert described_weights(large) == before
    assert described_weights(other) != before


def described_weights(net: dr.Network) -> str:
    task = Task([net], np.zeros((4, 1000)), np.zeros((4, 1500)), [], [None], None, False)
    return described(task)["networks[0]"]
