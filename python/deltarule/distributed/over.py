"""``over``: whatever trains many networks does it on other machines, within a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deltarule._checks import expect_in_range
from deltarule.distributed.side_by_side.post import TIMEOUT, Post
from deltarule.ensembles.machines import Machines, put_in_place


@contextmanager
def over(*, comm: Any = None, client: Any = None, timeout: float = TIMEOUT) -> Iterator[None]:
    """Spread networks over ranks or workers, wherever many are trained within a ``with`` block.

    Within it ``fit_many``, ``search``, ``TabularClassifier`` and ``TabularRegressor`` come to the
    bits that they come to on one machine. A network is trained on one rank, or by one worker.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        Such as ``MPI.COMM_WORLD``; neither of the two is this machine alone. Every rank runs the
        block, with the same data; what differs is refused by name. Networks are
        handed out as ranks get free, the longest training first, and every rank ends with all of
        them. Rank 0 alone shows progress and warns.
    client : dask.distributed.Client, optional
        This program alone runs the block. X and y go to every worker once, for a search as well; a
        network is a task.
    timeout : float
        Seconds without a sign of life from a rank or a worker, after which the run is ended.

    Raises
    ------
    TypeError
        For both of ``comm`` and ``client``, and for what is none.
    ImportError
        Without mpi4py.
    DistributedError
        Where ranks were given what differs, which is named; on all ranks, where something has ended
        the run on one; and where workers are gone. Where a rank is dead, or was stopped, MPI ends
        all, with the reason on standard error.

    Examples
    --------
    On all ranks that ``mpiexec`` has started, or on this machine:

    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    >>> y = X[:, 0] * X[:, 1]
    >>> networks = [dr.Network([dr.Dense(8), dr.Dense(1)], 3, seed=k) for k in range(4)]
    >>> comm = None  # or mpi4py's MPI.COMM_WORLD
    >>> with dr.distributed.over(comm=comm):
    ...     histories = dr.fit_many(networks, X, y, epochs=[1, 2, 3, 4])
    >>> [history.epochs for history in histories]
    [1, 2, 3, 4]
    """
    with spread(comm, client, timeout, "over"):
        yield


@contextmanager
def spread(comm: Any, client: Any, timeout: float, where: str) -> Iterator[None]:
    """The same, by whom it is called for messages."""
    if comm is not None and client is not None:
        raise TypeError(
            f"{where}: comm is {comm!r} and client is {client!r}: expected one of them, such as "
            "mpi4py's MPI.COMM_WORLD, or a dask.distributed.Client"
        )
    timeout = expect_in_range(timeout, f"{where}: timeout", above=0)
    if client is not None:
        from deltarule.distributed.side_by_side.workers import Workers

        with put_in_place(Workers(client, timeout, where)):
            yield
        return
    if comm is None:
        with put_in_place(Machines()):
            yield
        return
    with Post(comm, timeout, where) as post, put_in_place(machines_of(post)):
        yield


def machines_of(post: Post) -> Machines:
    """All ranks, or this machine where there is but one."""
    from deltarule.distributed.side_by_side.ranks import Ranks

    return Ranks(post) if post.size > 1 else Machines()


over.__module__ = "deltarule.distributed"
