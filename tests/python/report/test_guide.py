"""The page on reports tells each check."""

from __future__ import annotations

import re

from deltarule.report.checks.every import checked
from deltarule.report.facts.gathered import gathered
from support import ROOT
from support_report import subject

GUIDE = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


def test_it_has_every_check() -> None:
    for each in checked(gathered(subject())):
        assert re.search(rf"^\|[^|]*\b{each.code}\b", GUIDE, re.MULTILINE), each.code
