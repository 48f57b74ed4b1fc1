"""The programs of the page on more than one machine, started as it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import deltarule as dr
from support import ROOT
from support_ranks import on_ranks

GUIDE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
PROGRAMS = dict(
    re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs find the data and the model that they read."""
    pytest.importorskip("mpi4py")
    pytest.importorskip("distributed.client")
    folder = tmp_path_factory.mktemp("guide")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)).astype("float32")
    y = np.where(X[:, 0] * X[:, 1] > 0, "more", "less")
    np.save(folder / "X.npy", X)
    np.save(folder / "y.npy", y)
    dr.MLPClassifier((4,), random_state=0, tol=10.0).fit(X, y).save(folder / "model.safetensors")
    for name, program in PROGRAMS.items():
        # The default model takes minutes; the page is about where it is trained.
        program = program.replace(
            "TabularClassifier(random", "TabularClassifier(preset='fast', random"
        )
        (folder / name).write_text(f"import os\nos.chdir({str(folder)!r})\n{program}")
    return folder


def test_every_program_has_a_name() -> None:
    assert len(PROGRAMS) == GUIDE.count("```python")


@pytest.mark.parametrize("name", [name for name, text in PROGRAMS.items() if "mpi4py" in text])
def test_a_program_runs_on_ranks(name: str, folder: Path) -> None:
    ended = on_ranks(2, str(folder / name))
    assert ended.code == 0, ended.text


@pytest.mark.parametrize("name", [name for name, text in PROGRAMS.items() if "mpi4py" not in text])
def test_a_program_runs_on_dask(name: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(folder / name)],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
    )
    assert done.returncode == 0, done.stderr
