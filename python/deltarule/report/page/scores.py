"""Scores, beside those of simple models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deltarule.report.drawing.bars import dots
from deltarule.report.facts.gathered import Facts, Scored
from deltarule.report.facts.scores import ERRORS
from deltarule.report.markup import Markup, tag
from deltarule.report.page.pieces import NAMES, Right, figure, seconds, section, table


def scores(facts: Facts) -> Markup:
    """A table of what each model came to, and the first score drawn."""
    names = list(facts.model.scores)
    every = [facts.model, *facts.baselines]
    rows: list[list[object]] = [
        [each.name, *_cells(each.scores, names), Right(seconds(each.seconds))] for each in every
    ]
    if facts.of_fit is not None:
        rows.append(["this model, rows of the fit", *_cells(facts.of_fit, names), Right("")])
    if facts.held_out:
        rows.append(["this model, rows held out", *_cells(facts.held_out, names), Right("")])
    parts = [
        table("Scores by model", ["model", *(NAMES[name] for name in names), "training"], rows)
    ]
    errors = ", ".join(NAMES[name] for name in names if name in ERRORS)
    parts.append(tag("p", f"Less is better of {errors}; of the others more is.", class_="soft"))
    if facts.baselines:
        parts.append(_drawn(every, "log_loss" if facts.classes else "rmse"))
        parts.append(tag("p", *(f"{_behind(each)} " for each in facts.baselines)))
    else:
        parts.append(tag("p", "No baselines were fitted.", class_="soft"))
    return section("scores", "Scores, and what simple models come to", *parts, of=facts)


def _cells(scores: Mapping[str, object], names: Sequence[str]) -> list[object]:
    return [scores.get(name, Right("")) for name in names]


def _drawn(every: list[Scored], name: str) -> Markup:
    rows = [(each.name, [each.scores[name]]) for each in every]
    told = "; ".join(f"{each.name} {each.scores[name].value:.4g}" for each in every)
    return figure(
        dots(f"{NAMES[name]} by model", f"{told}.", rows, NAMES[name]),
        "Intervals of 95 %; further left is better.",
    )


def _behind(other: Scored) -> str:
    """What the comparison row by row says, which is sharper than two intervals side by side."""
    assert other.behind is not None
    if other.behind.low > 0:
        return f"{other.name}: worse than this model, beyond chance."
    if other.behind.high < 0:
        return f"{other.name}: better than this model, beyond chance."
    return f"{other.name}: no difference from this model beyond chance."
