"""``deltarule train``: a table to a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np

import deltarule as dr
from deltarule._arrays import Array
from deltarule._data.tables.reading import OpenTable
from deltarule.cli.console import Console, said
from deltarule.cli.work import judging, targets
from deltarule.cli.work.config import command_line, read_config, write_config
from deltarule.cli.work.examples import Examples, examples_of, in_time
from deltarule.cli.work.judging import Score
from deltarule.cli.work.origin import NAME, Origin
from deltarule.cli.work.outputs import expect_other
from deltarule.cli.work.tables import HELP_OF_DATA, column_in, options_of, reads_tables
from deltarule.errors import TableFileError
from deltarule.report.material.baselines import Baseline, baselines
from deltarule.tabular import TableEncoder
from deltarule.tabular.models.training.recipe import PRESETS
from deltarule.tabular.models.training.split import parts_of

_IN_ORDER = ""  # of `--time`, without a column


def _with_config(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Have a file's options stand in for those that are not given."""
    if value is not None:
        ctx.default_map = {**(ctx.default_map or {}), **read_config(value, ctx.command)}
    return value


@click.command(
    "train",
    help=f"""Make a model of a table: say which column is to be predicted.

    {HELP_OF_DATA} Several files are one table.

    \b
    deltarule train adult.csv --target income
    deltarule train rides.parquet --target fare --preset best --report rides.html
    """,
)
@click.argument("data", nargs=-1, required=True)
@click.option("-t", "--target", required=True, help="The column that is to be predicted.")
@click.option("-o", "--output", help="The model's file; by default beside the data.")
@click.option(
    "--task",
    type=click.Choice([targets.CLASSIFICATION, targets.REGRESSION]),
    help="Of classes or of numbers; else it is told by the target.",
)
@click.option(
    "--preset", type=click.Choice(sorted(PRESETS)), default="default", help="How much is trained."
)
@click.option("--time-limit", type=float, metavar="SECONDS", help="For training.")
@click.option("--test", metavar="FILE", help="Rows to score on, in place of a fifth of DATA.")
@click.option(
    "--holdout/--no-holdout",
    default=True,
    help="Whether a fifth of the rows is kept apart, to score on.",
)
@click.option("--group", metavar="COLUMN", help="Rows of a group are held out together.")
@click.option(
    "--time",
    metavar="[COLUMN]",
    is_flag=False,
    flag_value=_IN_ORDER,
    help="The future is to be predicted: hold out the last rows, in the order of a column or as "
    "they are.",
)
@click.option("--weight", metavar="COLUMN", help="What rows count for.")
@click.option("--drop", metavar="COLUMN", multiple=True, help="Leave a column out.")
@click.option(
    "--kind",
    metavar="COLUMN=KIND",
    multiple=True,
    help="Have a column be a number, category or date, or drop it.",
)
@click.option("--drop-missing", is_flag=True, help="Leave out rows whose target is missing.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@click.option("--threads", type=click.IntRange(1), help="By default as many as there are.")
@click.option("--report", metavar="FILE", help="Write a report to an HTML file.")
@click.option(
    "--config",
    metavar="FILE",
    is_eager=True,
    callback=_with_config,
    help="Options of a TOML file; those of the command go before.",
)
@click.option("--save-config", metavar="FILE", help="Write the options to a TOML file.")
@reads_tables
@said
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find out what there is, train, score, write."""
    console = Console(options["quiet"], options["as_json"])
    _Run(ctx, console).make()


class _Run:
    """A run of ``train``."""

    def __init__(self, context: click.Context, console: Console) -> None:
        self._context, self._console = context, console
        self._options: dict[str, Any] = context.params
        self._data: Sequence[str] = self._options["data"]
        self._named = True  # whether columns have names
        self._baselines: list[Baseline] = []  # as far as they were fitted
        self._where = self._data[0] if len(self._data) == 1 else f"{self._data[0]}, ..."

    def make(self) -> None:
        """Everything, in order."""
        options, console = self._options, self._console
        output = Path(options["output"] or _beside(self._data[0]))
        expect_other(output, [*self._data, options["test"] or ""])
        kinds = _kinds(options["kind"])
        if options["threads"]:
            dr.set_num_threads(options["threads"])
        table, frame = self._read(self._data)
        self._target = column_in(frame.columns, options["target"], "the target", self._where)
        everything, task = self._examples(table, frame, kinds)
        train, test, why = self._parted(everything, task)
        self._tell(table, train, kinds)
        model = self._model(task, kinds)
        self._fit(model, train, task)
        scores, rows = self._judged(model, train, test)
        repeat = command_line(self._context)
        origin = Origin(
            repeat,
            self._target,
            table.columns,
            table.named,
            judging.as_values(scores),
        )
        model.record_[NAME] = origin.to_record()
        model.save(output)
        if options["save_config"]:
            write_config(options["save_config"], self._context)
        if options["report"]:
            scored_on = train if test is None else test
            model.report(
                options["report"],
                scored_on.X,
                scored_on.target,
                sample_weight=scored_on.weights,
                train=(train.X, train.target, train.weights),
                baselines=self._baselines or True,
                command=repeat,
            )
        console.say(f"\nScores on {why.format(rows=rows)}, with intervals of 95 %:")
        text = judging.as_text(scores)
        console.say(text)
        best = _best(scores)
        if best is not None:
            console.say(f"note: {best} does better here than the model")
        console.say(f"\nthe model:        {output}")
        console.say(f"the same again:   {repeat}")
        console.say(f"what to do next:  deltarule predict {output} NEW.csv -o predictions.csv")
        if console.as_json:
            console.result(
                "",
                {
                    "model": str(output),
                    "task": task,
                    "rows": train.X.height,
                    "scored_rows": rows,
                    "scores": judging.as_values(scores),
                    "seconds": model.record_["seconds"],
                    "command": repeat,
                },
            )

    def _read(self, names: Sequence[str], known: Sequence[str] = ()) -> tuple[OpenTable, Any]:
        options = self._options
        given = {name: options[name] for name in ("delimiter", "encoding", "header")}
        if known and not self._named:  # of one file without names the other has none either
            given["header"] = False
        table = OpenTable(names, options_of(**given, known=known or (options["target"],)))
        self._named, frame = table.named, table.whole()
        self._console.notes(table.notes)
        if not frame.height:
            raise TableFileError(f"{names[0]}: it has no rows below its header: expected some")
        return table, frame

    def _examples(
        self, table: OpenTable, frame: Any, kinds: dict[str, str]
    ) -> tuple[Examples, str]:
        """The rows, checked, and the task."""
        options, console, where = self._options, self._console, self._where
        for what in ("weight", "group", "time"):
            if options[what]:
                column_in(frame.columns, options[what], f"--{what}", where)
        for name in options["drop"]:
            column_in(frame.columns, name, "--drop", where)
        for name in kinds:
            column_in(frame.columns, name, "--kind", where)
        if options["drop_missing"]:
            gone = targets.rows_without(frame.get_column(self._target))
            if len(gone):
                frame = frame[np.setdiff1d(np.arange(frame.height), gone)]
                console.say(f"note: {len(gone):,} rows without a target are left out")
        column = frame.get_column(self._target)
        targets.expect_complete(column, where)
        if options["time"]:
            frame = in_time(frame, options["time"], where)
        found, why = targets.task_of(column)
        task = options["task"] or found
        why = "as --task says" if options["task"] else f"{why} (--task says otherwise)"
        console.say(f"{self._where}: {frame.height:,} rows, {frame.width} columns")
        console.say(f"target {self._target!r}: {task}, as {why.removeprefix('as ')}")
        everything = examples_of(
            frame,
            self._target,
            where,
            weight=options["weight"],
            group=options["group"],
            drop=options["drop"],
        )
        if task == targets.CLASSIFICATION:
            targets.as_classes(column, where)
        else:
            y = targets.as_numbers(column, where)
            if np.ptp(y) == 0:
                raise TableFileError(
                    f"{where}: the target {self._target!r} is {y[0]:g} in every row: expected "
                    "numbers that differ"
                )
        return everything, task

    def _parted(self, everything: Examples, task: str) -> tuple[Examples, Examples | None, str]:
        """Rows to train on, rows to score on, and which these are."""
        options = self._options
        if options["test"]:
            _, frame = self._read([options["test"]], everything.X.columns)
            column_in(frame.columns, self._target, "the target", options["test"])
            for name in everything.X.columns:
                column_in(frame.columns, name, "the model", options["test"])
            targets.expect_complete(frame.get_column(self._target), options["test"])
            if options["weight"]:
                column_in(frame.columns, options["weight"], "--weight", options["test"])
            there = [*everything.X.columns, self._target]
            there += [options["weight"]] if options["weight"] else []
            test = examples_of(
                frame.select(there),
                self._target,
                options["test"],
                weight=options["weight"],
                group=None,
                drop=(),
            )
            return everything, test, f"{{rows:,}} rows of {options['test']}"
        m = everything.X.height
        if not options["holdout"] or m < 10:
            return everything, None, "{rows:,} rows that each network was not trained on"
        codes = None
        if task == targets.CLASSIFICATION:
            codes = everything.target.rank("dense").cast(int).to_numpy() - 1
        in_time = options["time"] is not None
        part = parts_of(
            m,
            codes,
            everything.groups,
            split="time" if in_time else "random",
            in_turn=False,
            seed=options["seed"],
            where=self._where,
        )[0]
        which = "the last {rows:,} rows" if in_time else "{rows:,} rows drawn"
        train, test = everything.taken(part.train), everything.taken(part.held_out)
        return train, test, f"{which} that nothing was trained on"

    def _tell(self, table: OpenTable, train: Examples, kinds: dict[str, str]) -> None:
        """What was found, before anything is trained."""
        console = self._console
        if console.quiet:
            return
        missing = [(name, count) for name, count in zip(
            train.X.columns, train.X.null_count().row(0), strict=True
        ) if count]  # fmt: skip
        if missing:
            some = ", ".join(f"{name} {count:,}" for name, count in missing[:5])
            more = f" and in {len(missing) - 5} more" if len(missing) > 5 else ""
            console.say(f"missing values: {some}{more}")
        encoder = TableEncoder(kinds=kinds or None)
        encoder.fit(train.X)
        console.say(f"\n{encoder.describe()}\n")

    def _model(self, task: str, kinds: dict[str, str]) -> Any:
        options = self._options
        kind: Any = dr.TabularClassifier if task == targets.CLASSIFICATION else dr.TabularRegressor
        return kind(
            preset=options["preset"],
            time_limit=options["time_limit"],
            encoder=TableEncoder(kinds=kinds) if kinds else None,
            split="random" if options["time"] is None else "time",
            random_state=options["seed"],
            verbose=self._console.live,
        )

    def _fit(self, model: Any, train: Examples, task: str) -> None:
        console = self._console
        limit = self._options["time_limit"]
        upto = "" if limit is None else f", for {limit:g} s at most"
        console.say(f"training on {train.X.height:,} rows (preset {model.preset}{upto}) ...")
        began = perf_counter()
        if task == targets.CLASSIFICATION:
            y: Any = targets.as_classes(train.target, self._where)
        else:
            y = targets.as_numbers(train.target, self._where)
        with console.hearing_warnings():
            model.fit(train.X, y, train.weights, groups=train.groups)
        mix = f"{len(model.ensemble_)} networks, seen at their best, are the model"
        console.say(f"trained in {perf_counter() - began:.1f} s: {mix}")

    def _judged(
        self, model: Any, train: Examples, test: Examples | None
    ) -> tuple[judging.Scores, int]:
        """The model's scores beside those of simple ones, and on how many rows."""
        if test is None:
            own = [
                Score(name.replace("_", " "), value, np.nan, np.nan)
                for name, value in model.scores_.items()
            ]
            return {"this model": own}, int(model.record_["held_out"])
        classes = getattr(model, "classes_", None)
        known = None if classes is None else classes.tolist()
        where = self._options["test"] or self._where
        y_train, _ = judging.coded(train.target, known, self._where)
        y_test, note = judging.coded(test.target, known, where)
        self._console.notes([note] if note else [])

        def scored(predictions: Array) -> list[Score]:
            return judging.scored(predictions, y_test, test.weights)

        scores = {"this model": scored(judging.predicted(model, test.X))}
        self._console.say("training simple models to compare with ...")
        for each in baselines(
            model.encoder_.encoded(train.X, "train")[0],
            y_train,
            model.encoder_.encoded(test.X, "train")[0],
            model.encoder_.embedded,
            n_classes=0 if known is None else len(known),
            weights=train.weights,
            seed=self._options["seed"],
        ):
            scores[each.name] = scored(each.predictions)
            self._baselines.append(each)
        return scores, test.X.height


def _beside(name: str) -> str:
    """The model's file: beside the data, by its name."""
    bare = name.removeprefix("sqlite:")
    if name == "-" or any(sign in name for sign in "*?["):
        return "model.safetensors"
    file, _, table = bare.partition("#") if bare != name else (name, "", "")
    path = Path(file)
    stem = table or path.name.removesuffix(".gz").rsplit(".", 1)[0] or path.name
    return str(path.with_name(f"{stem}.safetensors"))


def _kinds(given: Sequence[str]) -> dict[str, str]:
    kinds = {}
    for each in given:
        name, equals, kind = each.rpartition("=")
        if not equals or kind not in ("number", "category", "date", "drop"):
            raise click.BadParameter(
                f"{each!r}: expected COLUMN=KIND, with number, category, date or drop",
                param_hint="--kind",
            )
        kinds[name] = kind
    return kinds


def _best(scores: judging.Scores) -> str | None:
    """Who does better than the model, by the first score; None for nobody."""
    first = {who: some[0] for who, some in scores.items()}
    own = first.pop("this model")
    sign = -1 if own.name in ("RMSE", "MAE", "log loss") else 1
    better = [who for who, each in first.items() if sign * each.value > sign * own.value]
    return max(better, key=lambda who: sign * first[who].value, default=None)
