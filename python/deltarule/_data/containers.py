"""What a user hands in, opened: arrays, tensors, buffers, data frames, sparse matrices.

None of the libraries that make them is imported. What a thing is, is told by what it can do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import array_of


class Opened(NamedTuple):
    """Numbers of any real type, and the names of their columns where they have some."""

    rows: Any  # an array of any shape, or _core.SparseRows
    columns: list[str] | None = None


def opened(values: Any, where: str, what: str) -> Opened:
    """Open what holds the numbers; what can be read where it lies is not copied."""
    if isinstance(values, Opened):
        return values
    # numpy.ma is imported at its first mention; where nobody has, there are no masked arrays.
    if "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray):
        values = _real(values, where, what)
        return Opened(values.data if not values.mask.any() else values.astype("f8").filled(np.nan))
    if isinstance(values, np.ndarray):
        return Opened(_real(np.asarray(values), where, what))
    if hasattr(values, "tocsr"):
        return Opened(_sparse(values, where, what))
    if hasattr(values, "to_numpy") and hasattr(values, "columns"):
        return _frame(values, where, what)
    if hasattr(values, "to_numpy") and hasattr(values, "dtype"):
        return Opened(_column(values, where, what, ""))
    return Opened(_real(_array(values, where, what), where, what))


def numbers(array: Array) -> Array:
    """Make an array of a type that the core reads: the caller's own memory if it can be."""
    if read_in_place(array):
        return array.view(np.uint8) if array.dtype == np.bool_ else array
    if array.dtype.kind in "iu" and array.dtype != np.uint64:
        return array.astype(np.int64)
    return array.astype(np.float32 if array.dtype == np.float16 else np.float64)


def read_in_place(array: Array) -> bool:
    """Whether the core reads an array where it lies, batch by batch, whatever its strides."""
    return array.dtype in _READ_IN_PLACE and array.dtype.isnative and array.flags.aligned


_READ_IN_PLACE = tuple(np.dtype(name) for name in ("f4", "f8", "u1", "i4", "i8", "?"))


def _real(array: Array, where: str, what: str) -> Array:
    if array.dtype.kind not in "biuf":
        raise TypeError(
            f"{where}: {what} is {array.dtype}: expected real numbers (float32 and float64 are "
            "taken as they are)"
        )
    return array


def _array(values: Any, where: str, what: str) -> Array:
    """An array over a tensor's or a buffer's own memory, or of a list's numbers."""
    if not hasattr(values, "__dlpack__"):
        return array_of(values, where, what)
    try:
        return np.from_dlpack(values)
    except Exception as error:  # each library has its own for what it does not hand over
        try:
            return np.asarray(values)
        except Exception:
            raise TypeError(
                f"{where}: {what} is a {type(values).__name__} that NumPy cannot take over "
                f"({error}): expected one in the CPU's memory, of a type that NumPy has, and "
                "without a gradient; for PyTorch, X.detach().cpu().float()"
            ) from error


# Sparse matrices --------------------------------------------------------------------------------


def _sparse(matrix: Any, where: str, what: str) -> _core.SparseRows:
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
        np.ascontiguousarray(numbers(_real(data, where, what))),
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


# Data frames ------------------------------------------------------------------------------------


def _frame(frame: Any, where: str, what: str) -> Opened:
    """The columns of a pandas or polars data frame, side by side."""
    names = [str(name) for name in frame.columns]
    dtypes = list(frame.dtypes)
    if dtypes and isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "biuf":
        if dtypes.count(dtypes[0]) == len(dtypes):
            return Opened(frame.to_numpy(), names)
    # pandas has the accessor where every column is sparse; what is not stored need not be 0.
    elif dtypes and hasattr(frame, "sparse") and all(dtype.fill_value == 0 for dtype in dtypes):
        return Opened(_sparse(frame.sparse.to_coo(), where, what), names)
    columns = [
        _column(column, where, what, f" column {name!r}")
        for name, column in zip(names, _columns(frame), strict=True)
    ]
    dtype = np.result_type(*columns) if columns else np.dtype(np.float64)
    table = np.empty((len(frame), len(columns)), dtype, order="F")
    for j, column in enumerate(columns):
        table[:, j] = column
    return Opened(table, names)


def _columns(frame: Any) -> Iterator[Any]:
    if hasattr(frame, "iter_columns"):
        return iter(frame.iter_columns())
    return (column for _, column in frame.items())


def _column(column: Any, where: str, what: str, name: str) -> Array:
    """A column's numbers; where one is missing it is NaN."""
    dtype = column.dtype
    kind = getattr(dtype, "kind", None)
    if kind is None:  # polars
        kind = "b" if str(dtype) == "Boolean" else "f" if dtype.is_numeric() else "O"
        values = column.to_numpy() if kind != "O" else None
    elif kind not in "biuf":
        values = None
    elif isinstance(dtype, np.dtype):
        values = column.to_numpy()
    elif column.isna().any():
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = column.to_numpy(dtype={"b": "?", "i": "i8", "u": "u8", "f": "f8"}[kind])
    if values is None:
        raise TypeError(
            f"{where}: {what}{name} is {dtype}: expected real numbers; leave it out, or encode it "
            f"beforehand: {_encoding(column)}"
        )
    return values.astype(np.float64) if values.dtype == object else np.asarray(values)


def _encoding(column: Any) -> str:
    """How categories become numbers, and numbers in disguise themselves again."""
    if hasattr(column, "to_dummies"):  # polars
        return (
            "to_dummies() makes a column of 0 and 1 of each category, to_physical() a whole number "
            "of a Categorical or Enum, and cast(polars.Float64) numbers of text"
        )
    return (
        "pandas.get_dummies makes a column of 0 and 1 of each category, pandas.factorize whole "
        "numbers, and astype(float) numbers of text and objects"
    )
