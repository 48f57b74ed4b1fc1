"""Single arguments of the building blocks, held to what they must be: arrays, sizes, numbers."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import (
    NO_ALIASES,
    as_array,
    did_you_mean,
    expect_in_range,
    is_number,
    name_of,
)


def described(value: object) -> str:
    """A value by its type and length."""
    size = f" of {len(value)}" if isinstance(value, (list, tuple)) else ""
    return f"{type(value).__name__}{size}"


def listing(mapping: Mapping[str, object]) -> str:
    """A mapping's keys, for a message."""
    return ", ".join(map(str, mapping)) or "no keys"


def real(where: str, name: str, value: object) -> Array:
    """An array of real numbers, as it lies: never a copy of one."""
    if isinstance(value, tuple) and any(isinstance(part, np.ndarray) for part in value):
        raise TypeError(
            f"{where}: {name} is {described(value)}: expected an array; a forward step returns it "
            "and its caches, as in AL, caches = L_model_forward(X, parameters)"
        )
    array = as_array(value, where, name)
    if array.dtype.kind not in "buif":
        raise TypeError(
            f"{where}: {name} is an array of {array.dtype}: "
            "expected real numbers: float32, float64, integers or bools"
        )
    return array


def matrix(where: str, name: str, value: Any) -> Array:
    """Two dimensions of real numbers, neither of them 0."""
    array: Array = value if is_ready(value) else real(where, name, value)
    if array.ndim != 2 or array.size == 0:
        raise ValueError(
            f"{where}: {name} is {array.shape}: expected two dimensions, neither of them 0"
        )
    return array


def require_shape(
    where: str,
    name: str,
    array: Array,
    other_name: str,
    other: Array,
    shape: tuple[int | str, ...],
    *,
    turned: bool = True,
) -> None:
    """`array` must have `shape`, which follows from `other`; a name in it stands for any number.

    `turned` is whether to say where the transposed array would have it.
    """
    if not _is_of(shape, array):
        raise ValueError(
            f"{where}: {name} is {array.shape} but {other_name} is {other.shape}: "
            f"expected {name} ({', '.join(map(str, shape))})"
            + (f"; {name}.T would fit" if turned and _is_of(shape, array.T) else "")
        )


def _is_of(shape: tuple[int | str, ...], array: Array) -> bool:
    return array.ndim == len(shape) and all(
        isinstance(expected, str) or expected == got
        for expected, got in zip(shape, array.shape, strict=True)
    )


def choice(
    where: str,
    name: str,
    value: object,
    choices: Sequence[str] | Mapping[str, Any],
    aliases: Mapping[str, str] = NO_ALIASES,
) -> str:
    """One of several names."""
    found = name_of(value, choices, aliases) if isinstance(value, str) else None
    if found is None or found not in choices:
        raise ValueError(
            f"{where}: {name} is {value!r}: expected one of {', '.join(choices)}"
            f"{did_you_mean(value, choices, aliases)}"
        )
    return found


def size_of(where: str, name: str, value: int) -> int:
    """A size, 1 or more."""
    try:
        size = operator.index(value)
    except TypeError:
        raise TypeError(f"{where}: {name} is {value!r}: expected an integer") from None
    if size < 1:
        raise ValueError(f"{where}: {name} is {value!r}: expected an integer of at least 1")
    return size


def finite_number(where: str, name: str, value: float) -> float:
    """A finite number."""
    if type(value) is float and math.isfinite(value):
        return value
    if not is_number(value):
        raise TypeError(f"{where}: {name} is {described(value)}: expected a number")
    return expect_in_range(value, f"{where}: {name}")


def number_between(where: str, name: str, value: float, least: float, below: float) -> float:
    """A number from ``least`` on, below another."""
    if not is_number(value):
        raise TypeError(f"{where}: {name} is {described(value)}: expected a number")
    return expect_in_range(value, f"{where}: {name}", least=least, below=below)


_SINGLE, _DOUBLE = np.dtype(np.float32), np.dtype(np.float64)


def is_ready(array: object) -> TypeGuard[Array]:
    """Whether it is a matrix that the core reads as it is, but for its order in memory."""
    # What is not goes through the checks that say why. This is asked of the arrays of every call.
    return (
        type(array) is np.ndarray
        and (array.dtype is _DOUBLE or array.dtype is _SINGLE)
        and array.ndim == 2
        and array.flags.aligned
    )


def dtype_of(arrays: Iterable[Array]) -> np.dtype[Any]:
    """The dtype of a call: float32 if all of its arrays are, else float64."""
    for array in arrays:
        # The type and not the dtype, which knows byte orders.
        if array.dtype.type is not np.float32:
            return _DOUBLE
    return _SINGLE


def as_dtype(dtype: np.dtype[Any], array: Array) -> Array:
    """An array as the core reads it in place."""
    # Column-major is what the core reads in place, and what it makes: a chain of blocks copies
    # nothing.
    array = np.asarray(array, dtype, "F")
    return array if array.flags.aligned else array.copy(order="F")
