"""One step on one batch, for loops that make their own batches."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._training.runs import EveryStep, MakeSteps, Run, expect_every_step
from deltarule.errors import TrainingDivergedError
from deltarule.losses import AnyLoss, Loss
from deltarule.optimizers import LBFGS, Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork

_WHERE = "train_on_batch"


def train_on_batch(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    *,
    optimizer: Optimizer,
    loss: AnyLoss = None,
    sample_weight: ArrayLike | None = None,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> float:
    """Make one step of gradient descent on one batch.

    The step is that of ``fit`` on this batch, to the last bit; so is dropout's, and so are running
    moments. There is no history, and nothing is called back.

    Parameters
    ----------
    network : Network
        The method ``network.train_on_batch`` is this function.
    X : array_like of shape (n_samples, n_features)
        A C-ordered array of the network's dtype takes the shortest way.
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        As in ``fit``.
    optimizer : Optimizer
        Such as ``deltarule.Adam(1e-3)``; holds this network's state from its first step on. Its
        learning rate may be a schedule of steps.
    loss : Loss, str or callable, optional
        As in ``fit``; by default the one that goes with the output activation.
    sample_weight : array_like of shape (n_samples,), optional
        Not negative; the cost is the weighted mean.
    clip_value, clip_norm : float, optional
        As in ``fit``.

    Returns
    -------
    float
        The cost of the batch before the step, the layers' penalties included.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, NaN or Inf in it included, before anything is written.
    TrainingDivergedError
        Where the cost or a gradient is not finite. The step is not made then, and the network stays
        what it was.
    RuntimeError
        While the network is in training elsewhere.

    Examples
    --------
    >>> import numpy as np
    >>> from deltarule import Adam
    >>> net = Network([Dense(8, "relu"), Dense(1)], input_size=3, seed=0)
    >>> optimizer = Adam(1e-2)
    >>> X = np.ones((4, 3), np.float32)
    >>> costs = [net.train_on_batch(X, np.ones(4), optimizer=optimizer) for _ in range(50)]
    >>> costs[-1] < costs[0]
    True
    """
    if not isinstance(optimizer, Optimizer) or isinstance(optimizer, LBFGS):
        raise TypeError(
            f"{_WHERE}: optimizer is {optimizer!r}: expected one that makes steps and keeps its "
            "state, such as deltarule.Adam(1e-3)"
        )
    expect_every_step(optimizer, clip_value, clip_norm, None, _WHERE)
    loss = network._loss_for(loss, _WHERE)
    cost = None
    if sample_weight is None and network._may_step_at_once(loss):
        trainer, gradients = network._training_room(loss)
        cost = trainer.step_of_little(
            network._parameters,
            gradients,
            optimizer._state_for(network._parameters),
            optimizer._rule(),
            optimizer._counter,
            network._pass,
            X,
            y,
            (loss.targets.least, loss.targets.most),
            clip_value or 0.0,
            clip_norm or 0.0,
        )
    if cost is None:
        cost = _the_long_way(network, X, y, optimizer, loss, sample_weight, clip_value, clip_norm)
    if not isfinite(cost):
        raise TrainingDivergedError(
            f"{_WHERE}: the cost or a gradient of the batch is not finite: the step is not made; "
            "expected a smaller learning rate in the steps before, or data and targets scaled to "
            "about 1"
        )
    return cost


def _the_long_way(
    network: BareNetwork,
    X: ArrayLike,
    y: ArrayLike,
    optimizer: Optimizer,
    loss: Loss,
    sample_weight: ArrayLike | None,
    clip_value: float | None,
    clip_norm: float | None,
) -> float:
    """What needs a conversion, a message or time: the cost, NaN where the step was not made."""
    loss, rows, target = network._at_the_door(X, y, loss, sample_weight, _WHERE)
    with network._sole_training(_WHERE):
        network._expect_finite_parameters(_WHERE)
        network._expect_adapted(_WHERE)
        every_step = EveryStep(clip_value or 0.0, clip_norm or 0.0, refuse_non_finite=True)
        m = len(rows)
        costs: Array = np.empty((1, 2))
        make = MakeSteps(network, optimizer, loss, every_step)
        made = make(Run(rows, target, None, 0, m, m, optimizer._rule(), None), costs)
        if made.exception is not None:
            raise made.exception
    total, weight = costs[0].tolist()
    return total / weight if made.steps else float("nan")
