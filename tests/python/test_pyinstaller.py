"""A program that PyInstaller froze finds the core, its kernels, and what is imported when used."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from deltarule import _core, _pyinstaller

PROGRAM = """
import sys
import deltarule as dr

net = dr.Network([dr.Dense(4, "relu"), dr.Dense(1)], input_size=2, seed=0)
net.fit([[0.0, 1.0], [1.0, 0.0]], [[1.0], [0.0]], epochs=2)
net.save(sys.argv[1])
print(dr.isa(), dr.load(sys.argv[1]).predict([[0.0, 1.0]]).shape)
"""
# They would come along for what a program may do with them, and take their time.
NOT_NEEDED = ["sklearn", "scipy", "pandas", "polars", "matplotlib", "onnx", "h5py", "tqdm", "PIL"]
NOT_NEEDED += ["torch", "jax", "optuna", "pyarrow"]


def test_pyinstaller_is_told_where_the_hook_is() -> None:
    (entry,) = (
        entry
        for entry in entry_points(group="pyinstaller40")
        if entry.value.startswith("deltarule.")
    )
    (folder,) = entry.load()()
    assert entry.load() is _pyinstaller.get_hook_dirs
    assert (Path(folder) / "hook-deltarule.py").is_file()


def test_a_frozen_program_runs_at_every_level(tmp_path: Path) -> None:
    pytest.importorskip("PyInstaller")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    without = [argument for name in NOT_NEEDED for argument in ("--exclude-module", name)]
    folders = ["--distpath", "dist", "--workpath", "build", "--specpath", "."]
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--log-level=ERROR", *without, *folders, program],
        cwd=tmp_path,
        check=True,
        timeout=600,
    )
    # Elsewhere than the installed package, which it must not find.
    frozen = (tmp_path / "dist").rename(tmp_path / "moved") / "program" / "program"
    for level in _core.supported_levels():
        printed = subprocess.run(
            [frozen, "net.safetensors"],
            cwd=tmp_path,
            env={"DELTARULE_ISA": level},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
        assert printed.split() == [level, "(1,", "1)"]
