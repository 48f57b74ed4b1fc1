"""Tables of columns that have names, and of columns that have only places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from deltarule._arrays import Array
from deltarule._checks import as_array
from deltarule._data.frames import refuse_as_table
from deltarule.tabular.raw.columns import Column, settled
from deltarule.tabular.raw.libraries import column_of
from deltarule.tabular.raw.objects import of_array, of_objects


class Table(NamedTuple):
    """Columns by name, as the library has them: each is opened when its turn comes.

    Attributes
    ----------
    raw : dict
    named : bool
        Whether the names are the table's own; else columns go by their places.
    one : bool
        Whether it is a single example.
    """

    raw: dict[str, Any]
    named: bool = True
    one: bool = False

    def rows(self, where: str, what: str) -> int:
        """How many there are."""
        first, raw = next(iter(self.raw.items()))
        if self.one:
            return 1
        return len(raw) if _is_column(raw) else len(_opened(raw, where, _column(what, first)))

    def column(self, name: str, m: int, where: str, what: str) -> Column:
        """A column, opened, of as many rows as there are."""
        raw = self.raw[name]
        found = of_objects([_single(raw)]) if self.one else _opened(raw, where, _column(what, name))
        if len(found) != m:
            first = next(iter(self.raw))
            raise ValueError(
                f"{where}: {what} column {name!r} has {len(found)} rows: expected {m}, as column "
                f"{first!r} has"
            )
        return settled(found)


def _single(value: Any) -> Any:
    """A single value, which may be an array of no dimension."""
    return value[()] if isinstance(value, np.ndarray) else value


def _column(what: str, name: str) -> str:
    return f"{what} column {name!r}"


def table_of(values: Any, where: str, what: str, names: Sequence[str] | None = None) -> Table:
    """Open a table of any library, a dictionary of columns, an array or a list of rows.

    A dictionary of single values, a record and a row of a pandas frame are single examples.

    Raises
    ------
    TypeError, ValueError
        For what is no table, and for names that stand twice.
    """
    table = _table_of(values, where, what)
    if names is not None:
        if len(names) != len(table.raw):
            raise ValueError(
                f"{where}: names has {len(names)} names but {what} has {len(table.raw)} columns: "
                "expected as many"
            )
        raw = _by_name(names, table.raw.values(), where, what)
        table = table._replace(raw=raw, named=table.named)
    if not table.raw:
        raise ValueError(f"{where}: {what} has no columns: expected 1 or more")
    return table


def targets_of(y: Any, where: str) -> tuple[Table, bool]:
    """Open a target, or several side by side; and tell whether it has but one dimension."""
    if isinstance(y, (list, tuple)):
        flat = not any(isinstance(each, (list, tuple)) for each in y[:1])
    else:
        tabular = isinstance(y, Mapping) or hasattr(y, "columns") or hasattr(y, "column_names")
        flat = not tabular and getattr(y, "ndim", 1) == 1
    return (Table({"y": y}) if flat else table_of(y, where, "y")), flat


def _table_of(values: Any, where: str, what: str) -> Table:
    if hasattr(values, "tocsr"):  # one kind of these is a mapping, of places
        raise TypeError(
            f"{where}: {what} is a sparse {type(values).__name__}: expected {what}.toarray()"
        )
    if isinstance(values, Mapping):
        raw = _by_name(values, values.values(), where, what)
        return Table(raw, one=not any(map(_is_column, raw.values())))
    if isinstance(values, (np.ndarray, np.void)):
        return _of_array(np.asarray(values), where, what)
    if hasattr(values, "items") and hasattr(values, "columns"):  # pandas
        return Table(_by_name(values.columns, (each for _, each in values.items()), where, what))
    if hasattr(values, "get_columns"):  # polars
        return Table(_by_name(values.columns, values.get_columns(), where, what))
    if hasattr(values, "column_names") and hasattr(values, "itercolumns"):  # Arrow's
        return Table(_by_name(values.column_names, values.itercolumns(), where, what))
    if hasattr(values, "to_numpy") and hasattr(values, "index"):
        names = list(values.index)
        if names and all(isinstance(name, str) for name in names):
            return Table(_by_name(names, values.tolist(), where, what), one=True)
    if isinstance(values, (list, tuple)):
        return _of_rows(values, where, what)
    return refuse_as_table(values, where, what)


def _is_column(values: Any) -> bool:
    if isinstance(values, (str, bytes)):
        return False
    return isinstance(values, (list, tuple)) or (
        hasattr(values, "__len__") and getattr(values, "ndim", 1) > 0
    )


def _of_array(values: Array, where: str, what: str) -> Table:
    names = values.dtype.names
    if names is not None:
        raw = _by_name(names, [values[name] for name in names], where, what)
        if values.ndim == 0:
            return Table({name: each.item() for name, each in raw.items()}, one=True)
        return Table(raw)
    if values.ndim == 1:
        return Table({f"x{place}": each for place, each in enumerate(values.tolist())}, False, True)
    if values.ndim != 2:
        raise ValueError(
            f"{where}: {what} has shape {values.shape}: expected a table, (n_samples, n_columns)"
        )
    return Table({f"x{place}": values[:, place] for place in range(values.shape[1])}, named=False)


def _of_rows(rows: Sequence[Any], where: str, what: str) -> Table:
    """A list of rows, each a dictionary or a list."""
    if rows and all(isinstance(row, Mapping) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        return Table(
            _by_name(names, ([row.get(name) for row in rows] for name in names), where, what)
        )
    if rows and not any(isinstance(row, (list, tuple)) for row in rows):
        return Table({f"x{place}": each for place, each in enumerate(rows)}, False, True)
    as_array([[0] * len(row) if isinstance(row, Sequence) else 0 for row in rows], where, what)
    columns = zip(*rows, strict=True)
    return Table({f"x{place}": list(column) for place, column in enumerate(columns)}, named=False)


def _by_name(names: Iterable[Any], columns: Iterable[Any], where: str, what: str) -> dict[str, Any]:
    texts = [str(name) for name in names]
    found = dict(zip(texts, columns, strict=True))
    if len(found) != len(texts):
        twice = next(name for name, count in Counter(texts).items() if count > 1)
        raise ValueError(
            f"{where}: {what} has the column {twice!r} more than once: expected different names"
        )
    return found


def _opened(raw: Any, where: str, what: str) -> Column:
    """A column's values; ``what`` names it."""
    found = column_of(raw)
    if found is not None:
        return found
    if isinstance(raw, np.ndarray):
        if raw.ndim != 1:
            raise ValueError(f"{where}: {what} has shape {raw.shape}: expected one dimension")
        return of_array(raw)
    if hasattr(raw, "__dlpack__") or hasattr(raw, "__array__"):
        return _opened(np.asarray(raw), where, what)
    if isinstance(raw, Sequence) and not isinstance(raw, (str, bytes)):
        return of_objects(raw)
    raise TypeError(
        f"{where}: {what} is a {type(raw).__name__}: expected a column, such as a list or an array"
    )
