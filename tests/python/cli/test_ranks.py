"""Whether the command is one of several ranks, by what launchers say."""

import sys

import pytest

from deltarule.cli.main import run
from deltarule.cli.ranks import run_on_ranks

NAMES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS", "PMIX_RANK", "SLURM_NTASKS")


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "told", [{}, {"PMI_SIZE": "1"}, {"SLURM_NTASKS": "4"}, {"OMPI_COMM_WORLD_SIZE": "no number"}]
)
def test_one_process_is_no_rank(told: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert run_on_ranks(lambda: 7) == 7


@pytest.mark.parametrize(
    "told",
    [{"PMI_SIZE": "2"}, {"OMPI_COMM_WORLD_SIZE": "2"}, {"PMIX_RANK": "0", "SLURM_NTASKS": "2"}],
)
def test_several_need_mpi4py(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setitem(sys.modules, "mpi4py", None)
    assert run(["info", "none.safetensors"]) == 1
    assert 'pip install "deltarule[mpi]"' in capsys.readouterr().err
