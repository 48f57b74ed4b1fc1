"""What is mistaken for what, how far numbers are off, and the worst rows."""

from __future__ import annotations

import numpy as np

from deltarule.report.checks.finding import short
from deltarule.report.drawing.bars import histogram
from deltarule.report.drawing.heat import residual_map
from deltarule.report.facts.confusion import Confusion
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page.pieces import Right, figure, percent, section, table

_MOST_CLASSES = 50


def errors(facts: Facts) -> Markup:
    """All on errors."""
    parts: list[Markup] = []
    if facts.confusion is not None:
        parts += _classes(facts, facts.confusion)
    if facts.residuals is not None:
        parts.append(_numbers(facts))
    parts += _worst(facts)
    return section("errors", "Errors", *parts, of=facts)


def _classes(facts: Facts, found: Confusion) -> list[Markup]:
    names, parts = [short(name) for name in facts.classes], list[Markup]()
    if found.counts is not None:
        parts.append(_matrix(names, found))
    order = np.argsort(-found.sizes, kind="stable")[:_MOST_CLASSES].tolist()
    rows = [
        (names[k], float(found.precision[k]), float(found.recall[k]), int(found.sizes[k]))
        for k in order
    ]
    caption = "By class: of the rows called it, how many are; of its rows, how many are found"
    parts.append(table(caption, ("class", "precision", "recall", "rows"), rows))
    if found.counts is None and found.pairs:
        pairs = [(names[one], names[other], count) for one, other, count in found.pairs]
        parts.append(table("The most frequent mistakes", ("class", "called", "rows"), pairs))
    return parts


def _matrix(names: list[str], found: Confusion) -> Markup:
    """The confusion matrix, each cell as dark as its share of the class."""
    assert found.counts is not None
    head = joined(
        tag("th", "class", scope="col"),
        *(tag("th", f"called {name}", scope="col", class_="n") for name in names),
    )
    body = []
    for name, counts, size in zip(names, found.counts.tolist(), found.sizes.tolist(), strict=True):
        cells = [
            tag(
                "td",
                f"{count:,}",
                tag("span", percent(count / max(1, size)), class_="between"),
                class_="n",
                style=f"background:color-mix(in srgb,var(--s1) {40 * count / max(1, size):.0f}%,"
                "var(--ground))",
            )
            for count in counts
        ]
        body.append(tag("tr", tag("th", name, scope="row"), *cells))
    caption = "Rows by their class, and by the class that they are called"
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", head)),
            tag("tbody", *body),
            class_="matrix",
        ),
        class_="wide",
        role="group",
        aria_label=caption,
        tabindex="0",
    )


def _numbers(facts: Facts) -> Markup:
    found = facts.residuals
    assert found is not None
    return tag(
        "div",
        figure(
            residual_map(
                "Residuals over predictions",
                "Target less prediction over the prediction; a good model has no pattern in it.",
                found,
                ("prediction", "target - prediction"),
            ),
            "A slope or a bend says what the model has not learned; a funnel, where it is unsure. "
            "The outermost cells have all that is beyond.",
        ),
        figure(
            histogram(
                "Residuals",
                "How many rows have a residual of each size.",
                found.every,
                ("target - prediction", "rows"),
            ),
            "How many rows are how far off.",
        ),
        class_="charts",
    )


def _worst(facts: Facts) -> list[Markup]:
    if not facts.mistakes:
        return [tag("h3", "Worst mistakes"), tag("p", "There is none.")]
    heads: tuple[str, ...]
    if facts.classes:
        heads = ("row", "class", "called", "probability of its class", "log loss")
        rows: list[tuple[object, ...]] = [
            (f"{each.row:,}", short(each.target), short(each.predicted), each.probability,
             each.error)
            for each in facts.mistakes
        ]  # fmt: skip
    else:
        heads = ("row", "target", "predicted", "residual")
        rows = [
            (f"{each.row:,}", Right(each.target), Right(each.predicted), each.error)
            for each in facts.mistakes
        ]
    note = (
        "Rows go by their numbers in the table of this report, from 0, so that you can look them "
        "up; of their values, none but the target is on this page."
    )
    return [
        tag("h3", "Worst mistakes"),
        table("The rows that are predicted worst", heads, rows),
        tag("p", note, class_="soft"),
    ]
