"""The run of a command that makes a model, from the table to the model's file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any

import click

import deltarule as dr
from deltarule.cli.console import Console
from deltarule.cli.making.found import Found, found_in
from deltarule.cli.making.judged import better_than, judged
from deltarule.cli.making.options import Asked
from deltarule.cli.work import judging, targets
from deltarule.cli.work.config import command_line, write_config
from deltarule.cli.work.examples import Examples
from deltarule.cli.work.origin import NAME, Origin
from deltarule.cli.work.outputs import expect_other
from deltarule.tabular import TableEncoder
from deltarule.tabular.models.training.course import Course

_MOST_NAMED = 5  # columns with missing values


def _nothing(record: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "", {}


@dataclass(frozen=True)
class Way:
    """How a model is trained, and what is told of it.

    Attributes
    ----------
    announce : str
        What is done, with a place for the number of rows.
    preset, time_limit
        Of the model.
    course : Course
    tell : callable
        ``words, values = tell(record)``, of how it was trained.
    """

    announce: str
    preset: str = "default"
    time_limit: float | None = None
    course: Course = field(default_factory=Course)
    tell: Callable[[dict[str, Any]], tuple[str, dict[str, Any]]] = _nothing


def make(context: click.Context, console: Console, way: Way) -> None:
    """Make the model that a command's options ask for."""
    asked = Asked.of(context.params)
    expect_other(asked.model, [*asked.data, asked.test or ""])
    kinds = asked.kinds
    if asked.threads:
        dr.set_num_threads(asked.threads)
    found = found_in(asked, console)
    is_of_classes = found.task == targets.CLASSIFICATION
    model: Any = (dr.TabularClassifier if is_of_classes else dr.TabularRegressor)(
        preset=way.preset,
        time_limit=way.time_limit,
        encoder=TableEncoder(kinds=kinds) if kinds else None,
        split="random" if asked.time is None else "time",
        random_state=asked.seed,
        verbose=console.live,
    )

    def tell(encoder: TableEncoder) -> None:
        _tell_missing(found.train, console)
        console.table(f"\n{encoder.describe()}\n")
        console.tell(way.announce.format(rows=f"{found.train.X.height:,}"))

    model._course = replace(way.course, found=tell)
    _fit(model, asked, found, console)
    words, values = way.tell(model.record_)
    if words:
        console.say(words)
    scores, rows, simple = judged(model, asked, found, console)
    repeat = command_line(context)
    origin = Origin(repeat, asked.target, found.columns, found.named, judging.as_values(scores))
    model.record_[NAME] = origin.to_record()
    model.save(asked.model)
    if asked.save_config:
        write_config(asked.save_config, context)
    if asked.report:
        scored_on = found.train if found.test is None else found.test
        model.report(
            asked.report,
            scored_on.X,
            scored_on.target,
            sample_weight=scored_on.weights,
            train=(found.train.X, found.train.target, found.train.weights),
            baselines=simple or True,
            command=repeat,
        )
    console.say()
    console.tell(f"Scores on {found.which.format(rows=f'{rows:,}')}{judging.intervals_of(scores)}:")
    console.say(judging.as_text(scores))
    best = better_than(scores)
    if best is not None:
        console.tell(f"note: {best} does better here than the model")
    console.say(f"\nthe model:        {asked.model}")
    if asked.report:
        console.say(f"the report:       {asked.report}")
    console.say(f"the same again:   {repeat}")
    console.say(f"what to do next:  deltarule predict {asked.model} NEW.csv -o predictions.csv")
    if console.as_json:
        console.result(
            "",
            {
                "model": str(asked.model),
                "task": found.task,
                "rows": found.train.X.height,
                "scored_rows": rows,
                "scores": judging.as_values(scores),
                "seconds": model.record_["seconds"],
                "command": repeat,
                **values,
            },
        )


def _tell_missing(train: Examples, console: Console) -> None:
    counts = zip(train.X.columns, train.X.null_count().row(0), strict=True)
    missing = [f"{name} {count:,}" for name, count in counts if count]
    if missing:
        more = len(missing) - _MOST_NAMED
        rest = f" and in {more} more" if more > 0 else ""
        console.tell(f"missing values: {', '.join(missing[:_MOST_NAMED])}{rest}")


def _fit(model: Any, asked: Asked, found: Found, console: Console) -> None:
    began = perf_counter()
    train = found.train
    if found.task == targets.CLASSIFICATION:
        y: Any = targets.as_classes(train.target, asked.where)
    else:
        y = targets.as_numbers(train.target, asked.where)
    with console.hearing_warnings():
        model.fit(train.X, y, train.weights, groups=train.groups)
    mix = f"{len(model.ensemble_)} networks, seen at their best, are the model"
    console.say(f"trained in {perf_counter() - began:.1f} s: {mix}")
