"""What tests of the command share: a table with two models of it, and a warm process."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support_command import Warm, people, run

FAST = ("--preset", "fast", "--time-limit", "1.5s")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table, and a model of its classes and one of its numbers."""
    pl = pytest.importorskip("polars")
    for package in ("click", "sklearn"):
        pytest.importorskip(package)
    folder = tmp_path_factory.mktemp("command")
    pl.DataFrame(people()).write_csv(folder / "people.csv")
    run(
        folder, "train", "people.csv", "--target", "buys", *FAST, "--drop", "rent",
        "--save-config", "run.toml",
    )  # fmt: skip
    run(
        folder, "train", "people.csv", "-t", "rent", "--drop", "buys", *FAST, "-o",
        "rent.safetensors", "--no-holdout", "--quiet",
    )  # fmt: skip
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    """The same in a folder of a test's own."""
    for each in trained.iterdir():
        shutil.copy(each, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """A process that has imported the command."""
    for package in ("polars", "click", "sklearn", "scipy"):
        pytest.importorskip(package)
    process = Warm()
    yield process
    process.close()
