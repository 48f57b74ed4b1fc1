"""The examples of the README and of the guides run, and the files that they name exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ENSEMBLES = (ROOT / "docs" / "ensembles.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
SEARCH = (ROOT / "docs" / "search.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)


EXAMPLES = examples(README)
PAGES = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
}


def test_there_is_an_example_of_each_way() -> None:
    assert len(EXAMPLES) == 5


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


def test_the_guide_runs_from_its_first_block_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(examples(GUIDE), 1):
        exec(compile(block, f"docs/training.md, block {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "unchanged: True" in printed
    assert "same bits: True" in printed


def test_the_page_on_ensembles_runs_from_its_first_block_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(examples(ENSEMBLES), 1):
        exec(compile(block, f"docs/ensembles.md, block {number}", "exec"), names)
    assert "same bits: True" in capsys.readouterr().out


def test_the_page_on_tables_runs_from_its_first_block_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, block in enumerate(examples(TABLES), 1):
        exec(compile(block, f"docs/tables.md, block {number}", "exec"), names)
    assert "TabularRegressor: " in capsys.readouterr().out
    assert names["lower"] < names["model"].predict(names["new"]) < names["upper"]


# Of docs/search.md: its data, then sections that stand alone, and what each needs.
DATA_OF_SEARCH, *SECTIONS_OF_SEARCH = re.split(r"^(?=## )", SEARCH, flags=re.MULTILINE)
NEEDS = {
    "Many configurations, trained together": [],
    "Optuna": ["optuna"],
    "scikit-learn's tools, in threads": ["sklearn"],
}


@pytest.mark.parametrize("number", range(len(NEEDS)), ids=list(NEEDS))
def test_a_section_of_the_page_on_searches_runs(
    number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    title = list(NEEDS)[number]
    for package in NEEDS[title]:
        pytest.importorskip(package)
    section = SECTIONS_OF_SEARCH[number]
    assert section.startswith(f"## {title}\n")
    names: dict[str, Any] = {}
    for block in [*examples(DATA_OF_SEARCH), *examples(section)]:
        exec(compile(block, f"docs/search.md, {title}", "exec"), names)
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    "page", [GUIDE, ENSEMBLES, SEARCH, TABLES], ids=["training", "ensembles", "search", "tables"]
)
def test_every_block_of_the_guides_is_one_that_runs(page: str) -> None:
    assert page.count("```") == 2 * len(examples(page))
    assert len(SECTIONS_OF_SEARCH) == len(NEEDS)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_named_files_exist(page: Path) -> None:
    text = PAGES[page]
    for name in re.findall(r"`(tests/[\w./]+)`", text):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"\]\(([\w./-]+)(?:#[\w-]+)?\)", text):
        assert (ROOT / page.parent / name).exists(), name
