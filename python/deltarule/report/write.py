"""A report, written."""

from __future__ import annotations

from collections.abc import Sequence

from deltarule._files.atomic import PathLike, replace
from deltarule.report.checks.every import checked
from deltarule.report.facts.gathered import gathered
from deltarule.report.page.page import page, page_of_several
from deltarule.report.subject import Subject


def write(path: PathLike, subjects: Sequence[Subject]) -> None:
    """Write the report on a model to one HTML file, in one move: a subject for each target.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    facts = [gathered(each) for each in subjects]
    findings = [checked(each) for each in facts]
    several = len(facts) > 1
    text = page_of_several(facts, findings) if several else page(facts[0], findings[0])
    replace(path, [text.encode("utf-8")])
