"""What is said, and how: JSON that every language reads, and lines that a terminal has room for."""

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("click")

from deltarule.cli import console as module
from deltarule.cli.console import Console, finite
from deltarule.cli.work.durations import seconds_of
from deltarule.cli.work.judging import number


def test_what_is_not_finite_is_null(capsys: pytest.CaptureFixture[str]) -> None:
    values = {"a": np.array([1.5, np.nan]), 3: (np.inf, np.int64(2)), "c": [None, True, "x"]}
    Console(as_json=True).result("for people", values)
    found = json.loads(capsys.readouterr().out)
    assert found == {"a": [1.5, None], "3": [None, 2], "c": [None, True, "x"]}
    assert finite({"d": np.datetime64("2024-01-02")}) == {"d": "2024-01-02"}


def test_lines_end_where_the_terminal_does(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console = Console()
    sentence, table = "words and words " * 9, f"head\n{'x' * 99}"
    console.table(table)
    assert capsys.readouterr().err == f"{table}\n"  # in a file they are whole
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr(module, "get_terminal_size", lambda: SimpleNamespace(columns=40))
    console.table(table)
    assert capsys.readouterr().err == f"head\n{'x' * 36} ...\n"
    console.tell(sentence)
    said = capsys.readouterr().err
    assert said.split() == sentence.split()
    assert max(map(len, said.splitlines())) <= 40
    Console(quiet=True).tell(sentence)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.87216, "0.8722"),
        (42815.3, "42,820"),
        (-0.05645, "-0.0565"),
        (6.776e-06, "6.776e-06"),
        (1234.56, "1235"),
        (2.5e12, "2.5e+12"),
        (float("nan"), "not defined"),
    ],
)
def test_numbers_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


def test_times_as_people_write_them() -> None:
    assert [seconds_of(each) for each in ("90", "90s", "5m", "2 min", "1.5h", 3)] == [
        90, 90, 300, 120, 5400, 3,
    ]  # fmt: skip
