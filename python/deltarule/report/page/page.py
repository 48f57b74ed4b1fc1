"""The page as one file."""

from __future__ import annotations

from collections.abc import Sequence

from deltarule._version import __version__
from deltarule.report.checks.finding import Finding, short
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page import asked, columns, errors, head, probabilities, scores, training
from deltarule.report.page.style import STYLE

# Whatever stands in the page, a browser asks nobody for anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(facts: Facts, findings: Sequence[Finding]) -> str:
    """The whole report as HTML."""
    title = f"Report on {short(facts.target_name)}"
    sections = {
        "checks": ("Checks", head.checks(findings)),
        "asked": ("Asked and done", asked.asked(facts)),
        "scores": ("Scores", scores.scores(facts)),
        "errors": ("Errors", errors.errors(facts)),
        "probabilities": ("Probabilities", probabilities.probabilities(facts)),
        "importance": ("What counts", columns.importance(facts)),
        "data": ("Columns", columns.data(facts)),
        "training": ("Training", training.training(facts)),
        "again": ("Again", asked.again(facts)),
    }
    there = {key: each for key, each in sections.items() if each[1]}
    links = [tag("li", tag("a", name, href=f"#{key}")) for key, (name, _) in there.items()]
    kind = f"{facts.kind}, on {facts.rows:,} rows"
    top = tag(
        "header",
        tag("h1", title),
        tag("p", kind, class_="soft"),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )
    body = tag("main", head.cards(facts, findings), *(each for _, each in there.values()))
    foot = tag("footer", f"Written by deltarule {__version__}.")
    return "<!DOCTYPE html>\n" + tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
            tag("title", title),
            tag("style", Markup(STYLE)),
        ),
        tag("body", joined(top, body, foot)),
        lang="en",
    )
