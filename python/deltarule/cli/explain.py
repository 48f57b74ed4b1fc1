"""``deltarule explain``: which columns a model goes by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from deltarule.cli.console import Console, said
from deltarule.cli.work import judging
from deltarule.cli.work.tables import HELP_OF_DATA, Model, reads_tables
from deltarule.cli.work.targets import expect_complete
from deltarule.errors import TableFileError


@click.command(
    "explain",
    help=f"""Tell which columns a MODEL goes by, best on rows that it was not trained on.

    {HELP_OF_DATA} With the target in it a column's importance is how much worse predictions become
    when it is shuffled, else how far they move.
    """,
)
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "--row", type=click.IntRange(1), metavar="N", help="Explain this row's prediction alone."
)
@click.option(
    "--most", type=click.IntRange(1), metavar="N", default=20, help="Columns that are told."
)
@click.option("--seed", type=int, default=0, help="Of the shuffling.")
@reads_tables
@said
def command(
    model: str,
    data: Sequence[str],
    row: int | None,
    most: int,
    seed: int,
    quiet: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Shuffle, and tell."""
    console = Console(quiet, as_json)
    of_tables = Model(model)
    table, frame = of_tables.whole(data, console, **reading)
    where = table.sources[0].name
    if row is not None and row > frame.height:
        raise TableFileError(f"{where}: it has {frame.height:,} rows: expected --row in them")
    y: Any = None
    if row is not None:
        frame = frame[[row - 1]]
    elif of_tables.origin.target in table.columns:
        column = frame.get_column(of_tables.origin.target)
        expect_complete(column, where)
        y, _ = judging.coded(column, of_tables.classes, where)
        if of_tables.classes is not None:
            y = [of_tables.classes[code] for code in y.tolist()]
    with console.hearing_warnings():
        told = of_tables.fitted.explain(of_tables.features(frame), y, seed=seed)
    values: dict[str, Any] = {"columns": list(told.columns), "outputs": list(told.outputs)}
    if row is None:
        values |= {"importance": told.importance, "measure": told.measure}
    else:
        values |= {"prediction": told.predictions[0], "base": told.base}
        values |= {"attributions": told.attributions[0]}
    text = told.summary(row=None if row is None else 0, most=most)
    console.result(text.replace("prediction 0:", f"the prediction of row {row}:", 1), values)
