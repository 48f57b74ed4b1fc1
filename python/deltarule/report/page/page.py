"""The page as one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from deltarule._version import __version__
from deltarule.report.checks.finding import Finding, short
from deltarule.report.facts.gathered import Facts
from deltarule.report.markup import Markup, joined, tag
from deltarule.report.page import (
    asked,
    columns,
    errors,
    head,
    probabilities,
    scores,
    targets,
    training,
)
from deltarule.report.page.pieces import key_of
from deltarule.report.page.style import STYLE

# Whatever stands in the page, a browser asks nobody for anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# By their keys, which links lead to: what links say, and the section.
_Sections = dict[str, tuple[str, Markup]]


def page(facts: Facts, findings: Sequence[Finding]) -> str:
    """The whole report as HTML."""
    return _document(
        f"Report on {short(facts.target_name)}",
        facts,
        head.cards(facts, findings),
        {
            "checks": ("Checks", head.checks(findings)),
            "asked": ("Asked and done", asked.asked(facts)),
            **_of_target(facts),
            **_of_all(facts),
        },
    )


def page_of_several(every: Sequence[Facts], findings: Sequence[Sequence[Finding]]) -> str:
    """A report on several targets: what they share once, and sections for each."""
    first, *others = every
    sections: _Sections = {
        "targets": ("Targets", targets.targets(every, findings)),
        "checks": ("Checks", head.checks(targets.together(every, findings))),
        "asked": ("Asked and done", asked.asked(first, others)),
    }
    for place, facts in enumerate(every):
        for key, (_, made) in _of_target(facts).items():
            # One link a target, to the first of its sections.
            link = short(facts.target_name) if key == "scores" else ""
            sections[key_of(key, place)] = (link, made)
    title = f"Report on {len(every)} targets"
    return _document(title, first, Markup(""), {**sections, **_of_all(first)})


def _of_target(facts: Facts) -> _Sections:
    return {
        "scores": ("Scores", scores.scores(facts)),
        "errors": ("Errors", errors.errors(facts)),
        "probabilities": ("Probabilities", probabilities.probabilities(facts)),
        "importance": ("What counts", columns.importance(facts)),
    }


def _of_all(facts: Facts) -> _Sections:
    return {
        "data": ("Columns", columns.data(facts)),
        "training": ("Training", training.training(facts)),
        "again": ("Again", asked.again(facts)),
    }


def _document(
    title: str, facts: Facts, first: Markup, sections: Mapping[str, tuple[str, Markup]]
) -> str:
    there = {key: each for key, each in sections.items() if each[1]}
    links = [tag("li", tag("a", name, href=f"#{key}")) for key, (name, _) in there.items() if name]
    kind = f"{facts.kind}, on {facts.rows:,} rows"
    top = tag(
        "header",
        tag("h1", title),
        tag("p", kind, class_="soft"),
        tag("nav", tag("ul", *links), aria_label="Sections"),
    )
    body = tag("main", first, *(each for _, each in there.values()))
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
