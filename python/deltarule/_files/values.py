"""Python's values as JSON has them, and back: parameters, class labels, what callbacks remember.

None, True, False, finite numbers, strings and lists stand for themselves. An object of JSON stands
for what JSON has not:

======================================  =========================================================
``{"float": "nan"}``                    NaN; ``inf`` and ``-inf`` likewise
``{"tuple": [...]}``                    a tuple
``{"dict": [[key, value], ...]}``       a dictionary
``{"array": [...], "dtype": "<U3"}``    a vector of NumPy's
``{"RandomState": {...}}``              NumPy's older kind of generator
``{"Cosine": {"initial": 0.1, ...}}``   an object of the package: a schedule, a loss, an optimizer
======================================  =========================================================

Such objects are those of a fixed table. No name in a file is ever imported.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numpy as np

from deltarule._files.generators import generator_state, random_state_from
from deltarule._files.untrusted import brief
from deltarule.errors import ModelFileError
from deltarule.losses import LOSSES, CustomLoss
from deltarule.optimizers import OPTIMIZERS
from deltarule.schedules import SCHEDULES, Function, Schedule

_OBJECTS: dict[str, Any] = {
    kind.__name__: kind
    for kind in (*SCHEDULES.values(), *LOSSES.values(), *OPTIMIZERS.values())
    if kind is not Function
}
_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DTYPES = {np.dtype(code).str for code in "?bBhHiIqQefd"} | {"|O"}
# An array of strings gives every string the room of the longest.
_MOST_CHARACTERS = 2**20
_MOST_DEPTH = 50


def to_json(value: Any, what: str) -> Any:
    """Turn a value into what JSON has; ``what`` is its name, for the message.

    Raises
    ------
    TypeError
        For what is more than values: functions, callbacks, objects of one's own.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, list):
        return [to_json(item, f"{what}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"tuple": [to_json(item, f"{what}[{index}]") for index, item in enumerate(value)]}
    if isinstance(value, dict):
        return {
            "dict": [[to_json(k, what), to_json(v, f"{what}[{k!r}]")] for k, v in value.items()]
        }
    if isinstance(value, np.ndarray):
        return _array_to_json(value, what)
    if isinstance(value, np.random.RandomState):
        return {"RandomState": generator_state(value)}
    kind = type(value)
    if _OBJECTS.get(kind.__name__) is kind:
        names = [each.name for each in fields(value) if each.init]
        return {
            kind.__name__: {name: to_json(getattr(value, name), f"{what}.{name}") for name in names}
        }
    inner = (
        getattr(value, "function", value) if isinstance(value, (CustomLoss, Function)) else value
    )
    raise TypeError(
        f"save: {what} is {inner!r}: expected numbers, strings or the package's own objects, as "
        "code is not written to a file; set it to something else before, such as None or its "
        "default, and set it again after load"
    )


def _array_to_json(array: Any, what: str) -> dict[str, Any]:
    little = array.dtype.newbyteorder("<") if array.dtype.kind != "O" else array.dtype
    if array.ndim != 1 or not (little.str in _DTYPES or little.kind == "U"):
        raise TypeError(
            f"save: {what} is an array of {array.dtype} and {array.ndim} dimensions: expected a "
            "vector of numbers or strings"
        )
    if little.kind == "U" and array.size * array.itemsize > 4 * _MOST_CHARACTERS:
        raise ValueError(
            f"save: {what} has {array.size} strings of up to {array.itemsize // 4} characters: "
            f"expected {_MOST_CHARACTERS} characters in all or fewer; shorter ones"
        )
    values = [to_json(item, f"{what}[{index}]") for index, item in enumerate(array.tolist())]
    if any(isinstance(item, (list, dict)) for item in values) and little.kind == "O":
        raise TypeError(f"save: {what} is an array of objects: expected numbers or strings")
    return {"array": values, "dtype": little.str}


def from_json(value: Any, what: str, depth: int = 0) -> Any:
    """Turn what `to_json` made into the value again.

    Raises
    ------
    ModelFileError
        For what it does not make.
    """
    if depth > _MOST_DEPTH:
        raise ModelFileError(f"{what} is nested too deeply")
    if isinstance(value, list):
        return [from_json(item, f"{what}[{i}]", depth + 1) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    if set(value) == {"array", "dtype"}:
        return _array_from_json(value["array"], value["dtype"], what, depth)
    if len(value) != 1:
        raise ModelFileError(f"{what} is {brief(value)}: expected an object of one name")
    [(kind, content)] = value.items()
    if kind == "float" and type(content) is str and content in _FLOATS:
        return _FLOATS[content]
    if kind == "tuple" and isinstance(content, list):
        return tuple(from_json(content, what, depth + 1))
    if kind == "dict" and isinstance(content, list):
        return _dict_from_json(content, what, depth)
    if kind == "RandomState":
        return random_state_from(content, what)
    if kind in _OBJECTS and isinstance(content, dict):
        return _object_from_json(kind, content, what, depth)
    raise ModelFileError(
        f"{what} is {brief(value)}: expected a value, or an object whose one name is float, tuple, "
        f"dict, RandomState or one of {sorted(_OBJECTS)}"
    )


def _dict_from_json(pairs: list[Any], what: str, depth: int) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ModelFileError(f"{what} has {brief(pair)}: expected a key and a value")
        key = from_json(pair[0], what, depth + 1)
        # Longer integers may all have the same hash, and a dictionary of such takes for ever.
        short = isinstance(key, int) and -(2**63) <= key < 2**64
        if not (short or key is None or isinstance(key, (float, str))):
            raise ModelFileError(
                f"{what} has the key {brief(key)}: expected a number of 64 bits or a string"
            )
        if key in found:
            raise ModelFileError(f"{what} has the key {brief(key)} twice")
        found[key] = from_json(pair[1], f"{what}[{brief(key)}]", depth + 1)
    return found


def _object_from_json(kind: str, content: dict[str, Any], what: str, depth: int) -> Any:
    known = {each.name for each in fields(_OBJECTS[kind]) if each.init}
    if not set(content) <= known:
        raise ModelFileError(f"{what}: {kind} has no {brief(sorted(set(content) - known))}")
    given = {name: from_json(item, f"{what}.{name}", depth + 1) for name, item in content.items()}
    try:
        with np.errstate(all="ignore"):
            made = _OBJECTS[kind](**given)
            if isinstance(made, Schedule):
                made(0)  # what it is made of is not all looked at before
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ModelFileError(f"{what}: {error}") from error
    return made


def _array_from_json(values: Any, dtype: Any, what: str, depth: int) -> Any:
    values = from_json(values, what, depth + 1)
    strings = type(dtype) is str and dtype[:2] == "<U" and dtype[2:].isdecimal()
    if not isinstance(values, list) or type(dtype) is not str:
        raise ModelFileError(f"{what} is no array: expected a list and a dtype")
    if not strings and dtype not in _DTYPES:
        raise ModelFileError(f"{what}.dtype is {brief(dtype)}: expected strings or numbers")
    if strings and (len(dtype) > 9 or len(values) * int(dtype[2:]) > _MOST_CHARACTERS):
        raise ModelFileError(
            f"{what} has {len(values)} strings of {brief(dtype)}: expected {_MOST_CHARACTERS} "
            "characters in all or fewer"
        )
    try:
        array = np.empty(len(values), dtype)
        for index, value in enumerate(values):
            if type(value) not in _PYTHON_TYPES[array.dtype.kind]:
                raise TypeError(f"{brief(value)} among values of {array.dtype}")
            if strings and len(value) > int(dtype[2:]):
                raise ValueError(f"{brief(value)} is longer than {dtype}")
            with np.errstate(all="ignore"):
                array[index] = value
    except (TypeError, ValueError, OverflowError) as error:
        raise ModelFileError(f"{what}: {error}") from error
    return array.astype(array.dtype.newbyteorder("="), copy=False)


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "b": (bool,),
    "i": (int,),
    "u": (int,),
    "f": (int, float),
    "U": (str,),
    "O": (type(None), bool, int, float, str),
}
