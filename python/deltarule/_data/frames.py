"""Tables of named columns, opened: data frames, Arrow tables, dictionaries of columns, records.

None of the libraries that make them is imported. What a thing is, is told by what it can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from deltarule._arrays import Array
from deltarule._data.buffers import array_of
from deltarule._data.names import arrangement
from deltarule._data.sparse import sparse_rows

# The table's numbers, and its columns' names.
Table = tuple[Any, list[Any]]
# What calls for a table's numbers, where they are not there yet.
_CALLS = ("collect", "toPandas", "compute")


def table_of(
    values: Any, where: str, what: str, wanted: Sequence[str] | None = None
) -> Table | None:
    """A table's columns side by side, in the order of those wanted; None for what is no table.

    Columns in another order are put in their places as the table is made, not by a copy of it.
    """
    if isinstance(values, (np.ndarray, np.void)):
        named = values.dtype.names is not None and values.ndim < 2
        return _records(np.asarray(values), where, what, wanted) if named else None
    if isinstance(values, Mapping):
        return _by_column(list(values), list(values.values()), where, what, wanted)
    if hasattr(values, "to_numpy") and hasattr(values, "columns"):
        return _frame(values, where, what, wanted)
    if hasattr(values, "column_names") and hasattr(values, "itercolumns"):  # Arrow's
        return _by_column(values.column_names, list(values.itercolumns()), where, what, wanted)
    # What has columns, or will have them once they are called for.
    signs = ("collect", "columns", "__dataframe__")
    if not hasattr(values, "dtype") and any(hasattr(values, sign) for sign in signs):
        refuse_as_table(values, where, what)
    return None


def is_column(values: Any) -> bool:
    """Whether it is a column of a data frame."""
    return hasattr(values, "to_numpy") and hasattr(values, "dtype")


def column_of(column: Any, where: str, what: str) -> Array:
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
            f"{where}: {what} is {dtype}: expected real numbers; leave it out, or encode it "
            f"beforehand: {_encoding(column)}"
        )
    return values.astype(np.float64) if values.dtype == object else np.asarray(values)


def _frame(frame: Any, where: str, what: str, wanted: Sequence[str] | None) -> Table:
    """The columns of a pandas or polars data frame."""
    names = list(frame.columns)
    order = arrangement(names, wanted, where, what)
    dtypes = list(getattr(frame, "dtypes", ()))
    if dtypes and isinstance(dtypes[0], np.dtype) and dtypes[0].kind in "biuf":
        if order is None and dtypes.count(dtypes[0]) == len(dtypes):
            return frame.to_numpy(), names
    # pandas has the accessor where every column is sparse; what is not stored need not be 0.
    elif dtypes and hasattr(frame, "sparse") and all(dtype.fill_value == 0 for dtype in dtypes):
        return _sparse_frame(frame.sparse.to_coo(), names, order, where, what)
    return _by_column(names, list(_columns(frame)), where, what, wanted)


def _sparse_frame(
    coo: Any, names: list[Any], order: list[int] | None, where: str, what: str
) -> Table:
    if order is not None:
        places = np.argsort(order).astype(coo.col.dtype)
        coo = type(coo)((coo.data, (coo.row, places[coo.col])), coo.shape)
        names = [names[place] for place in order]
    return sparse_rows(coo, where, what), names


def _columns(frame: Any) -> Iterator[Any]:
    if hasattr(frame, "iter_columns"):
        return iter(frame.iter_columns())
    return (column for _, column in frame.items())


def _records(records: Array, where: str, what: str, wanted: Sequence[str] | None) -> Table:
    """NumPy's records, each an example: where they lie, if all their fields are of one type."""
    names = list(records.dtype.names or ())
    fields = [(records.dtype[name], records.dtype.fields[name][1]) for name in names]  # type: ignore[index]
    dtype = fields[0][0]
    packed = [(dtype, place * dtype.itemsize) for place in range(len(names))] == fields
    if (
        packed
        and dtype.kind in "biuf"
        and records.dtype.itemsize == len(names) * dtype.itemsize
        and arrangement(names, wanted, where, what) is None
    ):
        return records[..., np.newaxis].view(dtype), names
    return _by_column(names, [records[name] for name in names], where, what, wanted)


def _by_column(
    names: Sequence[Any],
    columns: Sequence[Any],
    where: str,
    what: str,
    wanted: Sequence[str] | None,
) -> Table:
    """Columns, each of its own type, as a table of one that holds them all."""
    order = arrangement(names, wanted, where, what)
    if order is not None:
        names, columns = [names[at] for at in order], [columns[at] for at in order]
    arrays = [
        _numbers_of(column, where, f"{what} column {name!r}")
        for name, column in zip(names, columns, strict=True)
    ]
    shape = arrays[0].shape if arrays else (0,)
    for name, array in zip(names, arrays, strict=True):
        if array.shape != shape or array.ndim > 1:
            raise ValueError(
                f"{where}: {what} column {name!r} has shape {array.shape}: expected "
                + ("one dimension" if array.ndim > 1 else f"{shape}, as column {names[0]!r} has")
            )
    dtype = np.result_type(*arrays) if arrays else np.dtype(np.float64)
    table = np.empty((*shape, len(arrays)), dtype, order="F")
    for place, array in enumerate(arrays):
        table[..., place] = array
    return table, list(names)


def _numbers_of(column: Any, where: str, what: str) -> Array:
    if is_column(column):
        return column_of(column, where, what)
    return array_of(column, where, what)


def refuse_as_table(values: Any, where: str, what: str) -> NoReturn:
    """Say what a table would be, and how this becomes one."""
    kind = type(values).__name__
    for call in _CALLS:
        if hasattr(values, call):
            raise TypeError(
                f"{where}: {what} is a {kind}, whose numbers are not there yet: expected "
                f"{what}.{call}()"
            )
    raise TypeError(
        f"{where}: {what} is a {kind}: expected a data frame of pandas or polars, an Arrow table, "
        "a dictionary of columns, or an array"
    )


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
