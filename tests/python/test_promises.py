"""The pages of promises: every test that they name exists, and every file."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PAGES = {
    name: (ROOT / "docs" / name).read_text(encoding="utf-8")
    for name in ("promises.md", "interchange.md")
}


def functions_of(file: Path) -> set[str]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


FUNCTIONS = {
    file.relative_to(HERE).as_posix(): functions_of(file) for file in HERE.rglob("test_*.py")
}


@pytest.mark.parametrize("page", PAGES)
def test_what_holds_a_promise_exists(page: str) -> None:
    named = re.findall(r"`([\w./]*test_\w+(?:\.\w+)?|[\w./]+)?(?:::(test_\w+))?`", PAGES[page])
    seen = 0
    for name, test in named:
        file = name.removeprefix("tests/python/")
        if file.startswith("tests/"):
            assert (ROOT / file).exists(), file
        elif re.search(r"(^|/)test_\w+\.py$", file):
            assert file in FUNCTIONS, file
            assert not test or test in FUNCTIONS[file], f"{file}::{test}"
        elif name.startswith("test_") or (test and not name):
            wanted = test or name
            assert any(wanted in functions for functions in FUNCTIONS.values()), wanted
        else:
            continue
        seen += 1
    assert seen > 30


def test_every_row_of_the_promises_is_held() -> None:
    rows = [line for line in PAGES["promises.md"].splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith(("| promise |", "| --- |"))]
    assert len(promises) > 40
    for row in promises:
        holds = row.split("|")[-2]
        assert re.search(r"test_\w+|the same|as above|make sanitize", holds), row
