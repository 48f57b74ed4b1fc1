"""``fit_many`` over ranks or workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from deltarule.distributed.over import spread
from deltarule.distributed.side_by_side.post import TIMEOUT
from deltarule.ensembles import many
from deltarule.history import History
from deltarule.network import Network


def fit_many(
    networks: Sequence[Network],
    X: Any,
    y: ArrayLike,
    *,
    comm: Any = None,
    client: Any = None,
    timeout: float = TIMEOUT,
    **options: Any,
) -> list[History]:
    """Train many networks on the same X, spread over ranks of MPI or workers of Dask.

    Every network is trained on one of them, and comes to the bits that it would have alone.

    Parameters
    ----------
    networks, X, y
        As in ``deltarule.fit_many``. With ``comm`` every rank has its own: the same numbers, best
        in a memory map of one file that all can read.
    comm, client, timeout
        As in ``over``.
    **options
        Of ``deltarule.fit_many``.

    Returns
    -------
    list of History
        One a network. With ``comm`` every rank ends with all networks, optimizers and callbacks as
        they are after training, wherever that was.

    Raises
    ------
    Exception
        As ``deltarule.fit_many``, on every rank.
    DistributedError
        As ``over``.

    Notes
    -----
    A callback goes to where its network is trained, and what it remembers comes back; so it is of
    one network, and can be pickled. What it writes is written there.

    Examples
    --------
    On all ranks that ``mpiexec`` has started, or on this machine:

    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(200, 3)).astype("float32")
    >>> y = X[:, 0] * X[:, 1]
    >>> networks = [dr.Network([dr.Dense(8), dr.Dense(1)], 3, seed=k) for k in range(4)]
    >>> comm = None  # or mpi4py's MPI.COMM_WORLD
    >>> histories = dr.distributed.fit_many(networks, X, y, comm=comm, epochs=[1, 2, 3, 4])
    >>> [history.epochs for history in histories]
    [1, 2, 3, 4]
    """
    with spread(comm, client, timeout, "fit_many"):
        return many.fit_many(networks, X, y, **options)


fit_many.__module__ = "deltarule.distributed"
