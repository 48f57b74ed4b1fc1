"""The tutorial's blocks run, page by page, and print what stands behind them."""

import re
from pathlib import Path

import pytest

import record_tutorial

PAGES = record_tutorial.PAGES
NEEDS = {"07-the-flower": ["matplotlib"], "11-is-it-an-eight": ["matplotlib", "sklearn"]}


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_prints_what_it_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in NEEDS.get(page.stem, []):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    for number, (said, printed) in enumerate(record_tutorial.run(page), 1):
        assert printed == said, f"{page.name}, block {number}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_a_page_ends_with_exercises_and_their_answers(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    _, exercises, answers = re.split(r"^## (?:Exercises|Answers)$", text, flags=re.MULTILINE)
    numbers = re.findall(r"^(\d)\. ", exercises, flags=re.MULTILINE)
    assert numbers == re.findall(r"^\*\*(\d)\.\*\* ?", answers, flags=re.MULTILINE) != []


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_what_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (page.parent / name).exists(), name
    assert text.count("```") % 2 == 0
