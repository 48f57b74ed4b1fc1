"""Several targets at a glance, and what their checks found, told once where it is the same."""

from __future__ import annotations

from collections.abc import Sequence

from deltarule.report.checks.finding import Finding, short
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, tag
from deltarule.report.page.pieces import NAMES, Right, key_of, section, table


def targets(every: Sequence[Facts], findings: Sequence[Sequence[Finding]]) -> Markup:
    """A row for each target: its scores, and how much there is to look at."""
    # A label of which all rows say the same has fewer.
    names = list(dict.fromkeys(name for facts in every for name in facts.model.scores))
    rows = [
        [
            tag("a", short(facts.target_name), href=f"#{key_of('scores', place)}"),
            *(facts.model.scores.get(name, Right("")) for name in names),
            sum(each.state == "look" for each in found),
        ]
        for place, (facts, found) in enumerate(zip(every, findings, strict=True))
    ]
    heads = ["target", *(NAMES[name] for name in names), "to look at"]
    return section(
        "targets",
        "The targets",
        table("Scores of this model, with intervals of 95 %", heads, rows),
    )


def together(every: Sequence[Facts], findings: Sequence[Sequence[Finding]]) -> list[Finding]:
    """What the checks found: once where it is the same of all targets, else by target."""
    told: list[Finding] = []
    for of_check in zip(*findings, strict=True):
        if len(set(of_check)) == 1:
            told.append(of_check[0])
            continue
        for state in dict.fromkeys(each.state for each in of_check):
            same = [
                (short(facts.target_name), each)
                for facts, each in zip(every, of_check, strict=True)
                if each.state == state
            ]
            words = " ".join(f"{name}: {each.words}" for name, each in same)
            told.append(same[0][1]._replace(words=words))
    return told
