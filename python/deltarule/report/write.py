"""A report, written."""

from __future__ import annotations

from deltarule._files.atomic import PathLike, replace
from deltarule.report.checks.every import checked
from deltarule.report.facts.gathered import Facts, gathered
from deltarule.report.page.page import page
from deltarule.report.subject import Subject


def write(path: PathLike, subject: Subject) -> Facts:
    """Write the report on a model to one HTML file, in one move; and tell its numbers.

    Raises
    ------
    OSError
        Where it cannot be written.
    """
    facts = gathered(subject)
    replace(path, [page(facts, checked(facts)).encode("utf-8")])
    return facts
