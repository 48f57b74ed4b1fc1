"""Scores, beside those of simple models."""

from __future__ import annotations

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
        [each.name, *(each.scores.get(name, Right("")) for name in names),
         Right(seconds(each.seconds))]
        for each in every
    ]  # fmt: skip
    if facts.of_fit is not None:
        of_fit = facts.of_fit
        rows.append(["this model, rows of the fit", *(of_fit.get(name, Right("")) for name in names),
                     Right("")])  # fmt: skip
    if facts.held_out:
        held_out = [facts.held_out.get(name, Right("")) for name in names]
        rows.append(["this model, rows held out", *held_out, Right("")])
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
    return section("scores", "Scores, and what simple models come to", *parts)


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
