"""The columns of an array, as a report counts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from deltarule._arrays import Array, spread_out
from deltarule._data.names import is_identifier
from deltarule.report.material.leaks import given_away, groups_of
from deltarule.report.material.subjects import Examples, Targets
from deltarule.report.subject import Column, Levels, Numbers, Values

_LEAST_ROWS, _MOST_ROWS = 50, 5000  # by which a column is said to give a target away


def columns_of(
    names: Sequence[str],
    embedded: Mapping[int, int],
    here: Examples,
    train: Examples | None,
    targets: Targets,
) -> list[Column]:
    """A column of numbers for each feature, or of codes where they are a category's.

    Whether one alone tells a target is looked at in the rows of the fit, where they are known.
    """
    known = here if train is None else train
    some = spread_out(len(known.rows), _MOST_ROWS)
    found, firsts = [], dict[bytes, str]()
    for at, name in enumerate(names):
        column = known.rows[:, at]
        first = name
        if np.ptp(column):  # those that never vary are a matter of their own
            first = firsts.setdefault((column + column.dtype.type(0)).tobytes(), name)
        found.append(
            Column(
                name,
                "category" if at in embedded else "number",
                _leak(column[some], known.y[some], targets),
                "" if first == name else f"it is the same as {first!r} in every row",
                _values(here.rows[:, at], embedded.get(at)),
                None if train is None else _values(train.rows[:, at], embedded.get(at)),
                is_identifier(name),
            )
        )
    return found


def _values(column: Array, codes: int | None) -> Values:
    if codes is None:
        return Numbers(column.astype(np.float64))
    return Levels(column.astype(np.int64), [str(code) for code in range(codes)])


def _leak(column: Array, y: Array, targets: Targets) -> str:
    if len(column) < _LEAST_ROWS:
        return ""
    groups = groups_of(column)
    told = []
    for name, target in zip(targets.names, y.reshape(len(y), -1).T, strict=True):
        words = given_away(groups, column, target, targets.n_classes)
        told += [f"{words} ({name})" if len(targets.names) > 1 else words] * bool(words)
    return "; ".join(told)
