"""A value in a few digits, which are the same on any machine for what is the same."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any

import numpy as np

from deltarule._arrays import Array, spread_out

# Bytes of an array that are all read, and rows that are looked at of one that is larger.
_WHOLE, _ROWS = 1 << 22, 256


def digest(value: Any, *, whole: bool = False) -> str:
    """A few digits, the same for what is the same.

    Of a large array some rows are looked at, as it may be a file's; all of it where ``whole`` is
    asked for, as of weights, of which any one may differ.
    """
    hashed = hashlib.blake2b(digest_size=6)
    for part in _parts(value, set(), whole):
        hashed.update(part)
        hashed.update(b"\0")
    return hashed.hexdigest()


def _parts(value: Any, above: set[int], whole: bool) -> Any:
    """What a value is made of, as bytes; what contains itself ends there."""
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        yield f"{type(value).__name__} {value!r}".encode()
    elif isinstance(value, np.ndarray):
        yield from _of_array(value, above, whole)
    elif isinstance(value, (np.generic, np.dtype)):
        yield repr(value).encode()
    elif isinstance(value, (type, FunctionType, BuiltinFunctionType, MethodType)):
        yield f"{value.__module__}.{value.__qualname__}".encode()
    elif id(value) not in above:
        yield type(value).__qualname__.encode()
        for part in _inside(value):
            yield from _parts(part, above | {id(value)}, whole)


def _of_array(array: Array, above: set[int], whole: bool) -> Any:
    yield f"{array.dtype.str} {array.shape}".encode()
    if not whole and array.nbytes > _WHOLE and len(array) > _ROWS:
        array = array[spread_out(len(array), _ROWS)]
    if array.dtype.hasobject:
        yield from _parts(array.tolist(), above, whole)
    else:
        yield np.ascontiguousarray(array).tobytes()


def _inside(value: Any) -> list[Any]:
    """The parts of an object; of one that tells nothing of them, none."""
    if isinstance(value, (list, tuple)):
        return list(value)
    if isinstance(value, dict):
        pairs = sorted(value.items(), key=lambda pair: repr(pair[0]))
        return [each for pair in pairs for each in pair]
    if isinstance(value, (set, frozenset)):
        return sorted(map(repr, value))
    if isinstance(value, np.random.Generator):
        return [value.bit_generator.state]
    if hasattr(value, "columns") and hasattr(value, "__array__"):  # a table
        some = value[:_ROWS] if not hasattr(value, "iloc") else value.iloc[:_ROWS]
        return [list(map(str, value.columns)), list(value.shape), np.asarray(some)]
    if type(value).__module__.startswith("deltarule") or hasattr(value, "__dict__"):
        with suppress(Exception):  # of some there is none
            state = value.__getstate__()
            return [state] if isinstance(state, (dict, tuple)) else []
    return []
