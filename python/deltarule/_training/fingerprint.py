"""Which examples a training has seen, told in a few bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule._data.targets import part_of

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork
    from deltarule._training.examples import Examples

# Rows that are looked at: a whole table may take long to read.
_ROWS = 64


def fingerprint(network: BareNetwork, examples: Examples) -> dict[str, Any]:
    """How many examples there are, in which batches, and a hash of some; of a stream, nothing."""
    if examples.held is None:
        return {}
    rows, target, _ = examples.held
    some = np.unique(np.linspace(0, len(rows) - 1, _ROWS).astype(np.int64))
    of_some = part_of(target, some)
    parts = (rows.taken(some), of_some.Y, of_some.labels, of_some.weights)
    seen = hashlib.sha256()
    for part in parts:
        if part is None:
            continue
        kind = np.int64 if part.dtype.kind == "i" and part.ndim == 1 else network.dtype
        seen.update(np.ascontiguousarray(part, kind).tobytes())
    return {
        "examples": len(rows),
        "batch_size": examples.batch_size,
        "sha256_of_some": seen.hexdigest(),
    }
