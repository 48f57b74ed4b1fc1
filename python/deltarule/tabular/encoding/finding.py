"""A table's columns gone through one by one: what each is, how it becomes numbers, or why not."""

from __future__ import annotations

from collections.abc import Sequence

from deltarule._checks import did_you_mean
from deltarule.tabular.encoding.categories import Category
from deltarule.tabular.encoding.dates import Date
from deltarule.tabular.encoding.kinds import Found, found_in
from deltarule.tabular.encoding.learned import Encoding, Learned
from deltarule.tabular.encoding.numbers import Number
from deltarule.tabular.encoding.settings import Settings
from deltarule.tabular.encoding.words import whys
from deltarule.tabular.leaks import COPY, Target, digest_of
from deltarule.tabular.raw.columns import Column, Numbers, Times
from deltarule.tabular.raw.readings import Place, as_numbers, as_times, without_missing
from deltarule.tabular.raw.tables import Table


def learned_from(
    table: Table, m: int, settings: Settings, targets: Sequence[Target], where: str
) -> Learned:
    """Learn from a table of m rows; the targets serve to find columns that give them away.

    Raises
    ------
    ValueError
        For kinds that a column cannot be of, and where no column is left.
    """
    _expect_kinds(settings, table, where)
    encodings: dict[str, Encoding] = {}
    left_out: dict[str, str] = {}
    remarks: dict[str, str] = {}
    copies: dict[bytes, str] = {}
    for name in table.raw:
        column = without_missing(table.column(name, m, where, "X"), settings.missing)
        encoding, column, why = _learned(name, column, settings, Place(where, "X", name))
        if encoding is None:
            left_out[name] = why
            continue
        encodings[name] = encoding
        remark = _remark(name, column, targets, copies)
        if remark:
            remarks[name] = remark
    if not encodings:
        raise ValueError(
            f"{where}: no column of X is left: expected one that varies; {whys(left_out)}"
        )
    return Learned(settings, list(table.raw), not table.named, encodings, left_out, remarks)


def _expect_kinds(settings: Settings, table: Table, where: str) -> None:
    for name in settings.kinds:
        if name not in table.raw:
            raise ValueError(
                f"{where}: kinds names {name!r}: expected columns of X"
                + did_you_mean(name, table.raw)
            )


def _learned(
    name: str, column: Column, settings: Settings, place: Place
) -> tuple[Encoding | None, Column, str]:
    """How a column becomes numbers, and the column as it is read; or why it does not."""
    kind, column, why = _found(name, column, settings, place)
    made: Encoding | None = None
    match kind, column:
        case "number", Numbers(values=values):
            made = Number.fitted(name, values, settings.scaling)
            why = "no two finite numbers in it differ"
        case "date", Times():
            made = Date.fitted(name, column, settings.scaling)
            why = "no two dates in it differ"
        case "category", _:
            count = settings.min_count or max(1, min(10, len(column) // 100))
            made = Category.fitted(name, column, place, count, settings.one_hot)
            why = f"less than two levels are left: each of {count} rows, rare and missing ones"
    return made, column, why


def _found(name: str, column: Column, settings: Settings, place: Place) -> Found:
    """A column's kind: what it is said to be, or else what it is like."""
    match settings.kinds.get(name):
        case None:
            return found_in(name, column)
        case "drop":
            return Found("drop", column, "kinds says so")
        case "number":
            return Found("number", Numbers(as_numbers(column, place)))
        case "date":
            return Found("date", as_times(column, place, None))
        case kind:
            return Found(kind, column)


def _remark(name: str, column: Column, targets: Sequence[Target], copies: dict[bytes, str]) -> str:
    """What is to be said of a column: that it gives a target away, or is another's copy."""
    for target in targets:
        away = target.given_away_by(column)
        if away:
            return f"alone it {away}: is it there when predictions are made?"
    digest = digest_of(column)
    if digest is not None:
        other = copies.setdefault(digest, name)
        if other != name:
            return f"{COPY} {other!r} in every row"
    return ""
