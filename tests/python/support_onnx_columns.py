"""A table's columns as the inputs of an ONNX graph."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from support import Array

TYPES = {"tensor(string)": str, "tensor(double)": float, "tensor(int64)": int}


def as_input(values: Sequence[Any], kind: type) -> Array:
    """A column (m, 1), as `Network.to_onnx` says that it is handed in."""
    if kind is str:
        made = np.array(["" if value is None else value for value in values], object)
    elif kind is int:
        text = [None if value in (None, "") else value for value in values]
        made = np.array(text, "datetime64[us]").astype(np.int64)
    else:
        missing = (None, "N/A")
        made = np.array([np.nan if value in missing else float(value) for value in values])
    return made[:, np.newaxis]


def fed(session: Any, table: Mapping[str, Sequence[Any]]) -> dict[str, Array]:
    """What a session of ONNX Runtime takes of a table."""
    return {
        each.name: as_input(table[each.name], TYPES[each.type]) for each in session.get_inputs()
    }
