"""A table's columns as a report counts them."""

from __future__ import annotations

from typing import Any

import numpy as np

from deltarule._data.names import is_identifier
from deltarule.report.subject import Column, Levels, Numbers, Values
from deltarule.tabular.encoding.learned import Learned
from deltarule.tabular.encoding.rows import arranged
from deltarule.tabular.leaks import COPY
from deltarule.tabular.raw import columns as raw
from deltarule.tabular.raw.columns import DAY
from deltarule.tabular.raw.readings import (
    Place,
    as_levels,
    as_numbers,
    as_times,
    without_missing,
)
from deltarule.tabular.raw.tables import table_of


def columns_of(encoder: Any, X: Any, train: Any, where: str) -> list[Column]:
    """The columns that a `TableEncoder` uses, of the rows of the report and of those of the fit."""
    test = _values(encoder, X, where, "X")
    before = {} if train is None else _values(encoder, train, where, "train")
    found = []
    for name, kind in encoder.found.items():
        remark = encoder.remarks.get(name, "")
        copied = remark if remark.startswith(COPY) else ""
        leak = "" if copied else remark
        identifier = is_identifier(name)
        found.append(Column(name, kind, leak, copied, test[name], before.get(name), identifier))
    return found


def _values(encoder: Any, X: Any, where: str, what: str) -> dict[str, Values]:
    learned = encoder.learned
    assert isinstance(learned, Learned)
    table, _ = arranged(learned, table_of(X, where, what), where, what)
    m, found = table.rows(where, what), dict[str, Values]()
    for name, kind in encoder.found.items():
        column = table.column(name, m, where, what)
        column = without_missing(column, learned.settings.missing)
        found[name] = _read(column, kind, Place(where, what, name))
    return found


def _read(column: raw.Column, kind: str, place: Place) -> Values:
    if kind == "number":
        return Numbers(as_numbers(column, place))
    if kind == "date":
        times = as_times(column, place, None)
        return Numbers(np.where(times.missing, np.nan, times.ticks / DAY), dates=True)
    levels = as_levels(column, place)
    return Levels(levels.codes.astype(np.int64), levels.levels)
