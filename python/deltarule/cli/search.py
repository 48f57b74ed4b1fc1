"""``deltarule search``: a better model of a table than ``train`` makes, within a budget."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from deltarule._training.progress import duration
from deltarule.cli.console import Console
from deltarule.cli.making.options import makes_models
from deltarule.cli.making.run import Way, make
from deltarule.cli.work.durations import seconds_of
from deltarule.cli.work.tables import HELP_OF_DATA
from deltarule.history import Right, as_table
from deltarule.tabular.models.training.course import Course
from deltarule.tabular.models.training.rounds import FEW_ROWS, Round, searched

_HEADS = {"learning_rate": "rate", "weight_decay": "decay"}
_COLUMNS = ("round", "layers", "units", "dropout", "waves", "sigma", *_HEADS, "epochs")


@click.command(
    "search",
    help=f"""Make a better model of a table than train does, within a budget of time.

    The first round trains what train does. Each later one trains networks that are drawn near the
    best so far, and the model is the mix of all that does best on rows held out. It ends with the
    budget, or when three rounds have made nothing better, and tells what was tried.

    {HELP_OF_DATA} Several files are one table.

    \b
    deltarule search adult.csv --target income --budget 5m
    """,
)
@makes_models(
    click.option(
        "--budget",
        type=seconds_of,
        metavar="TIME",
        default="5m",
        show_default=True,
        help="Time to search for, such as 90s, 5m or 1h.",
    ),
    click.option(
        "--most", type=click.IntRange(1), metavar="N", default=10, help="Networks that are told."
    ),
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    budget: float,
    most: int,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Search, score, write, and tell what was tried."""
    console = Console(quiet, as_json)

    def hear(each: Round) -> None:
        console.say(
            f"round {each.number}: {each.members} networks, best {each.best:.4g}, mix "
            f"{each.mix:.4g}, after {duration(each.seconds)}"
        )

    announce = (
        f"searching on {{rows}} rows, for {duration(budget)} at most; losses on rows held out:"
    )
    course = Course(train=partial(searched, hear=hear), few_rows=FEW_ROWS)
    make(ctx, console, Way(announce, time_limit=budget, course=course, tell=partial(_told, most)))


def _told(most: int, record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The best of what was tried, in a table; and all of it, for a program."""
    tried: list[dict[str, Any]] = record.get("tried", [])
    best = tried[:most]
    cells: dict[str, list[Any]] = {
        _HEADS.get(name, name): [each[name] for each in best] for name in _COLUMNS
    }
    cells["loss"] = [Right(f"{each['loss']:.4g}") for each in best]
    head = f"The {len(best)} best of {len(tried)} networks tried, by their loss on rows held out:"
    return f"\n{head}\n{as_table(cells)}", {"tried": tried}
