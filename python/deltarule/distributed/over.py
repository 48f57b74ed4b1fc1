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
        Every rank runs the block, with the same data; what differs is refused by name. Networks are
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
        For neither or both of ``comm`` and ``client``.
    ImportError
        Without mpi4py.
    DistributedError
        Where ranks were given what differs, which is named; on all ranks, where something has ended
        the run on one; and where workers are gone. Where a rank is dead, or was stopped, MPI ends
        all, with the reason on standard error.

    Examples
    --------
    >>> from mpi4py import MPI  # doctest: +SKIP
    >>> with dr.distributed.over(comm=MPI.COMM_WORLD):  # doctest: +SKIP
    ...     model = dr.TabularClassifier(random_state=0).fit(X, y)
    """
    with spread(comm, client, timeout, "over"):
        yield


@contextmanager
def spread(comm: Any, client: Any, timeout: float, where: str) -> Iterator[None]:
    """The same, by whom it is called for messages."""
    if (comm is None) == (client is None):
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
    post = Post(comm, timeout, where)
    try:
        with put_in_place(machines_of(post)):
            yield
    except BaseException as error:
        post.leave(error)
        raise
    post.leave()


def machines_of(post: Post) -> Machines:
    """All ranks, or this machine where there is but one."""
    from deltarule.distributed.side_by_side.ranks import Ranks

    return Ranks(post) if post.size > 1 else Machines()


over.__module__ = "deltarule.distributed"
