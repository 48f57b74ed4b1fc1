"""What holds numbers and no names: an array over a tensor's or a buffer's own memory, or a list's.

None of the libraries that make them is imported. What a thing is, is told by what it can do.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import as_array


def real(array: Array, where: str, what: str) -> Array:
    """Hold an array to real numbers."""
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where}: {what} is {array.dtype}: expected real numbers (float32 and float64 are "
            "taken as they are)"
        )
    return array


def array_of(values: Any, where: str, what: str) -> Array:
    """An array over the numbers' own memory, or of a list's; NaN where one is masked."""
    # numpy.ma is imported at its first mention; where nobody has, there are no masked arrays.
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):
        masked: Any = real(values, where, what)
        held: Array = masked.data if not masked.mask.any() else masked.astype("f8").filled(np.nan)
        return held
    if isinstance(values, np.ndarray):
        return real(np.asarray(values), where, what)
    if hasattr(values, "__dlpack__"):
        return real(_of_tensor(values, where, what), where, what)
    return real(as_array(values, where, what), where, what)


def _of_tensor(tensor: Any, where: str, what: str) -> Array:
    kind = type(tensor).__name__
    if hasattr(tensor, "get_mask"):
        raise TypeError(
            f"{where}: {what} is a {kind}: expected a tensor without a mask, such as "
            f"{what}.to_tensor(0.0)"
        )
    try:
        return np.from_dlpack(_resolved(tensor))
    except Exception as error:  # each library has its own for what it does not hand over
        try:
            return np.asarray(tensor)
        except Exception:
            raise TypeError(
                f"{where}: {what} is a {kind} that NumPy cannot take over ({error}): expected one "
                "in the CPU's memory, of a type that NumPy has, and without a gradient; for "
                "PyTorch, X.detach().cpu().float()"
            ) from error


def _resolved(tensor: Any) -> Any:
    """A tensor whose memory holds its numbers.

    PyTorch's may stand for the negative, or the conjugate, of what they lie over, or for zeros that
    lie nowhere. DLPack hands over the memory and says nothing of it.
    """
    if not hasattr(tensor, "resolve_neg"):
        return tensor
    if tensor._is_zerotensor():
        return tensor.new_zeros(tensor.shape)
    return tensor.resolve_conj().resolve_neg()
