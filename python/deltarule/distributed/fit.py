"""Training one model on several ranks: a network, or an estimator."""

from __future__ import annotations

import inspect
import os
from typing import Any, TypeVar, overload

from numpy.typing import ArrayLike

from deltarule._checks import expect_count, expect_in_range
from deltarule._files.checkpoints import newest_of
from deltarule._files.models import read_content
from deltarule._network.works import performed
from deltarule._training.arguments import answer
from deltarule._training.examples import Given
from deltarule._training.fit import fit as fit_alone
from deltarule._training.progress import Progress
from deltarule._training.training import saved_of
from deltarule.distributed.sharded.differences import description, expect_same
from deltarule.distributed.sharded.estimator import fit_estimator
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.distributed.sharded.shards import Shards
from deltarule.distributed.sharded.training import sharded
from deltarule.history import History
from deltarule.network import Network

Estimator = TypeVar("Estimator")
_WHERE = "distributed.fit"
_OF_FIT = inspect.signature(fit_alone).parameters


@overload
def fit(
    model: Network,
    X: Any,
    y: ArrayLike | None = ...,
    *,
    comm: Any = ...,
    shards: int | None = ...,
    timeout: float = ...,
    **options: Any,
) -> History: ...
@overload
def fit(
    model: Estimator,
    X: Any,
    y: ArrayLike,
    *,
    comm: Any = ...,
    shards: int | None = ...,
    timeout: float = ...,
    **options: Any,
) -> Estimator: ...
def fit(
    model: Any,
    X: Any,
    y: ArrayLike | None = None,
    *,
    comm: Any = None,
    shards: int | None = None,
    timeout: float = 60.0,
    **options: Any,
) -> Any:
    """Train one model on the rows of all ranks, to the same weights on each.

    Every rank calls it with the same model and options, and with rows of its own. A batch is cut
    into ``shards``; each shard's gradient is made where its rows are, and they are added up by a
    fixed tree. So the weights are the same to the last bit on any number of ranks that divides
    ``shards``, one process included, if shard follows shard: `rows_of_rank` says which rows.

    Parameters
    ----------
    model : Network, MLPClassifier or MLPRegressor
        The same on every rank: of the same seed, or from the same file; of an estimator the
        parameters, ``random_state`` among them.
    X, y
        For a network this rank's rows, or batches, as in ``Network.fit``. A rank may have more than
        another, or none. An epoch of batches ends when no rank has one left. For an estimator the
        whole table, on every rank; it may be a memory map. Each rank makes the gradients of its
        part of every batch, and all else alike.
    comm : mpi4py.MPI.Comm, optional
        Such as ``MPI.COMM_WORLD``; None is one process.
    shards : int, optional
        Into how many parts a batch is cut: a multiple of the number of ranks. Like the batch size
        it is part of what the training is, and stays the same when it is resumed on another number
        of ranks. By default that of the checkpoint, or the number of ranks.
    timeout : float
        Seconds after which a rank that others wait for is given up.
    **options
        Those of ``Network.fit``, or of the estimator's own. ``batch_size`` is that of all ranks
        together; the batches of rows are as even as they can be. ``validation_data`` is this
        rank's share of it. Callbacks are called on every rank, but those of the package that write
        or warn on rank 0 alone, as is ``progress``. ``sampling`` and ``LBFGS`` are refused.

    Returns
    -------
    History, or the estimator
        The same on every rank, as are the weights, the optimizer and its state.

    Raises
    ------
    DistributedError
        Where ranks have other networks, options or versions, where another rank has failed (with
        its reason), and where one does not come in time. Nobody is left waiting.
    ValueError, TypeError, TrainingDivergedError, KeyboardInterrupt
        As ``Network.fit``, on the rank that they are of; the others raise a DistributedError.

    Notes
    -----
    A ``BatchNorm`` normalises each shard by the shard's own moments, and its running moments move
    by the mean over shards. A last word on the bits: with one shard they are not those of
    ``Network.fit``, whose gradients are scaled before they are added.

    Examples
    --------
    One process, whose weights are those of four ranks:

    >>> import numpy as np
    >>> import deltarule as dr
    >>> X = np.random.default_rng(0).normal(size=(400, 3)).astype("float32")
    >>> y = X[:, 0] * X[:, 1]
    >>> net = dr.Network([dr.Dense(8, "tanh"), dr.Dense(1)], input_size=3, seed=0)
    >>> history = dr.distributed.fit(net, X, y, shards=4, batch_size=100, epochs=3)
    >>> history.epochs
    3
    """
    with Meeting(comm, expect_in_range(timeout, f"{_WHERE}: timeout", above=0)) as meeting:
        if isinstance(model, Network):
            return _fit_network(model, X, y, options, meeting, shards)
        _expect_estimator(model)
        count = _count(shards, None, meeting.size)
        return fit_estimator(model, X, y, options, meeting, count)


def _fit_network(
    network: Network, X: Any, y: Any, options: dict[str, Any], meeting: Meeting, shards: int | None
) -> History:
    given = _given(options)
    resume = _file_of_all(meeting, given)
    count = _count(shards, resume, meeting.size)
    given.resume = None
    expect_same(meeting, description(network, given, count))
    training = sharded(network, X, y, given, Shards(meeting, count))
    if resume is not None:
        training.saved = saved_of(training, resume)
    enabled = bool(options.get("progress")) and meeting.rank == 0
    bar = Progress(training.epochs, training.examples.batches, enabled=enabled)
    return performed(training.works(bar))


def _expect_estimator(model: Any) -> None:
    known = "a deltarule.Network, MLPClassifier or MLPRegressor"
    if hasattr(model, "get_params"):
        from deltarule.estimators import MLPClassifier, MLPRegressor

        if isinstance(model, (MLPClassifier, MLPRegressor)):
            return
    raise TypeError(f"{_WHERE}: model is {model!r}: expected {known}")


def rows_of_rank(n_samples: int, comm: Any = None) -> slice:
    """Say which rows of a table that all ranks can read are a rank's own.

    Parameters
    ----------
    n_samples : int
        How many rows there are.
    comm : mpi4py.MPI.Comm, optional

    Returns
    -------
    slice
        The ranks' rows follow one another. Taken so, they make the same shards on any number of
        ranks, as long as the number of shards divides ``n_samples``.

    Raises
    ------
    ValueError, TypeError
        For what is no count of rows.

    Examples
    --------
    >>> import deltarule as dr
    >>> dr.distributed.rows_of_rank(100)
    slice(0, 100, None)
    """
    n_samples = expect_count(n_samples, "rows_of_rank: n_samples", least=0)
    rank, size = (0, 1) if comm is None else (comm.Get_rank(), comm.Get_size())
    return slice(n_samples * rank // size, n_samples * (rank + 1) // size)


def _given(options: dict[str, Any]) -> Given:
    """The options, as ``Network.fit`` has them."""
    for name in options.keys() - _OF_FIT.keys():
        raise TypeError(answer(_WHERE, name, tuple(_OF_FIT)))
    every = {name: each.default for name, each in _OF_FIT.items()} | options
    return Given(**{name: every[name] for name in Given.__annotations__ if name in every})


def _file_of_all(meeting: Meeting, given: Given) -> str | None:
    """The checkpoint to go on from, which is rank 0's choice."""
    resume = given.resume
    if resume == "auto" and meeting.rank == 0:
        resume = newest_of(given.callbacks)
    mine = None if resume is None else os.fspath(resume)
    first: str | None = meeting.told("the checkpoint", mine)[0]
    return first


def _count(shards: int | None, resume: str | None, ranks: int) -> int:
    """How many shards there are: as asked for, as in the checkpoint, or one a rank."""
    saved = None
    if resume is not None and os.path.exists(resume):  # noqa: PTH110 (a path of any kind)
        data = read_content(resume).get("data")
        saved = data.get("shards", 1) if isinstance(data, dict) else None
    if shards is None:
        shards = saved or ranks
    shards = expect_count(shards, f"{_WHERE}: shards", least=1)
    if shards % ranks:
        raise ValueError(
            f"{_WHERE}: shards is {shards} on {ranks} ranks: expected a multiple of the number of "
            "ranks, as each has as many shards as the others"
        )
    return shards


# Where users find them.
for _function in (fit, rows_of_rank):
    _function.__module__ = "deltarule.distributed"
