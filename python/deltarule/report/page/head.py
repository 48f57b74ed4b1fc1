"""The first screen: what the report is on, the scores, and what there is to look at."""

from __future__ import annotations

from collections.abc import Sequence

from deltarule.report.checks.finding import Finding
from deltarule.report.drawing.axes import number
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page.pieces import NAMES, section, table

_CARDS = 4


def cards(facts: Facts, findings: Sequence[Finding]) -> Markup:
    """The scores at a glance."""
    found = [
        tag(
            "div",
            tag("span", NAMES[name]),
            tag("b", number(each.value)),
            tag("span", f"{number(each.low)} to {number(each.high)}"),
            class_="card",
        )
        for name, each in list(facts.model.scores.items())[: _CARDS - 1]
    ]
    looks = sum(each.state == "look" for each in findings)
    checks = tag(
        "div",
        tag("span", "to look at"),
        tag("b", looks),
        tag("span", f"of {len(findings)} checks"),
        class_="card",
    )
    note = "Between the numbers below a score it lies with a probability of 95 %."
    return joined(tag("div", *found, checks, class_="cards"), tag("p", note, class_="soft"))


def checks(findings: Sequence[Finding]) -> Markup:
    """What would make one distrust the result, and what was looked at besides."""
    look = [each for each in findings if each.state == "look"]
    others = [each for each in findings if each.state != "look"]
    told: list[Markup] = []
    if look:
        items = [
            tag(
                "li",
                tag("h3", f"{each.code} {each.title}"),
                tag("p", each.words),
                tag("p", each.advice),
            )
            for each in look
        ]
        told.append(tag("ul", *items, class_="findings"))
    else:
        told.append(tag("p", "No check found anything to look at.", class_="fine"))
    if others:
        rows = [(f"{each.code} {each.title}", each.state, each.words) for each in others]
        told.append(
            tag(
                "details",
                tag("summary", f"The other {len(others)} checks"),
                table("Checks that found nothing", ("check", "state", "what was found"), rows),
            )
        )
    return section("checks", "What would make one distrust it", *told)
