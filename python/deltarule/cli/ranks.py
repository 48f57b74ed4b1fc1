"""The command under ``mpiexec``: rank 0 runs it, and the others train for it."""

from __future__ import annotations

import os
from collections.abc import Callable

# How launchers tell a process how many of them there are, and that it is one of them.
_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS")
_SLURM = ("PMIX_RANK", "SLURM_NTASKS")


def run_on_ranks(command: Callable[[], int]) -> int:
    """Run it here, or if this is one of several ranks for all of them; the exit code."""
    if _ranks() < 2:
        return command()
    from deltarule.distributed.side_by_side.following import on_all_ranks

    return on_all_ranks(command)


def _ranks() -> int:
    """How many a launcher has started, as it says."""
    names = list(_SIZES)
    if _SLURM[0] in os.environ:
        names.append(_SLURM[1])
    sizes = [os.environ[name] for name in names if name in os.environ]
    return max((int(size) for size in sizes if size.isdigit()), default=1)
