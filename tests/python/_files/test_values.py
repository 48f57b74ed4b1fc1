"""Python's values as JSON has them, there and back."""

import json
import math
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule import schedules
from deltarule._files.values import from_json, to_json
from deltarule.errors import ModelFileError


def back(value: Any) -> Any:
    return from_json(json.loads(json.dumps(to_json(value, "it"), allow_nan=False)), "it")


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        -3,
        0.1,
        1e-320,
        math.inf,
        -math.inf,
        "zwölf\n",
        [],
        [1, [2.5, "x"]],
        (1, (2, [])),
        {},
        {1: "a", "1": (2,), 1.5: None, True and "t": [{}]},
        dr.Huber(0.5),
        dr.Quantile([0.1, 0.9]),
        schedules.WarmUp(schedules.OneCycle(0.1, 9, per="epoch"), 3),
        schedules.MultiStep(0.1, (2, 3)),
    ],
)
def test_values_come_back(value: Any) -> None:
    found = back(value)
    assert found == value
    assert type(found) is type(value)


def test_nan() -> None:
    assert math.isnan(back(math.nan))


@pytest.mark.parametrize("value", [np.int8(3), np.float32(0.1), np.bool_(True), np.str_("x")])
def test_numpy_s_scalars_become_python_s(value: Any) -> None:
    assert back(value) == value.item()
    assert type(back(value)) is type(value.item())


@pytest.mark.parametrize(
    "array",
    [
        np.array([1, -2], np.int8),
        np.array([2**64 - 1], np.uint64),
        np.array([0.1, np.nan, np.inf], np.float32),
        np.array([], np.float64),
        np.array([True, False]),
        np.array(["a", "", "zwölf"]),
        np.array(["a"], "<U40"),
        np.array(["a", None, 3, 2.5, True], object),
    ],
)
def test_vectors_come_back(array: Any) -> None:
    found = back(array)
    assert found.dtype == array.dtype
    assert repr(found.tolist()) == repr(array.tolist())
    assert back(array.astype(array.dtype.newbyteorder(">"))).dtype == array.dtype


def test_an_optimizer_comes_back_without_its_state() -> None:
    optimizer = dr.RMSprop(schedules.Exponential(0.1, 0.9), momentum=0.5)
    assert repr(back(optimizer)) == repr(optimizer)


@pytest.mark.parametrize(
    "value",
    [
        len,
        lambda: 3,
        object(),
        dr.CustomLoss(lambda A, Y: (A, Y)),
        schedules.Function(lambda step: 0.1),
        b"bytes",
        {1, 2},
        3j,
        np.array([object()]),
        np.array([[1]]),
        np.array([1j]),
        np.array(["2020-01-01"], "datetime64[D]"),
        type("Cosine", (), {})(),
    ],
)
def test_what_is_more_than_a_value(value: Any) -> None:
    with pytest.raises(TypeError, match=r"save: it(\[0\])? is .*: expected"):
        to_json(value, "it")


def test_strings_that_would_take_too_much_room() -> None:
    with pytest.raises(ValueError, match="it has 2001 strings of up to 1000 characters"):
        to_json(np.array(["a" * 1000] + ["b"] * 2000), "it")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "expected an object of one name"),
        ({"a": 1, "b": 2}, "expected an object of one name"),
        ({"float": 3}, "expected a value"),
        ({"float": []}, "expected a value"),
        ({"tuple": 3}, "expected a value"),
        ({"__import__": {"os": {}}}, "expected a value"),
        ({"Function": {"function": {}}}, "expected a value"),
        ({"dict": [[1]]}, r"it has \[1\]: expected a key and a value"),
        ({"dict": [[[], 1]]}, r"it has the key \[\]: expected a number of 64 bits"),
        ({"dict": [[2**64, 1]]}, "it has the key 18446744073709551616: expected a number of 64 b"),
        ({"dict": [[1, 1], [1, 2]]}, "it has the key 1 twice"),
        ({"Huber": {"delta": -1}}, "it: Huber: delta is -1: expected a finite number above 0"),
        ({"Huber": {"gamma": 1}}, r"it: Huber has no \['gamma'\]"),
        ({"Huber": {"delta": {"Huber": {}}}}, "it: Huber: delta is Huber"),
        ({"Quantile": {}}, "it: .*missing 1 required positional argument"),
        ({"Adam": {"_counter": 1}}, r"it: Adam has no \['_counter'\]"),
        ({"Adam": {"learning_rate": {"Constant": {"initial": "x"}}}}, "it.learning_rate: Constant"),
        ({"MultiStep": {"initial": 1.0, "milestones": [2**70]}}, "it: .*int"),
        ({"array": 3, "dtype": "<i8"}, "it is no array"),
        ({"array": [1], "dtype": "<M8[s]"}, "it.dtype is '<M8.s.': expected strings or numbers"),
        ({"array": ["a"], "dtype": "<U2000000000"}, "it has 1 strings of"),
        ({"array": ["a"] * 2000, "dtype": "<U999999"}, "it has 2000 strings of"),
        ({"array": ["abc"], "dtype": "<U2"}, "'abc' is longer than <U2"),
        ({"array": [300], "dtype": "|i1"}, "it: .*300"),
        ({"array": [True], "dtype": "<i8"}, "True among values of int64"),
        ({"array": [[1]], "dtype": "|O"}, r"\[1\] among values of object"),
    ],
)
def test_what_is_no_value(value: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        from_json(value, "it")


def test_what_is_nested_too_deeply() -> None:
    deep: Any = []
    for _ in range(60):
        deep = [deep]
    with pytest.raises(ModelFileError, match="nested too deeply"):
        from_json(deep, "it")
