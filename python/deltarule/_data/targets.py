"""The targets of some examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array


def part_of(target: _core.Target, part: slice | Array, dtype: Any = None) -> _core.Target:
    """Some examples' targets, their numbers in another dtype if one is given."""
    Y = None if target.Y is None else target.Y[part]
    return _core.Target(
        Y if Y is None or dtype is None else np.ascontiguousarray(Y, dtype),
        None if target.labels is None else target.labels[part],
        None if target.weights is None else target.weights[part],
    )
