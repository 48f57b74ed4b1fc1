"""IDX, the format of MNIST: images as columns of pixels, with their labels from the file beside."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._data.tables.arrays import pieces
from deltarule._data.tables.options import Options
from deltarule._data.tables.sources import Source

LABEL = "label"
_IMAGES = re.compile(r"images([-.])idx\d")


def frames(source: Source, options: Options, notes: list[str]) -> Iterator[Any]:
    """The table in pieces of so many rows: columns 1, 2, ..., and ``label`` where there are labels.

    Raises
    ------
    TableFileError
        For files that are cut off, or not of bytes.
    """
    array = _read(source)
    flat = array.reshape(len(array), -1) if array.ndim > 1 else array[:, np.newaxis]
    names = [LABEL] if array.ndim == 1 else [str(k + 1) for k in range(flat.shape[1])]
    columns = {name: flat[:, k] for k, name in enumerate(names)}
    beside = None
    if source.path is not None and array.ndim > 1:
        beside = source.path.with_name(_IMAGES.sub(r"labels\1idx1", source.path.name))
    if beside is not None and beside != source.path and beside.exists():
        labels = _read(replace(source, name=str(beside), path=beside))
        if labels.ndim != 1 or len(labels) != len(flat):
            raise source.fails(f"{beside.name} holds {labels.shape}: expected {len(flat)} labels")
        columns[LABEL] = labels
        notes.append(f"{source.name}: labels are from {beside.name}")
    yield from pieces(source, columns, options)


def _read(source: Source) -> Array:
    try:
        with source.opened() as stream:
            data = stream.read()
    except (OSError, EOFError) as error:
        raise source.fails(f"it cannot be unpacked: {error}") from error
    dimensions = data[3] if len(data) > 3 else 0
    start = 4 + 4 * dimensions
    if not dimensions or len(data) < start:
        raise source.fails("it is no IDX file: its head is cut off")
    shape = np.frombuffer(data, ">u4", dimensions, offset=4).astype(np.int64)
    count = int(np.prod(shape.astype(object)))
    if len(data) - start != count:
        raise source.fails(f"it holds {len(data) - start:,} bytes: expected {count:,}, {shape}")
    return np.frombuffer(data, np.uint8, count, start).reshape(shape)
