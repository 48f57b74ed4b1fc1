"""Programs on the ranks of MPI, as tests start them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

PROGRAMS = Path(__file__).parent / "distributed"


class Ended(NamedTuple):
    """What a program came to: its exit code, what it printed, and the results that it told."""

    code: int
    text: str
    results: list[dict[str, Any]]


def on_ranks(n: int, program: str, *arguments: str, limit: float = 120) -> Ended:
    """Run one of the tests' programs on so many ranks; a line of JSON is a result of it.

    It is skipped where there is no MPI, and fails where the program does not end in time.
    """
    pytest.importorskip("mpi4py")
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("mpi4py is installed, but there is no mpiexec: pip install mpich")
    paths = [str(Path(__file__).parent), *sys.path]
    with subprocess.Popen(
        [mpiexec, "-n", str(n), sys.executable, str(PROGRAMS / program), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "OMP_NUM_THREADS": "1"},
    ) as process:
        try:
            text, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            pytest.fail(f"{program} {arguments} on {n} ranks: not done in {limit} s")
    results = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return Ended(process.returncode, text, results)
