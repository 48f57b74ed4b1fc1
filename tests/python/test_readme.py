"""The README: its examples print what it says that they print, and its picture is a small one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
# A block of Python, and behind it what it prints.
EXAMPLES = re.findall(
    r"^```python\n(.*?)^```\n\n```text\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL
)
NUMBER = re.compile(r"\d+(?:\.\d+)?")


def test_there_are_three_examples_with_their_output() -> None:
    assert len(EXAMPLES) == README.count("```python") == 3


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_prints_what_is_said(
    number: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The words to the letter, bars aside; the numbers but for what another machine rounds."""
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    code, said = EXAMPLES[number]
    exec(compile(code, f"README.md, example {number + 1}", "exec"), {})
    printed = capsys.readouterr().out
    words = [re.sub(r"[#\s]+", " ", NUMBER.sub("", text)).strip() for text in (printed, said)]
    assert words[0] == words[1]
    numbers = [[float(each) for each in NUMBER.findall(text)] for text in (printed, said)]
    assert numbers[0] == pytest.approx(numbers[1], rel=0.1)


def test_the_picture_is_there_and_small() -> None:
    (name,) = re.findall(r"!\[[^]]+\]\(([^)]+)\)", README)
    assert 1_000 < (ROOT / name).stat().st_size < 60_000
    assert (ROOT / "docs" / "examples" / "picture.py").exists()
