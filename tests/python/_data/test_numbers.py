"""Numbers of any real type are the same numbers to the core, in its own types."""

import numpy as np
import pytest

from deltarule._data.numbers import in_place, numbers
from support import assert_same_bits

READ = ["f4", "f8", "u1", "i4", "i8"]
INTEGERS = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4"]
FLOATS = ["f2", "f4", "f8"]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
def test_no_number_is_another(dtype: str, order: str) -> None:
    bounds = {"?": (0, 1)}.get(dtype) or (
        (np.finfo(dtype).min, np.finfo(dtype).max)
        if dtype in FLOATS
        else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    )
    array = np.array([*bounds, 0, 1], dtype).astype(np.dtype(dtype).newbyteorder(order))
    held = numbers(array)
    assert held.dtype in [np.dtype(each) for each in READ]
    assert [int(v) if dtype in INTEGERS else float(v) for v in held] == array.tolist()


@pytest.mark.parametrize("order", "<>")
def test_the_largest_of_uint64_are_rounded(order: str) -> None:
    array = np.array([2**63 - 1, 2**63, 2**63 + 5, 2**64 - 1, 7], f"{order}u8")
    assert numbers(array).tolist() == [2.0**63, 2.0**63, 2.0**63, 2.0**64, 7.0]


@pytest.mark.parametrize("dtype", READ)
def test_what_the_core_reads_is_not_copied(dtype: str) -> None:
    array = np.ones((4, 3), dtype)[::2, ::-1]
    assert numbers(array) is array
    assert in_place(array) is array


def test_truth_values_are_read_as_bytes() -> None:
    array = np.array([True, False])
    assert np.shares_memory(numbers(array), array)
    assert numbers(array).tolist() == [1, 0]


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "f2"])
def test_what_is_unaligned_is_copied(dtype: str) -> None:
    records = np.zeros(5, [("before", "u1"), ("x", dtype)])
    records["x"] = np.arange(5)
    assert in_place(records["x"]) is None
    expected = np.arange(5, dtype="f4" if dtype == "f2" else dtype)
    assert_same_bits(numbers(records["x"]), expected)
