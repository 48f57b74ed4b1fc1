"""``deltarule predict``: a table's rows to answers, a piece at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

import deltarule as dr
from deltarule._arrays import Array
from deltarule._data.tables.reading import OpenTable
from deltarule.cli.console import Console, said
from deltarule.cli.work.outputs import expect_other, expect_suffix, write_frames
from deltarule.cli.work.tables import HELP_OF_DATA, Model, column_in, reads_tables
from deltarule.errors import TableFileError


@click.command(
    "predict",
    help=f"""Predict a table's rows by a MODEL that train made.

    {HELP_OF_DATA} It is read in pieces, so that it may be larger than the memory.

    \b
    deltarule predict adult.safetensors new.csv -o predictions.csv --id person
    """,
)
@click.argument("model")
@click.argument("data", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    default="-",
    help="A file that ends in .csv, .tsv, .jsonl or .parquet; by default CSV on standard output.",
)
@click.option("--id", "ids", metavar="COLUMN", multiple=True, help="A column to keep beside.")
@click.option("--keep-all", is_flag=True, help="Keep all columns beside.")
@click.option(
    "--probabilities/--no-probabilities", default=True, help="Of each class, beside the likeliest."
)
@click.option(
    "--interval",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="COVERAGE",
    help="Of numbers: between which bounds so large a part of the targets is, such as 0.9.",
)
@click.option("--explain", is_flag=True, help="What each column adds to each prediction.")
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="N",
    default=65_536,
    show_default=True,
    help="Of a piece.",
)
@click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="By default as many as there are."
)
@reads_tables
@said
def command(
    model: str,
    data: Sequence[str],
    output: str,
    ids: Sequence[str],
    keep_all: bool,
    probabilities: bool,
    interval: float | None,
    explain: bool,
    rows: int,
    threads: int | None,
    quiet: bool,
    as_json: bool,
    **reading: Any,
) -> None:
    """Predict, and write."""
    console = Console(quiet, as_json)
    expect_suffix(output)
    if output != "-":
        expect_other(output, [*data, model])
    elif as_json:
        raise click.UsageError("--json tells of the run on standard output: expected -o FILE too")
    if threads:
        dr.set_num_threads(threads)
    of_tables = Model(model)
    if interval is not None and of_tables.classes is not None:
        raise click.UsageError("--interval is for numbers: the model predicts classes")
    table = of_tables.opened(data, console, rows=rows, **reading)
    where = table.sources[0].name
    kept = table.columns if keep_all else [column_in(table.columns, i, "--id", where) for i in ids]
    answers = _Answers(of_tables, kept, probabilities, interval, explain)
    with console.hearing_warnings():
        write_frames(output, answers.of(table, console))
    if output != "-":
        console.say(f"{answers.rows:,} rows are predicted in {output}")
        if as_json:
            console.result("", {"output": output, "rows": answers.rows})


class _Answers:
    """What a model says of pieces of a table."""

    def __init__(
        self,
        model: Model,
        kept: Sequence[str],
        probabilities: bool,
        interval: float | None,
        explain: bool,
    ) -> None:
        self._model, self._kept = model, list(kept)
        self._probabilities, self._interval, self._explain = probabilities, interval, explain
        self.rows = 0

    def of(self, table: OpenTable, console: Console) -> Iterator[Any]:
        """A frame of answers for each piece."""
        for piece in table:
            try:
                yield self._frame(piece)
            except (ValueError, TypeError) as error:
                first, last = self.rows + 1, self.rows + piece.height
                raise TableFileError(
                    f"{table.sources[0].name}: in rows {first:,} to {last:,}: {error}"
                ) from error
            self.rows += piece.height
            if console.live:
                click.echo(f"\r{self.rows:,} rows", err=True, nl=False)
        if console.live:
            click.echo("\r", err=True, nl=False)

    def _frame(self, piece: Any) -> Any:
        import polars as pl

        columns: list[tuple[str, Any]] = [(name, piece.get_column(name)) for name in self._kept]
        if piece.height:
            columns += self._answers(self._model.features(piece))
        names = [name for name, _ in columns]
        # An answer's name may be that of a column of the table's own.
        free = [
            f"{name} (predicted)" if name in names[:at] else name for at, name in enumerate(names)
        ]
        return pl.DataFrame(
            [pl.Series(name, values) for name, (_, values) in zip(free, columns, strict=True)]
        )

    def _answers(self, X: Any) -> list[tuple[str, Any]]:
        model, classes = self._model.fitted, self._model.classes
        codes: Array | None = None
        found: list[tuple[str, Any]]
        if classes is None:
            found = [("prediction", model.predict(X))]
        else:
            P = model.predict_proba(X)
            codes = P.argmax(axis=1)
            found = [("prediction", [classes[code] for code in codes.tolist()])]
            if self._probabilities:
                found += [(f"probability {each}", P[:, k]) for k, each in enumerate(classes)]
        if self._interval is not None:
            lower, upper = model.predict_interval(X, self._interval)
            found += [("lower", lower), ("upper", upper)]
        if self._explain:
            found += self._parts(X, codes)
        return found

    def _parts(self, X: Any, codes: Array | None) -> list[tuple[str, Any]]:
        """What each column adds: to the number, or to the log-odds of the class that is told."""
        # Of importance, which is of all rows, as little as may be is computed.
        told = self._model.fitted.explain(X, repeats=1, max_rows=1)
        parts = told.attributions
        if codes is None or parts.shape[2] == 1:
            of_output = parts[:, :, 0]
            if codes is not None:  # of two classes, the log-odds of the second
                of_output = of_output * (2 * codes[:, None] - 1)
        else:
            of_output = parts[range(len(parts)), :, codes]
        return [(f"part of {name}", of_output[:, at]) for at, name in enumerate(told.columns)]
