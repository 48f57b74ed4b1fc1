"""The README's examples run, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
NAMED_FILES = sorted(
    set(re.findall(r"`(tests/[\w./]+)`", README) + re.findall(r"\]\(([\w./-]+)\)", README))
)


def test_there_is_an_example_of_each_way() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example_runs(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[number], f"README.md, example {number + 1}", "exec"), {})
    assert capsys.readouterr().out.strip(), "an example prints what it came to"


@pytest.mark.parametrize("name", NAMED_FILES)
def test_named_file_exists(name: str) -> None:
    assert (ROOT / name).is_file()
