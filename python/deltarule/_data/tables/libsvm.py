"""libsvm's text: a target, and ``column:value`` of what is not 0."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from deltarule._data.tables.arrays import pieces
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source
from deltarule._data.tables.text import text_of

TARGET = "target"
_MOST = 2**28  # numbers of a table that is no longer sparse


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces: ``target``, and columns by their numbers.

    Raises
    ------
    TableFileError
        For a line that is something else, with its number.
    """
    targets, places, columns, values = list[str](), list[int](), list[int](), list[float]()
    with text_of(source, options.encoding, notes) as text:
        for number, line in enumerate(text, 1):
            bare = line.partition("#")[0].split()
            if not bare:
                continue
            try:
                float(bare[0])
                pairs = [each.split(":") for each in bare[1:] if not each.startswith("qid:")]
                columns += [int(column) for column, _ in pairs]
                values += [float(value) for _, value in pairs]
            except ValueError as error:
                raise source.fails(
                    f"line {number} is no 'target column:value ...': {error}"
                ) from error
            places += itertools.repeat(len(targets), len(pairs))
            targets.append(bare[0])
    if not targets or not columns:
        raise source.fails("it has no rows: expected 'target column:value ...'")
    low, high = min(min(columns), 1), max([*columns, *map(int, _numbers(options.known))])
    if (high - low + 1) * len(targets) > _MOST or low < 0:
        raise source.fails(f"it has columns {low} to {high}: expected fewer, as it is held whole")
    X = np.zeros((len(targets), high - low + 1))
    X[places, np.subtract(columns, low)] = values
    y = np.array(targets, float)
    table = {TARGET: y.astype(np.int64) if (y == np.floor(y)).all() else y}
    table |= {str(low + k): X[:, k] for k in range(X.shape[1])}
    yield from pieces(source, table, options)


def _numbers(names: Any) -> list[str]:
    return [name for name in names if name.isdigit()]
