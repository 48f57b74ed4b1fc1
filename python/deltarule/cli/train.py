"""``deltarule train``: a table to a model."""

from __future__ import annotations

from typing import Any

import click

from deltarule._training.progress import duration
from deltarule.cli.console import Console
from deltarule.cli.making.options import makes_models
from deltarule.cli.making.run import Way, make
from deltarule.cli.work.durations import seconds_of
from deltarule.cli.work.tables import HELP_OF_DATA
from deltarule.tabular.models.training.recipe import PRESETS


@click.command(
    "train",
    help=f"""Make a model of a table: say which column is to be predicted.

    {HELP_OF_DATA} Several files are one table.

    \b
    deltarule train adult.csv --target income
    deltarule train rides.parquet --target fare --preset best --report rides.html
    """,
)
@makes_models(
    click.option(
        "--preset",
        type=click.Choice(sorted(PRESETS)),
        default="default",
        show_default=True,
        help="How much is trained.",
    ),
    click.option(
        "--time-limit", type=seconds_of, metavar="TIME", help="For training, as 60s, 5m or 1h."
    ),
)
@click.pass_context
def command(
    ctx: click.Context,
    /,
    preset: str,
    time_limit: float | None,
    quiet: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Find out what there is, train, score, write."""
    upto = "" if time_limit is None else f", for {duration(time_limit)} at most"
    announce = f"training on {{rows}} rows (preset {preset}{upto}) ..."
    make(ctx, Console(quiet, as_json), Way(announce, preset, time_limit))
