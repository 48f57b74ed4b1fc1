"""Pieces of which sections are made: tables, lists of facts, figures; and numbers in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from deltarule.report.checks.finding import short
from deltarule.report.drawing.axes import number
from deltarule.report.facts.estimates import Estimate
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag

NAMES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "log_loss": "log loss",
    "brier": "Brier score",
    "roc_auc": "ROC AUC",
    "rmse": "RMSE",
    "mae": "mean absolute error",
    "r2": "R²",
}


def section(key: str, title: str, *children: object, of: Facts | None = None) -> Markup:
    """A part of the page, or of one target of several, with a heading that links lead to."""
    if of is not None and of.place is not None:
        key, title = key_of(key, of.place), f"{short(of.target_name)}: {title}"
    return tag("section", tag("h2", title, id=key), *children, aria_labelledby=key)


def key_of(key: str, place: int) -> str:
    """Where links to a target's own section lead."""
    return f"{key}-{place}"


class Right(str):
    """A cell that stands to the right."""

    __slots__ = ()


def table(
    caption: str, heads: Sequence[str], rows: Iterable[Sequence[object]], *, class_: str = ""
) -> Markup:
    """A table whose first cells are the rows' heads; it is pushed aside where it is too wide."""
    rows = list(rows)
    right = [bool(rows) and _is_number(cell) for cell in (rows[0] if rows else heads)]
    head = joined(
        *(
            tag("th", name, scope="col", class_="n" if to_right else None)
            for name, to_right in zip(heads, right, strict=True)
        )
    )
    body = joined(*(tag("tr", *_cells(row)) for row in rows))
    return tag(
        "div",
        tag(
            "table",
            tag("caption", caption),
            tag("thead", tag("tr", head)),
            tag("tbody", body),
            class_=class_ or None,
        ),
        class_="wide",
        role="group",
        aria_label=caption,
        tabindex="0",
    )


def _cells(row: Sequence[object]) -> list[Markup]:
    first, *others = row
    return [
        tag("th", first, scope="row"),
        *(_cell(each) for each in others),
    ]


def _cell(value: object) -> Markup:
    if isinstance(value, Estimate):
        return tag("td", interval(value), class_="n")
    if isinstance(value, (int, float)):
        told = f"{value:,}" if isinstance(value, int) else number(value)
        return tag("td", told, class_="n")
    return tag("td", value, class_="n" if isinstance(value, Right) else None)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, Right, Estimate))


def interval(found: Estimate) -> Markup:
    """A score, and its interval below it."""
    between = f"{number(found.low)} to {number(found.high)}"
    return joined(number(found.value), tag("span", between, class_="between"))


def facts(pairs: Iterable[tuple[str, object]]) -> Markup:
    """Names and what they are."""
    return tag("dl", *(joined(tag("dt", name), tag("dd", value)) for name, value in pairs))


def figure(drawn: Markup, caption: object, title: str = "") -> Markup:
    """A drawing with words below it."""
    head = tag("h3", short(title)) if title else ""
    return tag("figure", head, drawn, tag("figcaption", caption) if caption else "")


def keys(pairs: Iterable[tuple[str, str]]) -> Markup:
    """What the lines of a drawing are: the page's class, and a name."""
    return tag(
        "div",
        *(
            tag("span", tag("span", class_=f"key {style}", aria_hidden="true"), short(name))
            for style, name in pairs
        ),
        class_="keys",
    )


def percent(share: float) -> str:
    """A share in percent."""
    return f"{share:.1%}"


def seconds(value: float) -> str:
    """A time in words; nothing where nobody knows it."""
    if value != value:
        return ""
    return f"{value:.2g} s" if value < 60 else f"{value / 60:.1f} min"
