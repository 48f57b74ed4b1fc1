"""docs/command.md: its commands run, one after another, and its options exist."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from support import ROOT
from support_command import people, run

pl = pytest.importorskip("polars")

PAGE = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^    (.*)$", PAGE, flags=re.MULTILINE)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Presets and measurements of a fraction of their size."""
    from deltarule.cli import bench
    from deltarule.tabular.models.training.recipe import PRESETS, Preset

    small = Preset(members=2, units=16, waves=7, patience=2, epochs=8, snapshots=2, size=4)
    for name in PRESETS:
        monkeypatch.setitem(PRESETS, name, small)
    rate: Any = bench._rate
    monkeypatch.setattr(bench, "_rate", lambda work, rows, seconds: rate(work, rows, 1e-3))


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    """The tables that the page speaks of."""
    frame = pl.DataFrame(people(80))
    bought = frame.drop("rent")
    bought.write_csv(tmp_path / "people.csv")
    bought.write_csv(tmp_path / "later.csv")
    bought.drop("buys").write_csv(tmp_path / "new.csv")
    frame.drop("buys", "person").write_parquet(tmp_path / "flats.parquet")
    return tmp_path


@pytest.mark.usefixtures("quick")
def test_the_commands_run_from_the_first_to_the_last(tables: Path) -> None:
    for line in COMMANDS:
        first, *piped = (shlex.split(part) for part in line.split("|"))
        given = b""
        if first[0] == "cat":
            given, first = (tables / first[1]).read_bytes(), piped[0]
        assert first[0] == "deltarule"
        missing = {"-o people.pt2": "torch", "-o people.onnx": "onnx"}
        if any(ending in line and not there(name) for ending, name in missing.items()):
            continue
        result = run(tables, *first[1:], given=given)
        assert result.stdout or result.stderr
        if "-o" in first:
            assert (tables / first[first.index("-o") + 1]).stat().st_size > 100
    assert len(COMMANDS) > 12


def there(package: str) -> bool:
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def test_every_command_and_option_of_the_page_exists() -> None:
    from deltarule.cli.main import _COMMANDS, group

    helps = {name: group.get_command(None, name) for name in _COMMANDS}  # type: ignore[arg-type]
    known = {
        option
        for command in helps.values()
        if command is not None
        for each in command.params
        for option in (*each.opts, *each.secondary_opts)
    } | {"--help"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE))
    assert named <= known, named - known
    assert {words.split()[0] for words in re.findall(r"deltarule (\w[^`\n]*)", PAGE)} >= set(
        _COMMANDS
    ) - {"COMMAND"}
