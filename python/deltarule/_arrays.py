"""Arrays: what they are called in annotations, and memory that is one's own."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]


def aligned_zeros(size: int, dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a cache line, so that vector instructions never straddle one."""
    line = 64
    raw = np.zeros(size * dtype.itemsize + line, np.uint8)
    offset = -raw.ctypes.data % line
    return raw[offset : offset + size * dtype.itemsize].view(dtype)


def own(vector: Array) -> Array:
    """A copy of a vector, to write to: what was unpickled may be read-only, or lie in a file."""
    copy = aligned_zeros(vector.size, vector.dtype)
    copy[:] = vector
    return copy
