"""Arrays: what they are called in annotations, and memory that is one's own."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from deltarule import _core

Array: TypeAlias = NDArray[Any]


def aligned_zeros(size: int, dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a cache line, so that vector instructions never straddle one."""
    raw = np.zeros(size + 64 // dtype.itemsize, dtype)
    offset = _core.bytes_to_line(raw) // dtype.itemsize
    return raw[offset : offset + size]


def own(vector: Array) -> Array:
    """A copy of a vector, to write to: what was unpickled may be read-only, or lie in a file."""
    copy = aligned_zeros(vector.size, vector.dtype)
    copy[:] = vector
    return copy


def spread_out(m: int, most: int) -> Array:
    """Places from all over m rows, in their order: all of them, or so many at most."""
    return np.linspace(0, m - 1, min(m, most)).astype(np.int64)


def all_finite(flat: Array) -> bool:
    """Whether no number of a flat vector, of float32 or float64, is NaN or Inf."""
    return _core.find_non_finite(flat[np.newaxis], flat.dtype) is None
