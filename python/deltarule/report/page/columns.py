"""What predictions go by, and what is in the columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from deltarule.report.checks.finding import short
from deltarule.report.drawing.axes import day, number
from deltarule.report.drawing.bars import bar, dots, small_histogram
from deltarule.report.drawing.lines import Line, lines
from deltarule.report.facts.columns import FEWEST_ROWS, ColumnFacts, Part
from deltarule.report.facts.effects import Effect
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page.pieces import Right, figure, keys, percent, section, table

_MOST_IMPORTANT, _MOST_COLUMNS, _MOST_LEFT_OUT = 25, 100, 50
_AT_ONCE = 25  # columns that are shown without being asked for


def importance(facts: Facts) -> Markup:
    """Columns by what shuffling them costs, and the shapes of their effects."""
    found = facts.importance
    order = np.argsort(-np.nan_to_num(found.mean, nan=-np.inf), kind="stable")
    most = float(np.nanmax(found.mean, initial=0.0)) or 1.0
    rows = [
        (short(found.columns[k]), float(found.mean[k]), float(found.deviation[k]),
         bar(found.mean[k] / most))
        for k in order[:_MOST_IMPORTANT]
        if np.isfinite(found.mean[k])
    ]  # fmt: skip
    left = len(found.columns) - len(rows)
    parts = [
        table(f"{found.measure[:1].upper()}{found.measure[1:]} when the column is shuffled",
              ("column", "mean", "deviation", "beside the most"), rows),
        tag("p", f"And {left:,} columns that matter less." if left > 0 else "", class_="soft"),
        tag("p", "Two columns that tell the same share what they are worth, and what a model goes "
                 "by need not be a cause.", class_="soft"),
    ]  # fmt: skip
    if facts.effects:
        # One scale for all, as else noise would look like an effect.
        ends = _ends(facts.effects)
        parts += [
            tag("h3", "The shape of their effects"),
            tag("p", "What is predicted on average, were all rows to have this value and else "
                     "remain as they are."),
            _legend(facts.effects[0]),
            tag("div", *(_effect(each, facts, ends) for each in facts.effects), class_="charts"),
        ]  # fmt: skip
    return section("importance", "What predictions go by", *parts, of=facts)


def _legend(effect: Effect) -> Markup:
    if len(effect.lines) < 2:
        return Markup("")
    return keys((f"k{k}", name) for k, name in enumerate(effect.lines, 1))


def _ends(effects: Sequence[Effect]) -> tuple[float, float]:
    """From the least to the greatest that is predicted in any, and some room."""
    least = min(float(each.predicted.min()) for each in effects)
    most = max(float(each.predicted.max()) for each in effects)
    room = 0.08 * (most - least)
    return least - room, most + room


def _effect(effect: Effect, facts: Facts, shown: tuple[float, float]) -> Markup:
    name = short(effect.column)
    what = f"mean P({short(effect.lines[0])})" if facts.classes else "mean prediction"
    if len(effect.lines) > 1:
        what = "mean probability"
    ends = f"{number(effect.predicted.min())} to {number(effect.predicted.max())}"
    title, description = f"Effect of {name}", f"{what}: {ends}."
    if effect.at is None:
        rows = [
            (level, [(value, value, value) for value in values])
            for level, values in zip(effect.names, effect.predicted.tolist(), strict=True)
        ]
        drawn = dots(title, description, rows, what, shown)
    else:
        drawn = lines(
            title,
            description,
            [
                Line(effect.at, effect.predicted[:, k], f"s{k + 1}", dots=len(effect.lines) == 1)
                for k in range(len(effect.lines))
            ],
            (effect.column, what),
            y_range=shown,
            dates=effect.dates,
        )
    return figure(drawn, "" if effect.at is not None else name)


def data(facts: Facts) -> Markup:
    """The columns one by one, and those that are left out."""
    some = facts.columns[:_MOST_COLUMNS]
    rows = [_row(each) for each in some]
    more = len(facts.columns) - len(some)
    both = any(each.train is not None for each in some)
    heads = ("column", "kind", "missing", "different", "values")
    parts = [
        keys([("k1", "this report"), *[("k2", "the fit")] * both]),
        table("Columns that are used", heads, rows[:_AT_ONCE]),
        _folded(heads, rows[_AT_ONCE:]),
        tag("p", f"And {more:,} more columns." if more > 0 else "", class_="soft"),
        tag("p", "Counts only: the outermost bins have what is beyond them, and levels of fewer "
                 f"than {FEWEST_ROWS} rows are not named.", class_="soft"),
    ]  # fmt: skip
    if facts.left_out:
        left = list(facts.left_out.items())
        parts.append(
            table(
                "Columns that are left out",
                ("column", "why"),
                [(short(name), why) for name, why in left[:_MOST_LEFT_OUT]],
            )
        )
        if len(left) > _MOST_LEFT_OUT:
            parts.append(tag("p", f"And {len(left) - _MOST_LEFT_OUT:,} more.", class_="soft"))
    return section("data", "The columns", *parts)


def _folded(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> Markup:
    """Rows of a table that are shown when they are asked for."""
    if not rows:
        return Markup("")
    title = f"Another {len(rows):,} columns"
    return tag("details", tag("summary", title), table(title, heads, rows))


def _row(column: ColumnFacts) -> tuple[object, ...]:
    missing = percent(column.test.missing / max(1, column.test.rows))
    if column.train is not None:
        before = percent(column.train.missing / max(1, column.train.rows))
        if before != missing:
            missing = joined(missing, tag("span", f"{before} in the fit", class_="between"))
    return (
        short(column.name),
        column.kind,
        _right(missing),
        column.differing,
        _histogram(column) if column.ends is not None else _levels(column),
    )


def _right(value: str) -> object:
    return tag("div", value, class_="n") if isinstance(value, Markup) else Right(value)


def _histogram(column: ColumnFacts) -> Markup:
    bins = column.bins(column.test)
    least, most = (
        (day(bins.least), day(bins.most))
        if column.dates
        else (number(bins.least), number(bins.most))
    )
    drawn = small_histogram(
        f"Histogram of {short(column.name)}",
        f"From {least} to {most}.",
        bins.counts,
        None if column.train is None else column.train.counts,
    )
    return joined(drawn, tag("span", f"{least} to {most}", class_="between"))


def _levels(column: ColumnFacts) -> Markup:
    def shares(part: Part) -> list[str]:
        there = max(1, part.rows - part.missing)
        return [f"{count / there:.0%}" for count in part.counts.tolist()]

    here = shares(column.test)
    before = None if column.train is None else shares(column.train)
    told = []
    for k, name in enumerate([*column.levels, "others"]):
        if name == "others" and k == len(column.levels) and not column.test.counts[k]:
            continue
        was = f" ({before[k]} in the fit)" if before and before[k] != here[k] else ""
        there = max(1, column.test.rows - column.test.missing)
        told.append(
            tag("div", bar(column.test.counts[k] / there), f" {short(name)} {here[k]}{was}")
        )
    return joined(*told)
