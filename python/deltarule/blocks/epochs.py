"""What changes from epoch to epoch: the order of the examples, and the learning rate."""

from __future__ import annotations

import math

import numpy as np

from deltarule._arrays import Array
from deltarule.blocks.arrays import finite_number, matrix, number_between, real, size_of


def random_mini_batches(
    X: Array, Y: Array, mini_batch_size: int = 64, seed: int = 0
) -> list[tuple[Array, Array]]:
    """All examples, shuffled and cut into mini-batches; the last may be smaller.

    Parameters
    ----------
    X : ndarray, (n_0, m)
        Inputs, an example a column.
    Y : ndarray, (n_L, m)
        Targets; ``(m,)`` will do.
    mini_batch_size : int
        Examples in a batch.
    seed : int
        Seed of NumPy's legacy generator, which draws one permutation of the m examples.

    Returns
    -------
    list of (ndarray, ndarray)
        ``(mini_batch_X, mini_batch_Y)`` of each batch, of the dtypes that went in.

    Raises
    ------
    TypeError, ValueError
        For what is not of real numbers or of the wrong shape, a Y of another number of examples,
        and a size that is no positive integer.

    Examples
    --------
    >>> import numpy as np
    >>> X, Y = np.array([[0, 1, 2, 3, 4]]), np.array([[0, 1, 0, 1, 0]])
    >>> for mini_batch_X, mini_batch_Y in random_mini_batches(X, Y, mini_batch_size=2):
    ...     print(mini_batch_X, mini_batch_Y)
    [[2 0]] [[0 0]]
    [[1 3]] [[1 1]]
    [[4]] [[0]]
    """
    where = "random_mini_batches"
    X, Y = matrix(where, "X", X), real(where, "Y", Y)
    m: int = X.shape[1]
    if Y.ndim not in (1, 2) or Y.shape[-1] != m:
        raise ValueError(
            f"{where}: Y is {Y.shape} but X is {X.shape}: expected Y (n_L, {m}), an example a "
            "column"
        )
    size = size_of(where, "mini_batch_size", mini_batch_size)
    permutation = np.random.RandomState(seed).permutation(m)
    # Gathered by rows of the transpose, so that a batch's columns lie one after another.
    X, Y = X.T[permutation].T, Y.T[permutation].T
    return [(X[:, k : k + size], Y[..., k : k + size]) for k in range(0, m, size)]


def update_lr(learning_rate0: float, epoch_num: int, decay_rate: float) -> float:
    """``alpha_0 / (1 + decay_rate epoch_num)``.

    Parameters
    ----------
    learning_rate0 : float
        ``alpha_0``, the rate of epoch 0.
    epoch_num : int
        The epoch, counted from 0.
    decay_rate : float
        0 or more.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For what is no number, and for one out of range.

    Examples
    --------
    >>> update_lr(0.5, epoch_num=2, decay_rate=1)
    0.16666666666666666
    """
    where = "update_lr"
    alpha = finite_number(where, "learning_rate0", learning_rate0)
    epoch = number_between(where, "epoch_num", epoch_num, 0, math.inf)
    return 1 / (1 + number_between(where, "decay_rate", decay_rate, 0, math.inf) * epoch) * alpha


def schedule_lr_decay(
    learning_rate0: float, epoch_num: int, decay_rate: float, time_interval: int = 1000
) -> float:
    """``alpha_0 / (1 + decay_rate floor(epoch_num / time_interval))``: a step down an interval.

    Parameters
    ----------
    learning_rate0 : float
        ``alpha_0``, the rate of the first interval.
    epoch_num : int
        The epoch, counted from 0.
    decay_rate : float
        0 or more.
    time_interval : int
        Epochs for which the rate stays as it is, more than 0.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        For what is no number, and for one out of range.

    Examples
    --------
    >>> schedule_lr_decay(0.5, epoch_num=10, decay_rate=0.3, time_interval=100)
    0.5
    >>> schedule_lr_decay(0.5, epoch_num=100, decay_rate=0.3, time_interval=100)
    0.3846153846153846
    """
    where = "schedule_lr_decay"
    interval = number_between(where, "time_interval", time_interval, 0, math.inf)
    if interval == 0:
        raise ValueError(f"{where}: time_interval is {time_interval!r}: expected a number above 0")
    epoch = number_between(where, "epoch_num", epoch_num, 0, math.inf)
    return update_lr(learning_rate0, math.floor(epoch / interval), decay_rate)
