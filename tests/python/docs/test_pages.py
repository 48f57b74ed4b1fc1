"""Every page's code runs, the README's and the tutorial's too, and what pages name is there.

A page's blocks run one after another. Those that import what is optional run apart, in a test of
its own, behind what stands before the page's first section and with the rest of their section. Code
that cannot run here, Keras's, is marked as ``py`` and not ``python``.
"""

from __future__ import annotations

import ast
import re
import warnings
from pathlib import Path
from typing import Any

import pytest

import record_tutorial
from support import ROOT

DOCS = ROOT / "docs"
MADE = {"generated", "notebooks"}  # by the site's build, of what stands elsewhere
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    if not MADE & set(path.parts)
}
# Beyond what the extra `test` brings.
OPTIONAL = {"optuna", "skl2onnx", "torch"}
WITHOUT_OURS = {"docs/coming-from/keras.md"}
# What a page says of itself, and prints where it is true.
SAID = {
    "docs/training.md": ["unchanged: True", "same bits: True"],
    "docs/ensembles.md": ["same bits: True"],
    "docs/tables.md": ["TabularRegressor: "],
    "docs/how-to/reproducibility.md": ["same bits: True"],
    "docs/how-to/server.md": ["same bits: True", "400 predict: X"],
    "docs/how-to/checkpoints.md": ["6 epochs", "run-6.safetensors"],
    "docs/how-to/deployment.md": ["True"],
    "docs/explanation/security.md": ["from-a-stranger.safetensors"],
}


def blocks_of(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def wanted(block: str) -> set[str]:
    """The optional packages that a block imports."""
    found = set()
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(str(node.module).partition(".")[0])
    return found & OPTIONAL


def run(blocks: list[str], page: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "__main__"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(reached but the optimization|Converg)")
        for number, block in enumerate(blocks, 1):
            exec(compile(block, f"{page}, block {number}", "exec"), names)
    return names


# These are run, and held to what they say that they print, by tests of their own.
OF_OTHERS = {
    "README.md",
    "docs/clusters.md",
    *(page.relative_to(ROOT).as_posix() for page in record_tutorial.PAGES),
}
WITH_CODE = [page for page, text in PAGES.items() if blocks_of(text) and page not in OF_OTHERS]
APART = [
    (page, package)
    for page in WITH_CODE
    for package in sorted(set().union(*map(wanted, blocks_of(PAGES[page]))))
]


@pytest.mark.parametrize("page", WITH_CODE)
def test_a_page_runs_from_its_first_block_to_its_last(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for package in ("sklearn", "scipy", "pandas", "onnxruntime"):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    run([block for block in blocks_of(PAGES[page]) if not wanted(block)], page)
    printed = capsys.readouterr().out
    for said in SAID.get(page, []):
        assert said in printed


@pytest.mark.parametrize(("page", "package"), APART, ids=map("-".join, APART))
def test_the_sections_that_want_more_run(
    page: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    before, *sections = re.split(r"^(?=## )", PAGES[page], flags=re.MULTILINE)
    blocks = blocks_of(before)
    for section in sections:
        if any(package in wanted(block) for block in blocks_of(section)):
            blocks += blocks_of(section)
    run(blocks, page)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_one_that_runs(page: str) -> None:
    """What is Python is run; what is not run is of another language, or indented."""
    languages = set(re.findall(r"^```(\S*)", PAGES[page], flags=re.MULTILINE))
    not_ours = {"", "bash", "c", "text", "{toctree}", "{include}", "{eval-rst}"}
    assert languages <= {"python", *not_ours} | ({"py"} if page in WITHOUT_OURS else set())
    assert len(re.findall(r"^ *```python$", PAGES[page], re.MULTILINE)) == len(
        blocks_of(PAGES[page])
    )


def anchors(text: str) -> set[str]:
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_exists(page: str) -> None:
    """Files, and in pages the headings that links lead to."""
    text = PAGES[page]
    for name in re.findall(r"`(tests/[\w./]+)`", text):
        assert (ROOT / name).exists(), name
    for name, anchor in re.findall(r"\]\(([\w./-]+)(?:#([\w-]+))?\)", text):
        target = (ROOT / page).parent / name
        assert target.exists(), name
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), anchor


def test_every_page_is_found() -> None:
    assert {"docs/index.md", "docs/how-to/server.md"} <= set(WITH_CODE) <= set(PAGES) - OF_OTHERS
    assert wanted("import torch.nn as nn") == wanted("from torch import nn") == {"torch"}
