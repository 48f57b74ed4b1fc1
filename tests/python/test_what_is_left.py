"""Two runs that complete each other, whether the tests run in one process or in several."""

from pathlib import Path

import pytest

from support import HERE, run_python

PROCESSES = {"one": (), "several": ("-n", "2", "--dist", "worksteal")}
FILES = {
    # Hypothesis would be most of the time that a process takes to begin.
    "pytest.ini": f"[pytest]\npythonpath = {HERE}\naddopts = -p no:hypothesispytest",
    "conftest.py": "from what_is_left import *",
    "test_some.py": """
import os
import pytest

def test_that_passes(): pass

def test_that_fails(): assert False

@pytest.mark.xfail(reason="known")
def test_known_to_fail(): assert False

@pytest.mark.skipif(True, reason="no such platform")
def test_of_another_platform(): pass

@pytest.fixture
def data():
    if "DELTARULE_DATA" not in os.environ: pytest.skip("DELTARULE_DATA names no folder")

def test_of_data(data): pass

@pytest.mark.parametrize("number", range(4))
def test_of_numbers(number):
    if number == 2: pytest.importorskip("optional")
""",
    "test_whole_file.py": """
import pytest
pytest.importorskip("optional")

def test_in_it(): pass
""",
}


def run(folder: Path, processes: str, *arguments: str, **environment: str | None) -> list[str]:
    """The exit code, and what was printed."""
    given = ["-m", "pytest", "-c", str(folder / "pytest.ini"), *PROCESSES[processes], *arguments]
    result = run_python(*given, str(folder), **{"DELTARULE_DATA": None} | environment)
    return [str(result.returncode), *(result.stdout + result.stderr).splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("first", "second"), [("one", "several"), ("several", "one")])
def test_what_one_run_skips_another_runs(folder: Path, first: str, second: str) -> None:
    code, *printed = run(folder, first)
    assert code == "1"
    assert "1 failed, 4 passed, 4 skipped, 1 xfailed" in printed[-1]
    assert not any("left out" in line for line in printed)

    # Where nothing more is there, it fails, and names what was left out but for platform and data.
    code, *printed = run(folder, second, "--what-is-left")
    assert code == "1"
    assert "4 skipped" in printed[-1]
    assert "passed" not in printed[-1]
    assert "failed" not in printed[-1]
    assert any("left out by both runs: 2" in line for line in printed)
    left_out = [line for line in printed if "could not import 'optional'" in line]
    assert sorted(line.partition(": ")[0] for line in left_out) == [
        "test_some.py::test_of_numbers[2]",
        "test_whole_file.py",
    ]

    # Where all is there, it has the rest, and no more.
    (folder / "optional.py").touch()
    code, *printed = run(
        folder, second, "--what-is-left", PYTHONPATH=str(folder), DELTARULE_DATA=str(folder)
    )
    assert code == "0"
    assert "3 passed, 1 skipped" in printed[-1]
    assert any("left out by both runs: 0" in line for line in printed)


def test_data_that_are_named_are_not_excused(folder: Path) -> None:
    """Named, and skipped all the same, by a fixture."""
    text = (folder / "test_some.py").read_text(encoding="utf-8").replace(" not in os", " in os")
    (folder / "test_some.py").write_text(text, encoding="utf-8")
    run(folder, "one", "-k", "passes")
    given = ["--what-is-left", "-k", "of_data"]
    code, *printed = run(folder, "several", *given, DELTARULE_DATA="somewhere")
    assert code == "1"
    assert any("test_of_data: DELTARULE_DATA names no folder" in line for line in printed)


@pytest.mark.parametrize("processes", PROCESSES)
def test_there_must_have_been_a_first_run(folder: Path, processes: str) -> None:
    code, *printed = run(folder, processes, "--what-is-left")
    assert code == str(pytest.ExitCode.USAGE_ERROR.value)
    assert "ERROR: --what-is-left: there was no run before this one" in printed
