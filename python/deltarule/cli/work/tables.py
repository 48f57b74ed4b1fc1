"""Tables and models as commands are given them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from deltarule._checks import did_you_mean
from deltarule._data.tables.options import Options
from deltarule._data.tables.reading import OpenTable
from deltarule.cli.console import Console
from deltarule.cli.work.origin import Origin
from deltarule.errors import ModelFileError, TableFileError
from deltarule.loading import load
from deltarule.tabular import MISSING

Command = TypeVar("Command", bound=Callable[..., Any])

HELP_OF_DATA = (
    "DATA are files of CSV (of any delimiter and encoding), TSV, Parquet, Arrow, JSON lines, "
    "NumPy, IDX or libsvm, packed by gzip or not, patterns such as 'part-*.csv', "
    "sqlite:file.db#table, or - for standard input."
)


def reads_tables(command: Command) -> Command:
    """Give a command the options that say how a CSV is to be read."""
    for option in (
        click.option(
            "--header/--no-header", default=None, help="Whether a CSV's first row holds names."
        ),
        click.option("--encoding", help="Of a CSV, such as cp1252; else it is told by the text."),
        click.option("--delimiter", help="Of a CSV, such as ';'; else it is told by the text."),
    ):
        command = option(command)
    return command


def options_of(
    delimiter: str | None, encoding: str | None, header: bool | None, **more: Any
) -> Options:
    """What was said of the files."""
    if delimiter is not None and len(delimiter.replace("\\t", "\t")) != 1:
        raise click.BadParameter(f"{delimiter!r}: expected one character", param_hint="--delimiter")
    if encoding is not None:
        try:
            "".encode(encoding)
        except LookupError:
            raise click.BadParameter(
                f"{encoding!r}: expected a name such as utf-8", param_hint="--encoding"
            ) from None
    return Options(
        delimiter=None if delimiter is None else delimiter.replace("\\t", "\t"),
        encoding=encoding,
        header=header,
        blanks=MISSING,
        **more,
    )


def column_in(names: Sequence[str], name: str, what: str, where: str) -> str:
    """The column of that name.

    Raises
    ------
    TableFileError
        Where there is none, with those that are meant.
    """
    if name in names:
        return name
    some = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    raise TableFileError(
        f"{where}: there is no column {name!r} for {what}"
        + (did_you_mean(name, names) or f": expected one of {some}")
    )


class Model:
    """A model of tables, with what it was made of.

    Parameters
    ----------
    path : str
        A file that ``train`` or ``save`` wrote.

    Raises
    ------
    ModelFileError, OSError
        For what is no model of tables.
    """

    def __init__(self, path: str) -> None:
        if not Path(path).exists():
            raise ModelFileError(f"{path}: there is no such file: expected a model that train made")
        self.path = path
        loaded: Any = load(path)
        self.kind = type(loaded).__name__
        if self.kind not in ("TabularClassifier", "TabularRegressor"):
            raise ModelFileError(
                f"{path}: it holds a {self.kind}: expected a model of tables, as train makes it"
            )
        self.fitted = loaded
        self.origin = Origin.of(loaded.record_)
        self.classes: list[Any] | None = None
        if self.kind == "TabularClassifier":
            self.classes = loaded.classes_.tolist()

    def opened(self, data: Sequence[str], console: Console, **options: Any) -> OpenTable:
        """A table that has all columns that the model goes by.

        Raises
        ------
        TableFileError
            For one that has not.
        """
        names = list(getattr(self.fitted, "feature_names_in_", ()))
        table = OpenTable(
            data,
            options_of(
                known=names,
                unnamed=() if self.origin.header else self.origin.columns,
                missing=self.origin.target,
                **options,
            ),
        )
        console.notes(table.notes)
        for name in self.fitted.encoder_.columns if names else ():
            column_in(table.columns, name, "the model", table.sources[0].name)
        return table

    def whole(self, data: Sequence[str], console: Console, **options: Any) -> tuple[OpenTable, Any]:
        """The same, and all of it as one frame.

        Raises
        ------
        TableFileError
            Also for one without rows.
        """
        table = self.opened(data, console, **options)
        frame = table.whole()
        if not frame.height:
            raise TableFileError(f"{table.sources[0].name}: it has no rows: expected some")
        return table, frame

    def features(self, frame: Any) -> Any:
        """A frame's columns that the model knows; by their places where it knows no names."""
        names = getattr(self.fitted, "feature_names_in_", None)
        if names is None:
            return frame.to_numpy()
        return frame.select([name for name in names if name in frame.columns])
