"""The page on reports runs, and tells each check."""

from __future__ import annotations

import re

import pytest

from deltarule.report.checks.every import checked
from deltarule.report.facts.gathered import gathered
from support import ROOT
from support_report import subject

GUIDE = (ROOT / "docs" / "report.md").read_text(encoding="utf-8")


def test_its_blocks_run() -> None:
    pytest.importorskip("sklearn")
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "docs/report.md", "exec"), names)
    assert names["path"].is_file()  # type: ignore[attr-defined]


def test_it_has_every_check() -> None:
    for each in checked(gathered(subject())):
        assert re.search(rf"^\|[^|]*\b{each.code}\b", GUIDE, re.MULTILINE), each.code
