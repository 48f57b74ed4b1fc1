"""Writes anew what the tutorial's blocks print; tests/python/docs/test_tutorial.py compares.

    python tests/python/record_tutorial.py

Run it when a page is meant to change, and look at the difference before it is committed.
"""

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "tutorial"
# Without the index, and without what stands before the first page, which prints a version.
PAGES = sorted(path for path in FOLDER.glob("*.md") if "00" < path.stem[:2] < "99")
# A block, and behind it what it prints.
BLOCK = re.compile(r"^```python\n(.*?)^```$(\n\n^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)


def run(page: Path) -> list[tuple[str, str]]:
    """What the page says that each of its blocks prints, and what it prints."""
    names: dict[str, Any] = {"__name__": "__main__"}
    both = []
    for number, found in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), 1):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(found[1], f"{page.name}, block {number}", "exec"), names)
        both.append((found[3] or "", printed.getvalue()))
    return both


def record(page: Path) -> None:
    """Put what the blocks print behind them."""
    printed = iter([each for _, each in run(page)])

    def anew(found: re.Match[str]) -> str:
        text = next(printed)
        return f"```python\n{found[1]}```" + (f"\n\n```text\n{text}```" if text else "")

    page.write_text(BLOCK.sub(anew, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    os.environ["MPLBACKEND"] = "Agg"
    with contextlib.chdir(tempfile.mkdtemp()):
        for each in PAGES:
            record(each)
