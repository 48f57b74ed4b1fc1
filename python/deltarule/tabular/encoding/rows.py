"""Tables to rows of numbers, by what was learned."""

from __future__ import annotations

import numpy as np

from deltarule._arrays import Array
from deltarule.tabular.encoding.learned import Learned
from deltarule.tabular.encoding.words import listed
from deltarule.tabular.raw.readings import Place, without_missing
from deltarule.tabular.raw.tables import Table


def arranged(learned: Learned, table: Table, where: str, what: str) -> tuple[Table, list[str]]:
    """A table in which every column that is used is there by its name; and what is new in it.

    Raises
    ------
    ValueError
        For columns that are missing, and for an array where the fit had names.
    """
    if not table.named:
        return _by_names(learned, table, where, what), []
    missing = [name for name in learned.encodings if name not in table.raw]
    new = [name for name in table.raw if name not in learned.known]
    if missing:
        raise ValueError(
            f"{where}: {what} has no column {listed(missing, new)}: expected those of "
            "encoder.columns, in any order"
        )
    return table, new


def _by_names(learned: Learned, table: Table, where: str, what: str) -> Table:
    """An array's columns by the names that their places have."""
    names = learned.names
    if not learned.by_place:
        raise ValueError(
            f"{where}: {what} is an array without names: expected a table with the columns "
            f"{listed(list(learned.encodings))}, as they are encoded here; what transform has made "
            "is for a network without inputs=encoder"
        )
    if len(table.raw) != len(names):
        raise ValueError(
            f"{where}: {what} has {len(table.raw)} columns: expected {len(names)}, as the array "
            "had in fit"
        )
    return table._replace(raw=dict(zip(names, table.raw.values(), strict=True)))


def encoded(learned: Learned, table: Table, where: str, what: str) -> Array:
    """The rows of a table that has been arranged."""
    m, missing = table.rows(where, what), learned.settings.missing
    out = np.zeros((m, len(learned.feature_names_out)), np.float32)
    encodings = learned.encodings.items()
    for (name, encoding), (first, last) in zip(encodings, learned.spans, strict=True):
        column = without_missing(table.column(name, m, where, what), missing)
        encoding.encode(column, Place(where, what, name), out[:, first:last])
    return out


def encoded_one(learned: Learned, table: Table, where: str, what: str) -> Array:
    """The row of a single example, without arrays where there is no need of one."""
    row: list[float] = []
    missing = learned.settings.missing
    for name, encoding in learned.encodings.items():
        numbers = encoding.encode_one(table.raw[name], missing)
        if numbers is None:
            column = without_missing(table.column(name, 1, where, what), missing)
            part = np.zeros((1, len(encoding.outputs)), np.float32)
            encoding.encode(column, Place(where, what, name), part)
            numbers = part[0].tolist()
        row += numbers
    return np.array([row], np.float32)
