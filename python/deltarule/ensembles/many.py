"""Many networks trained at once: what ``fit_many`` takes, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, TypeVar

from numpy.typing import ArrayLike

from deltarule._checks import expect_flag, expect_in_range
from deltarule._data.classes import ClassWeight
from deltarule._network.bare import BareNetwork
from deltarule._training.arguments import says_which_arguments
from deltarule._training.hooks import Callback
from deltarule.ensembles.machines import Task, in_use
from deltarule.ensembles.options import each_given, seeds_of
from deltarule.history import History
from deltarule.losses import AnyLoss
from deltarule.metrics import Metrics
from deltarule.network import Network
from deltarule.optimizers import Optimizer

T = TypeVar("T")
# One for all networks, or a list of one each.
Each: TypeAlias = T | Sequence[T]


@says_which_arguments
def fit_many(
    networks: Sequence[Network],
    X: Any,
    y: ArrayLike,
    *,
    loss: Each[AnyLoss] = None,
    optimizer: Each[Optimizer | str] = "adam",
    epochs: Each[int] = 1,
    batch_size: Each[int] = 32,
    shuffle: Each[bool] = True,
    sampling: Each[str | ArrayLike | None] = None,
    sample_weight: Each[ArrayLike | None] = None,
    class_weight: Each[ClassWeight | None] = None,
    rows: Each[ArrayLike | None] = None,
    validation_rows: Each[ArrayLike | None] = None,
    validation_data: tuple[ArrayLike, ...] | Sequence[tuple[ArrayLike, ...] | None] | None = None,
    validation_split: Each[float | None] = None,
    metrics: Each[Metrics | None] = None,
    callbacks: Sequence[Callback] | Sequence[Sequence[Callback]] = (),
    clip_value: Each[float | None] = None,
    clip_norm: Each[float | None] = None,
    average: Each[float | None] = None,
    seeds: int | Sequence[int] | None = None,
    time_limit: float | None = None,
    progress: bool = False,
) -> list[History]:
    """Train many networks on the same X at once, a network a thread.

    Every network comes to the bits that it would have alone, from ``network.fit`` with its own
    options: neither the others nor the number of threads change them. X is opened and checked once,
    and never copied. Every option is one for all networks, or a list of one each.

    Parameters
    ----------
    networks : sequence of Network
        Of any architectures; none of them twice.
    X, y, loss, epochs, batch_size, shuffle, sampling, class_weight
        As in ``fit``; X is not batches.
    optimizer : Optimizer, str or a list of them
        One for all is copied for each network and must be new. In a list each is a network's own,
        and goes on from its state.
    sample_weight : array_like of shape (n_samples,), or a list of them, optional
        As in ``fit``. Bags and bootstraps can be weights: how often each example was drawn.
    rows : array_like of int or bool, or a list of them, optional
        The rows of X to train on, by number, in any order and as often as they are given; or a flag
        for each row. The bits are those of ``fit(X[rows], y[rows])``; nothing is copied.
    validation_rows : array_like of int or bool, or a list of them, optional
        The rows of X and y to judge each epoch by: with ``rows``, a fold.
    validation_data : (X, y) or (X, y, sample_weight), or a list of such tuples, optional
    validation_split, metrics, clip_value, clip_norm, average
        As in ``fit``.
    callbacks : sequence of callbacks, or a list of such sequences
        The package's own that write no file may be given for all; each network gets a copy. Others
        are given in lists, one a network, in which the same object may stand. They are called one
        at a time.
    seeds : int or sequence of int, optional
        ``network.reseed(seed)`` of each network beforehand: draws orders and dropout anew, by a
        seed of each network's own, or drawn from one for all. Weights stay.
    time_limit : float, optional
        Seconds. When they are over, networks that are in training end as by ``run.stop()``, and
        those that wait for a thread stay what they are.
    progress : bool
        Show one line for all: networks done, epochs, the best score so far and the time left.

    Returns
    -------
    list of History
        One a network, also kept as its ``history``. ``history.diverged`` says why a network has
        ended early whose cost was no longer finite; there is a warning, and the others go on.

    Raises
    ------
    ValueError, TypeError
        As ``fit``, before any network is changed; a note says which network it is of.
    Exception
        What a callback or a loss of one's own raised first, when the other networks are trained; a
        note says of which network.
    KeyboardInterrupt
        On Ctrl-C. All weights and histories are whole.

    Notes
    -----
    The longest trainings begin first, as many at a time as keep all threads busy. Networks trained
    by ``LBFGS`` are trained one by one, meanwhile. Memory beyond X is that of the networks, of
    their optimizers, and of what the few that are in training need.

    Examples
    --------
    >>> import numpy as np
    >>> import deltarule as dr
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3)).astype("float32")
    >>> y = X[:, 0] * X[:, 1]
    >>> networks = [
    ...     Network([Dense(n, "relu"), Dense(1)], input_size=3, seed=n) for n in (4, 8, 16)
    ... ]
    >>> bags = [rng.integers(0, 200, 200) for _ in networks]
    >>> histories = dr.fit_many(networks, X, y, rows=bags, epochs=[30, 20, 10])
    >>> [history.epochs for history in histories]
    [30, 20, 10]
    """
    where = "fit_many"
    _expect_networks(networks, where)
    if time_limit is not None:
        time_limit = expect_in_range(time_limit, f"{where}: time_limit", above=0)
    expect_flag(progress, f"{where}: progress")
    given = list(
        each_given(
            len(networks),
            {
                "loss": loss,
                "optimizer": optimizer,
                "epochs": epochs,
                "batch_size": batch_size,
                "shuffle": shuffle,
                "sampling": sampling,
                "sample_weight": sample_weight,
                "class_weight": class_weight,
                "rows": rows,
                "validation_rows": validation_rows,
                "validation_data": validation_data,
                "validation_split": validation_split,
                "metrics": metrics,
                "callbacks": callbacks,
                "clip_value": clip_value,
                "clip_norm": clip_norm,
                "average": average,
            },
        )
    )
    new_seeds = seeds_of(seeds, len(networks))
    in_use().train(Task(networks, X, y, given, new_seeds, time_limit, progress))
    return [network.history for network in networks]


def _expect_networks(networks: Sequence[Network], where: str) -> None:
    if not isinstance(networks, (list, tuple)) or not networks:
        raise TypeError(
            f"{where}: networks is {networks!r}: expected a list of 1 or more deltarule.Network"
        )
    seen: dict[int, int] = {}
    for index, network in enumerate(networks):
        if not isinstance(network, BareNetwork):
            raise TypeError(
                f"{where}: networks[{index}] is {network!r}: expected a deltarule.Network"
            )
        before = seen.setdefault(id(network), index)
        if before != index:
            raise ValueError(
                f"{where}: networks[{index}] is networks[{before}]: expected each once; "
                "copy.deepcopy makes another"
            )


# Where users find it.
fit_many.__module__ = "deltarule"
