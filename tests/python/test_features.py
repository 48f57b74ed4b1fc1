"""The table of features: every test that it names exists, every name, and nothing is left out."""

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import pytest

import deltarule as dr
from deltarule import initializers, losses, metrics, optimizers, schedules
from deltarule.layers import LayerDescription

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
NAMES = initializers.INITIALIZERS.keys() | losses.LOSSES.keys() | metrics.METRICS.keys()


def table() -> dict[str, tuple[list[str], list[str]]]:
    """Of each feature the names in our column, and the tests."""
    page = (ROOT / "docs" / "features.md").read_text(encoding="utf-8")
    rows = {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if not cells or cells[0] == "feature" or set(cells[0]) == {"-"}:
            continue
        assert len(cells) == 7, line
        assert all(cells), line
        assert cells[0] not in rows
        rows[cells[0]] = (re.findall(r"`([^`]+)`", cells[1]), re.findall(r"`([^`]+)`", cells[-1]))
    return rows


TABLE = table()
NEEDS = {"from and to PyTorch": "torch"}  # beyond what the extra `test` brings


def functions_of(file: str) -> set[str]:
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def named(name: str) -> bool:
    """Whether a name of the table is one of ours, and public."""
    if name.startswith('"'):
        return name.strip('"') in NAMES
    path, _, argument = name.rstrip("=)").partition("(")
    first, *rest = path.split(".")
    places: dict[str, Any] = {"network": dr.Network([dr.Dense(1)], 1), "fit": dr.Network.fit}
    found = places.get(first, getattr(dr, first, None))
    for part in rest:
        found = None if part.startswith("_") else getattr(found, part, None)
    if found is None:
        return False
    return not argument or argument in inspect.signature(found).parameters


@pytest.mark.parametrize("feature", TABLE)
def test_a_row_s_tests_exist(feature: str) -> None:
    _, tests = TABLE[feature]
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        assert name in functions_of(file), test


def test_a_test_that_does_not_exist_would_be_found() -> None:
    assert "test_by_hand" in functions_of("test_schedules.py")
    assert "test_by_foot" not in functions_of("test_schedules.py")


@pytest.mark.parametrize("feature", TABLE)
def test_a_row_s_names_exist(feature: str) -> None:
    names, _ = TABLE[feature]
    assert names
    if feature in NEEDS:
        pytest.importorskip(NEEDS[feature])
    for name in names:
        assert named(name), name


@pytest.mark.parametrize(
    "name",
    ["Densely", "fit(clip=)", "network.layer", "network._core", '"hubert"', "schedules.Fall"],
)
def test_what_does_not_exist_would_be_found(name: str) -> None:
    assert not named(name)


def test_nothing_is_left_out() -> None:
    """Layers, losses, optimizers, schedules, initialisers, metrics and callbacks are all there."""
    kinds = [*losses.LOSSES.values(), *optimizers.OPTIMIZERS.values()]
    everything = {kind.__name__ for kind in kinds}
    everything |= {
        name
        for name in dr.__all__
        if isinstance(getattr(dr, name), type)
        and (
            issubclass(getattr(dr, name), LayerDescription)
            or any(hook in vars(getattr(dr, name)) for hook in ("on_epoch_end", "on_run_end"))
        )
    }
    everything |= {"Residual", "Diagnostics", "CustomLoss", "learning_rate_range"}
    everything |= {
        f"schedules.{name}"
        for name, kind in vars(schedules).items()
        if isinstance(kind, type) and issubclass(kind, schedules.Schedule)
    } - {"schedules.Schedule"}
    everything |= {f'"{name}"' for name in metrics.METRICS.keys() | initializers.INITIALIZERS}
    options = inspect.signature(dr.Network.fit).parameters
    everything |= {f"fit({name}=)" for name in list(options)[10:] if name != "validation_data"}
    in_table = {name for names, _ in TABLE.values() for name in names}
    assert everything <= in_table, everything - in_table
