"""Training by gradient descent: what ``network.fit`` takes, and what it answers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from deltarule._data.classes import ClassWeight
from deltarule._network.works import performed
from deltarule._training.arguments import says_which_arguments
from deltarule._training.examples import Given
from deltarule._training.hooks import Callback
from deltarule._training.progress import Progress
from deltarule._training.training import prepared
from deltarule.history import History
from deltarule.losses import AnyLoss
from deltarule.metrics import Metrics
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork


@says_which_arguments
def fit(
    network: BareNetwork,
    X: Any,
    y: ArrayLike | None = None,
    *,
    loss: AnyLoss = None,
    optimizer: Optimizer | str = "adam",
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    sampling: str | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    class_weight: ClassWeight | None = None,
    validation_data: tuple[ArrayLike, ...] | None = None,
    validation_split: float | None = None,
    metrics: Metrics | None = None,
    callbacks: Sequence[Callback] = (),
    clip_value: float | None = None,
    clip_norm: float | None = None,
    average: float | None = None,
    progress: bool = False,
    steps_per_epoch: int | None = None,
    resume: str | os.PathLike[str] | None = None,
) -> History:
    """Train by gradient descent on mini-batches, from the weights that are there.

    Parameters
    ----------
    network : Network
        The method ``network.fit`` is this function.
    X : array_like of shape (n_samples, n_features)
        float32, float64, uint8, int32 and int64 arrays of any strides, memory maps among them, are
        read batch by batch; nothing is copied whole. Or, without y, batches: an iterable of
        ``(X, y)`` or ``(X, y, sample_weight)``, walked once an epoch; a function that returns an
        iterator for each epoch; or an iterator, for one epoch. Such batches are taken in the order
        and of the size that they come in. Columns with names, as a data frame's, go by them: see
        ``Network.feature_names``.
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers, probabilities, or for a loss over classes integer class labels.
    loss : Loss, str or callable, optional
        Such as ``deltarule.Huber(delta=2.0)``, or a name for one with its defaults:
        mean_squared_error, mean_absolute_error, huber, log_cosh, poisson, binary_cross_entropy,
        categorical_cross_entropy, focal. By default the one that goes with the output activation:
        categorical cross-entropy for softmax, binary for sigmoid, squared error for the rest. Over
        several outputs a loss is their mean, over classes their sum. A function of one's own gives
        the losses and their derivatives, as ``deltarule.CustomLoss`` says.
    optimizer : Optimizer or str
        Such as ``deltarule.Adam(1e-3)``. An optimizer that has trained this network goes on from
        its state; a name makes a new one. Its learning rate may be a schedule.
    epochs, batch_size : int
        The last batch of an epoch may be smaller. With a ``BatchNorm`` they are of 2 or more, but
        for that one.
    shuffle : bool
        Draw a new order of the examples each epoch, from the network's own generator. A full batch
        is not shuffled, as its order means nothing. An X of more than 2^28 numbers (1 GiB of
        float32), in memory or in a file, is shuffled in windows whose blocks come from all over it.
    sampling : "balanced" or array_like of shape (n_samples,), optional
        Draw each epoch's examples with replacement, as many as there are, from the network's own
        generator: each with a chance in proportion to its weight, or such that every class of y
        has the same chance.
    sample_weight : array_like of shape (n_samples,), optional
        Not negative; the cost is the weighted mean.
    class_weight : dict or "balanced", optional
        What the examples of a class count for in the loss, beside their own weight: by class label
        (a class that is not in the dict counts for 1), or such that every class counts for as much
        as the others. The loss on the validation data is weighted likewise; metrics are not.
    validation_data : (X, y) or (X, y, sample_weight), optional
        Judged after each epoch: ``val_loss`` and ``val_<metric>``.
    validation_split : float, optional
        A part of X and y to hold out as validation data, above 0 and below 1. Its rows come from
        all over X and, where y holds classes, from each class alike; they are the same in every fit
        of as many rows and the same classes. For rows that depend on one another, as those of a
        series of times, give ``validation_data``.
    metrics : sequence or dict, optional
        Names of ``deltarule.metrics.METRICS``, functions of ``(y, A)`` or of
        ``(y, A, sample_weight)``, and pairs ``(name, function)``; see ``deltarule.metrics``. Given,
        they are also computed on X after each epoch, unless it comes in batches; by default, what
        suits the loss, on the validation data alone. A metric that is not defined on the data is
        NaN.
    callbacks : sequence of callbacks
        Such as ``deltarule.EarlyStopping()``, or one's own (``deltarule.callbacks``).
    clip_value : float, optional
        Hold each number of the gradients to -clip_value ... clip_value.
    clip_norm : float, optional
        Shorten the gradients, as one vector, to this Euclidean norm where they are longer (Pascanu
        et al. 2013); after ``clip_value``.
    average : float, optional
        Keep an exponential moving average of the parameters, ``network.average``, with this decay
        in [0, 1): after each step, ``average := decay average + (1 - decay) parameters``. It starts
        from the weights before the first step (PyTorch's AveragedModel, from those after it) and
        goes on from one fit to the next; ``network.averaged()`` predicts with it.
    progress : bool
        Show a progress bar (with tqdm where it is installed, else a line an epoch). ``verbose``, as
        it is called elsewhere, is taken for it.
    steps_per_epoch : int, optional
        How many batches make an epoch, where X comes in batches; by default all that come.
    resume : path-like or "auto", optional
        A file of ``deltarule.Checkpoint``: go on from there to the planned number of epochs. With
        the same arguments as the first time, the weights are those of a training that was never
        interrupted, to the last bit; other examples, batches or fewer epochs are warned of. "auto"
        is the newest file of the ``Checkpoint`` among the callbacks, and begins anew where there is
        none yet: so one script begins and goes on.

    Returns
    -------
    History
        ``loss`` is the mean over the epoch's batches, each at the weights of its time, the layers'
        penalties included (``val_loss`` and ``evaluate`` leave them out). ``learning_rate``, where
        there is a schedule, is that of the epoch's last step. Also kept as ``network.history``, as
        far as it got, when training is interrupted.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, NaN or Inf in it included, before anything is written.
    ModelFileError, FileNotFoundError
        For a file to resume from that is damaged or something else, or not there.
    TrainingDivergedError
        When the cost of a batch is not finite. The weights are then the last whose cost was finite.
    KeyboardInterrupt
        On Ctrl-C, between two steps. The weights and ``network.history`` are whole.
    ImportError
        For ``LBFGS`` where SciPy is not installed.
    """
    given = Given(
        loss=loss,
        optimizer=optimizer,
        epochs=epochs,
        batch_size=batch_size,
        shuffle=shuffle,
        sampling=sampling,
        sample_weight=sample_weight,
        class_weight=class_weight,
        validation_data=validation_data,
        validation_split=validation_split,
        metrics=metrics,
        callbacks=callbacks,
        clip_value=clip_value,
        clip_norm=clip_norm,
        average=average,
        steps_per_epoch=steps_per_epoch,
        resume=resume,
    )
    training = prepared(network, X, y, given)
    bar = Progress(training.epochs, training.examples.batches, enabled=progress)
    return performed(training.works(bar))
