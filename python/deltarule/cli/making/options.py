"""The options of commands that make models, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

import click

from deltarule.cli.console import said
from deltarule.cli.work import targets
from deltarule.cli.work.config import read_config
from deltarule.cli.work.tables import reads_tables

Command = TypeVar("Command", bound=Callable[..., Any])

_IN_ORDER = ""  # of `--time`, without a column
_KINDS = ("number", "category", "date", "drop")


@dataclass(frozen=True)
class Asked:
    """What a command is asked for: its options, by their names."""

    data: Sequence[str]
    target: str
    output: str | None
    task: str | None
    test: str | None
    holdout: bool
    group: str | None
    time: str | None
    weight: str | None
    drop: Sequence[str]
    kind: Sequence[str]
    drop_missing: bool
    seed: int
    threads: int | None
    report: str | None
    save_config: str | None
    delimiter: str | None
    encoding: str | None
    header: bool | None

    @classmethod
    def of(cls, options: dict[str, Any]) -> Self:
        """Those of a command's options that are of every such command."""
        return cls(**{each.name: options[each.name] for each in fields(cls)})

    @property
    def where(self) -> str:
        """The table, as messages call it."""
        return self.data[0] if len(self.data) == 1 else f"{self.data[0]}, ..."

    @property
    def model(self) -> Path:
        """The model's file: by default beside the data, by its name."""
        return Path(self.output) if self.output else _beside(self.data[0])

    @property
    def kinds(self) -> dict[str, str]:
        """What columns are to be.

        Raises
        ------
        click.BadParameter
            For what is no kind.
        """
        found = {}
        for each in self.kind:
            name, equals, kind = each.rpartition("=")
            if not equals or kind not in _KINDS:
                raise click.BadParameter(
                    f"{each!r}: expected COLUMN=KIND, with number, category, date or drop",
                    param_hint="--kind",
                )
            found[name] = kind
        return found


def _beside(name: str) -> Path:
    bare = name.removeprefix("sqlite:")
    if name == "-" or any(sign in name for sign in "*?["):
        return Path("model.safetensors")
    file, _, table = bare.partition("#") if bare != name else (name, "", "")
    path = Path(file)
    stem = table or path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name
    return path.with_name(f"{stem}.safetensors")


def _with_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Have a file's options stand in for those that are not given."""
    if value is not None:
        ctx.default_map = {**(ctx.default_map or {}), **read_config(value, ctx.command)}
    return value


_FIRST = (
    click.argument("data", nargs=-1, required=True),
    click.option(
        "-t",
        "--target",
        metavar="COLUMN",
        required=True,
        help="The column that is to be predicted.",
    ),
    click.option(
        "-o", "--output", metavar="FILE", help="The model's file; by default beside the data."
    ),
)
_THEN = (
    click.option(
        "--task",
        type=click.Choice([targets.CLASSIFICATION, targets.REGRESSION]),
        help="Of classes or of numbers; else it is told by the target.",
    ),
    click.option("--test", metavar="FILE", help="Rows to score on, in place of a fifth of DATA."),
    click.option(
        "--holdout/--no-holdout",
        default=True,
        help="Whether a fifth of the rows is kept apart, to score on.",
    ),
    click.option("--group", metavar="COLUMN", help="Rows of a group are held out together."),
    click.option(
        "--time",
        metavar="[COLUMN]",
        is_flag=False,
        flag_value=_IN_ORDER,
        help="The future is to be predicted: hold out the last rows, in the order of a column or "
        "as they are.",
    ),
    click.option("--weight", metavar="COLUMN", help="What rows count for."),
    click.option("--drop", metavar="COLUMN", multiple=True, help="Leave a column out."),
    click.option(
        "--kind",
        metavar="COLUMN=KIND",
        multiple=True,
        help="Have a column be a number, category or date, or drop it.",
    ),
    click.option("--drop-missing", is_flag=True, help="Leave out rows whose target is missing."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn."),
    click.option(
        "--threads", type=click.IntRange(1), metavar="N", help="By default as many as there are."
    ),
    click.option("--report", metavar="FILE", help="Write a report to an HTML file."),
    click.option(
        "--config",
        metavar="FILE",
        is_eager=True,
        callback=_with_config,
        help="Options of a TOML file; those of the command go before.",
    ),
    click.option("--save-config", metavar="FILE", help="Write the options to a TOML file."),
    reads_tables,
    said,
)


def makes_models(*own: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Give a command the options that all such commands have, and some of its own."""
    options: tuple[Callable[[Any], Any], ...] = (*_FIRST, *own, *_THEN)

    def with_options(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options
