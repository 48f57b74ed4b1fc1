"""Columns of pandas, polars and Arrow, each told by what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.raw.columns import (
    DAY,
    TOO_FAR,
    TOO_LONG,
    Column,
    Levels,
    Nothing,
    Numbers,
    Other,
    Times,
    durations,
    numbers,
    times,
    truths,
    whole_ticks,
)
from deltarule.tabular.raw.objects import of_array, of_objects

_TICKS = {"us": 1, "ms": 1000, "D": DAY}
_MOST_OF_TABLE = 2**24  # a table that is indexed by what polars calls its categories


def column_of(column: Any) -> Column | None:
    """A library's column; None for what is none."""
    if hasattr(column, "to_physical"):
        return _of_polars(column)
    if hasattr(column, "isna") and hasattr(column, "factorize"):
        return _of_pandas(column)
    if hasattr(column, "dictionary_encode"):
        return _of_arrow(column)
    return None


# pandas ------------------------------------------------------------------------------------------


def _of_pandas(series: Any) -> Column:
    """A Series or an Index."""
    dtype = series.dtype
    if isinstance(dtype, np.dtype):
        return of_array(series.to_numpy())
    array = series.array
    if hasattr(array, "codes"):  # a Categorical
        of_categories = _of_pandas(array.categories)
        found = of_categories.taken(np.asarray(array.codes))
        return _as_categories(found)
    if hasattr(array, "tz"):  # moments with a zone, which to_numpy takes in UTC
        return times(array.to_numpy(f"datetime64[{dtype.unit}]"), zoned=True)
    if hasattr(array, "sp_values"):
        return of_array(np.asarray(array))
    if hasattr(dtype, "pyarrow_dtype"):
        import pyarrow as pa  # which is there, as pandas has it

        return _of_arrow(pa.chunked_array(array.__arrow_array__()))
    kind = getattr(dtype, "kind", "O")
    if kind == "b":
        missing = series.isna().to_numpy() if hasattr(series, "index") else series.isna()
        return truths(series.to_numpy(dtype=bool, na_value=False), missing)
    if kind in "iuf":
        return numbers(series.to_numpy(dtype=np.float64, na_value=np.nan))
    if str(dtype).startswith(("string", "str")):
        codes, levels = series.factorize()
        return _levels(codes, levels.to_numpy(dtype=object).tolist())
    return of_objects(series.to_numpy(dtype=object).tolist())


def _as_categories(column: Column) -> Column:
    """What the library says are categories, as such."""
    if isinstance(column, Numbers):
        return Numbers(column.values, categorical=True)
    if isinstance(column, Levels):
        return Levels(column.codes, column.levels, column.logical, categorical=True)
    return column


def _levels(codes: Array, levels: list[str]) -> Levels | Nothing:
    return Levels(codes, levels) if (codes >= 0).any() else Nothing(len(codes))


# polars ------------------------------------------------------------------------------------------


def _of_polars(series: Any) -> Column:
    import polars as pl  # which is there, as the column is its own

    dtype = series.dtype
    if dtype.is_numeric():
        return numbers(series.cast(pl.Float64).to_numpy())
    missing = series.is_null().to_numpy()
    if missing.all():
        return Nothing(len(series))
    if dtype == pl.Boolean:
        return truths(series.fill_null(False).to_numpy(), missing)
    if dtype.is_temporal():
        return _of_polars_time(series, missing)
    if dtype in (pl.Categorical, pl.Enum):
        return _as_categories(_of_polars_text(series, missing))
    if dtype == pl.String:
        return _of_polars_text(series.cast(pl.Categorical), missing)
    if dtype == pl.Object:
        return of_objects(series.to_list())
    return Other(len(series), f"values of type {dtype}")


def _of_polars_text(series: Any, missing: Array) -> Levels:
    """Categories by their text; what polars calls them by numbers may be any numbers."""
    import polars as pl

    different = series.unique().drop_nulls()
    known = different.to_physical().to_numpy().astype(np.int64)
    physical = series.to_physical().fill_null(int(known[0])).to_numpy()
    order = np.argsort(known)
    if known[order[-1]] < _MOST_OF_TABLE:
        table = np.zeros(known[order[-1]] + 1, np.int32)
        table[known] = np.arange(len(known))
        codes = table[physical]
    else:
        codes = order[np.searchsorted(known, physical, sorter=order)]
    codes[missing] = -1
    return Levels(codes, different.cast(pl.String).to_list())


def _of_polars_time(series: Any, missing: Array) -> Column:
    import polars as pl

    dtype = series.dtype
    whole = series.to_physical().fill_null(0).to_numpy().astype(np.int64)
    if dtype == pl.Time:  # hours of nanoseconds
        return numbers(np.where(missing, np.nan, whole / 3.6e12))
    unit = "D" if dtype == pl.Date else dtype.time_unit
    ticks = whole // 1000 if unit == "ns" else whole_ticks(whole, _TICKS[unit])
    if dtype == pl.Duration:
        if ticks is None:
            return Other(len(series), TOO_LONG)
        return numbers(np.where(missing, np.nan, ticks / DAY))
    if ticks is None:
        return Other(len(series), TOO_FAR)
    return Times(ticks, missing, getattr(dtype, "time_zone", None) is not None)


# Arrow -------------------------------------------------------------------------------------------


def _of_arrow(column: Any) -> Column:
    """An Array or a ChunkedArray."""
    kind = str(column.type)
    if column.null_count == len(column):
        return Nothing(len(column))
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
        if hasattr(column, "chunks"):  # some versions leave one
            column = column.chunk(0)
    if kind.startswith("dictionary"):
        of_levels = _of_arrow(column.dictionary)
        return _as_categories(of_levels.taken(_codes(column.indices)))
    if kind in ("string", "large_string", "string_view"):
        encoded = column.dictionary_encode()
        return Levels(_codes(encoded.indices), encoded.dictionary.to_pylist())
    if kind in _ARROW_NUMBERS:
        return numbers(column.to_numpy(zero_copy_only=False))
    if kind.startswith("date"):
        return times(column.to_numpy(zero_copy_only=False))
    if kind.startswith("duration"):
        return durations(column.to_numpy(zero_copy_only=False))
    if kind.startswith("timestamp"):
        return times(column.to_numpy(zero_copy_only=False), zoned="tz=" in kind)
    if kind.startswith(("list", "large_list", "fixed_size", "struct", "map", "union", "binary")):
        return Other(len(column), f"values of type {kind}")
    return of_objects(column.to_pylist())


_ARROW_NUMBERS = (
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
    "halffloat",
    "float",
    "double",
)


def _codes(indices: Any) -> Array:
    codes: Array = indices.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    codes[indices.is_null().to_numpy(zero_copy_only=False)] = -1
    return codes


def pandas_frame(columns: Mapping[str, Any]) -> Any:
    """Columns as a frame of pandas.

    Raises
    ------
    ImportError
        Where pandas is not installed.
    """
    import pandas as pd

    return pd.DataFrame(dict(columns))
