"""What a reader of another library's models hands on: a network yet to be built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deltarule._arrays import Array
from deltarule.layers import LayerDescription, Residual


@dataclass(frozen=True)
class Blueprint:
    """A network's layers, and the numbers that belong into them.

    Attributes
    ----------
    layers : sequence of layers
    input_size : int
    dtype : dtype_like
    numbers : sequence of (int, mapping of str to ndarray)
        By the index of a layer in ``network.layers``, and the name that a number has there.
    """

    layers: Sequence[LayerDescription | Residual]
    input_size: int
    dtype: Any
    numbers: Sequence[tuple[int, Mapping[str, Array]]]
