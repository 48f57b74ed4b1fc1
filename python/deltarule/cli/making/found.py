"""A table, read and checked: what is to be learned of it, and what it is scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from deltarule._data.tables.reading import OpenTable
from deltarule.cli.console import Console
from deltarule.cli.making.options import Asked
from deltarule.cli.work import targets
from deltarule.cli.work.examples import Examples, examples_of, in_time
from deltarule.cli.work.tables import column_in, options_of
from deltarule.errors import TableFileError
from deltarule.tabular.models.training.split import parts_of

# Of fewer rows, none are kept apart.
_FEWEST_ROWS = 10
# Rows to train on, rows to score on, and which these are.
_Parted: TypeAlias = tuple[Examples, Examples | None, str]


@dataclass(frozen=True)
class Found:
    """A table in two.

    Attributes
    ----------
    train : Examples
    test : Examples or None
        Rows to score on.
    which : str
        Which these are, with a place for how many.
    task : str
    columns : list of str
        Of the table, the target among them.
    named : bool
        Whether they have names of their own.
    """

    train: Examples
    test: Examples | None
    which: str
    task: str
    columns: list[str]
    named: bool


def found_in(asked: Asked, console: Console) -> Found:
    """Read what is asked for, hold it to being what can be learned from, and part it.

    Raises
    ------
    TableFileError
        For what cannot be, with the file, the row and the column.
    """
    table, frame = _read(asked, asked.data, console)
    _expect_columns(asked, frame.columns)
    frame = _with_targets(asked, frame, console)
    column = frame.get_column(asked.target)
    task = _task(asked, column, console, frame.width)
    _expect_learnable(asked, column, task)
    if asked.time:
        frame = in_time(frame, asked.time, asked.where)
    everything = examples_of(
        frame,
        asked.target,
        asked.where,
        weight=asked.weight,
        group=asked.group,
        drop=asked.drop,
    )
    if asked.test:
        test = _test(asked, everything.X.columns, table.named, console)
        parted: _Parted = (everything, test, f"{{rows}} rows of {asked.test}")
    else:
        parted = _parted(asked, everything, task)
    return Found(*parted, task, table.columns, table.named)


def _read(
    asked: Asked, names: Sequence[str], console: Console, *, known: Sequence[str] = (), **more: Any
) -> tuple[OpenTable, Any]:
    given = {"delimiter": asked.delimiter, "encoding": asked.encoding, "header": asked.header}
    table = OpenTable(names, options_of(**{**given, **more}, known=known or (asked.target,)))
    frame = table.whole()
    console.notes(table.notes)
    if not frame.height:
        raise TableFileError(f"{names[0]}: it has no rows below its header: expected some")
    return table, frame


def _expect_columns(asked: Asked, names: Sequence[str]) -> None:
    column_in(names, asked.target, "the target", asked.where)
    for option in ("weight", "group", "time"):
        if name := getattr(asked, option):
            column_in(names, name, f"--{option}", asked.where)
    for name in asked.drop:
        column_in(names, name, "--drop", asked.where)
    for name in asked.kinds:
        column_in(names, name, "--kind", asked.where)


def _with_targets(asked: Asked, frame: Any, console: Console) -> Any:
    """The rows that have one."""
    if asked.drop_missing:
        gone = targets.rows_without(frame.get_column(asked.target))
        if len(gone):
            frame = frame[np.setdiff1d(np.arange(frame.height), gone)]
            console.tell(f"note: {len(gone):,} rows without a target are left out")
    targets.expect_complete(frame.get_column(asked.target), asked.where)
    return frame


def _task(asked: Asked, column: Any, console: Console, width: int) -> str:
    found, why = targets.task_of(column)
    why = "as --task says" if asked.task else f"as {why} (--task says otherwise)"
    task = asked.task or found
    console.tell(f"{asked.where}: {len(column):,} rows, {width} columns")
    console.tell(f"target {asked.target!r}: {task}, {why}")
    return task


def _expect_learnable(asked: Asked, column: Any, task: str) -> None:
    if task == targets.CLASSIFICATION:
        targets.as_classes(column, asked.where)
        return
    y = targets.as_numbers(column, asked.where)
    if np.ptp(y) == 0:
        raise TableFileError(
            f"{asked.where}: the target {asked.target!r} is {y[0]:g} in every row: expected "
            "numbers that differ"
        )


def _test(asked: Asked, columns: list[str], named: bool, console: Console) -> Examples:
    """The rows of another file; where the first has no names, it has none either."""
    where = str(asked.test)
    more = {} if named else {"header": False}
    _, frame = _read(asked, [where], console, known=columns, **more)
    for name in columns:
        column_in(frame.columns, name, "the model", where)
    column_in(frame.columns, asked.target, "the target", where)
    targets.expect_complete(frame.get_column(asked.target), where)
    there = [*columns, asked.target]
    if asked.weight:
        there.append(column_in(frame.columns, asked.weight, "--weight", where))
    return examples_of(
        frame.select(there), asked.target, where, weight=asked.weight, group=None, drop=()
    )


def _parted(asked: Asked, everything: Examples, task: str) -> _Parted:
    """Keep a fifth apart."""
    m = everything.X.height
    if not asked.holdout or m < _FEWEST_ROWS:
        return everything, None, "{rows} rows that each network was not trained on"
    codes = None
    if task == targets.CLASSIFICATION:
        codes = everything.target.rank("dense").cast(int).to_numpy() - 1
    part = parts_of(
        m,
        codes,
        everything.groups,
        split="random" if asked.time is None else "time",
        in_turn=False,
        seed=asked.seed,
        where=asked.where,
    )[0]
    which = "{rows} rows drawn" if asked.time is None else "the last {rows} rows"
    train, test = everything.taken(part.train), everything.taken(part.held_out)
    return train, test, f"{which} that nothing was trained on"
