"""SciPy's sparse matrices, opened: rows that the core follows no index out of."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._data.buffers import real
from deltarule._data.numbers import numbers


def sparse_rows(matrix: Any, where: str, what: str) -> _core.SparseRows:
    """The rows of a SciPy matrix, none of whose numbers is stored twice."""
    if len(matrix.shape) != 2:
        raise ValueError(
            f"{where}: {what} has shape {matrix.shape}: expected two dimensions where it is sparse"
        )
    if matrix.format != "csr":
        _expect_sound(matrix, where, what)
        matrix = matrix.tocsr()
    m, n = matrix.shape
    rows = _compressed(matrix, matrix.data, m, n, where, what)
    if rows.indices_ascend:
        return rows
    # A copy, as the caller's own stays as it is. It has forgotten what that says of its order.
    matrix = matrix.copy()
    matrix.sum_duplicates()
    return _compressed(matrix, matrix.data, m, n, where, what)


def _compressed(
    matrix: Any, data: Array, rows: int, columns: int, where: str, what: str
) -> _core.SparseRows:
    """What ``indptr`` and ``indices`` lead to, once they are known to stay within it."""
    indices, starts = matrix.indices, matrix.indptr
    if starts.shape != (rows + 1,):
        raise ValueError(
            f"{where}: {what}.indptr has shape {starts.shape}: expected ({rows + 1},); the sparse "
            "matrix is broken"
        )
    narrow = indices.dtype == starts.dtype == np.int32
    integer = np.int32 if narrow else np.int64
    return _core.SparseRows(
        np.ascontiguousarray(numbers(real(data, where, what))),
        np.require(indices, integer, ["C", "A"]),
        np.array(starts, integer),  # a copy: who changes the matrix meanwhile is not to crash us
        columns,
        where,
        what,
    )


def _expect_sound(matrix: Any, where: str, what: str) -> None:
    """Hold a matrix to indices within it, before SciPy follows them out of its memory."""
    m, n = matrix.shape
    if matrix.format == "csc":
        _compressed(matrix, matrix.data, n, m, where, what)
    elif matrix.format == "bsr":
        height, width = matrix.data.shape[1:]
        _compressed(matrix, matrix.data[:, 0, 0], m // height, n // width, where, what)
    elif matrix.format == "coo":
        for name, size in (("row", m), ("col", n)):
            indices = getattr(matrix, name)
            outside = np.flatnonzero((indices < 0) | (indices >= size))
            if outside.size:
                at = outside[0]
                raise ValueError(
                    f"{where}: {what}.{name}[{at}] is {indices[at]}: expected 0 to {size - 1}; the "
                    "sparse matrix is broken"
                )
