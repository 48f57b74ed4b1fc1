"""Numbers of any real type, as the core reads them."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._arrays import Array

# What the core reads as it is, batch by batch, whatever its strides.
_READ_IN_PLACE = tuple(np.dtype(name) for name in ("f4", "f8", "u1", "i4", "i8"))


def in_place(array: Array) -> Array | None:
    """The caller's own memory, of a type that the core reads; None where it takes a copy."""
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    return array if array.dtype in _READ_IN_PLACE and array.flags.aligned else None


def numbers(array: Array) -> Array:
    """Make an array of a type that the core reads: the caller's own memory if it can be."""
    held = in_place(array)
    return array.astype(type_of_copy(array.dtype)) if held is None else held


def type_of_copy(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The smallest type that the core reads and that holds the same numbers.

    The largest of uint64, of either order of bytes, are no int64: they are rounded to float64.
    """
    size = dtype.itemsize
    if dtype.kind == "f":
        return np.dtype(np.float32 if size <= 4 else np.float64)
    if dtype.kind == "u" and size == 8:
        return np.dtype(np.float64)
    return np.dtype(np.int32 if size < 4 or (dtype.kind == "i" and size == 4) else np.int64)
