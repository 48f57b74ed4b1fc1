"""Whoever says how fast it is says when that was measured, and on which machine."""

from __future__ import annotations

import re

import pytest

from support import ROOT

PAGES = [
    ROOT / "README.md",
    *(p for p in sorted((ROOT / "docs").rglob("*.md")) if "generated" not in p.parts),
]
# "1.5x", "twice as fast", "12 % faster", "16 µs", "358 CPU seconds", "0.34 s on one job"
CLAIM = re.compile(
    r"\b\d+(?:\.\d+)?x\b|\bas fast as\b|\b(?:times|twice) as fast|\d (?:times|%) faster"
    r"|\d µs\b|\d CPU seconds|\d s on \w+ (?:job|thread|process)"
)
DATE = re.compile(r"\b\d{1,2} (?:January|February|March|April|May|June|July|August|September"
                  r"|October|November|December) 20\d\d\b")  # fmt: skip
MACHINE = re.compile(r"\b(?:EPYC|Xeon|Core i\d|Ryzen|Graviton|Apple M\d)\b")


def unfounded(text: str) -> list[str]:
    """The claims of a page's sections that do not say when and where."""
    sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    return [
        claim
        for section in sections
        if not (DATE.search(section) and MACHINE.search(section))
        for claim in CLAIM.findall(section)
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_claim_of_speed_has_its_date_and_its_machine(page: object) -> None:
    assert not unfounded(page.read_text(encoding="utf-8"))  # type: ignore[attr-defined]


def test_a_claim_without_them_would_be_found() -> None:
    told = "It takes 3 µs, is 1.5x JAX, and twice as fast as before."
    assert unfounded(told) == ["3 µs", "1.5x", "twice as fast"]
    assert not unfounded(f"On 28 November 2026, on an EPYC: {told}")
    assert unfounded(f"On 28 November 2026, on an EPYC.\n## Speed\n{told}")
    assert not unfounded("Pictures of 28x28 pixels through 64-64-4.")


def test_the_readme_quotes_the_page_on_performance() -> None:
    """Each figure of its table stands there, with the same date."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    measured = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    section = readme.partition("## Speed\n")[2].partition("\n## ")[0]
    figures = re.findall(r"\d+\.?\d*x", section)
    assert len(figures) >= 10
    for figure in [*figures, *DATE.findall(section)]:
        assert figure in measured, figure
