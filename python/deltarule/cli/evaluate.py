"""``deltarule evaluate``: a model's scores on a table that has the target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from deltarule.cli.console import Console, said
from deltarule.cli.work import judging, targets
from deltarule.cli.work.tables import HELP_OF_DATA, Model, column_in, reads_tables


@click.command(
    "evaluate",
    help=f"""Score a MODEL on a table that has the target, with intervals of 95 %.

    {HELP_OF_DATA}
    """,
)
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option("-t", "--target", help="The target's column, where it is not called as in training.")
@click.option("--weight", metavar="COLUMN", help="What rows count for.")
@reads_tables
@said
def command(
    model: str,
    data: Sequence[str],
    target: str | None,
    weight: str | None,
    quiet: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Predict, and compare."""
    console = Console(quiet, as_json)
    of_tables = Model(model)
    table, frame = of_tables.whole(data, console, **reading)
    where = table.sources[0].name
    name = target or of_tables.origin.target
    if not name:
        raise click.UsageError(f"{model} does not say what its target is called: expected --target")
    column = frame.get_column(column_in(table.columns, name, "the target", where))
    targets.expect_complete(column, where)
    weights = None
    if weight is not None:
        held = frame.get_column(column_in(table.columns, weight, "--weight", where))
        weights = targets.as_numbers(held, where)
    y, note = judging.coded(column, of_tables.classes, where)
    console.notes([note] if note else [])
    with console.hearing_warnings():
        predictions = judging.predicted(of_tables.fitted, of_tables.features(frame))
    scores = {"this model": judging.scored(predictions, y, weights)}
    console.tell(f"{frame.height:,} rows of {where}{judging.intervals_of(scores)}:")
    console.result(
        judging.as_text(scores),
        {"rows": frame.height, "scores": judging.as_values(scores)["this model"]},
    )
