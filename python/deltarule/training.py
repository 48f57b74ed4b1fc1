"""The training loop: what is handed in, epoch after epoch, and what an epoch is judged by."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import _core
from deltarule.batches import Batches
from deltarule.checkpoint import Saved
from deltarule.checks import expect_count
from deltarule.data import as_rows, as_target
from deltarule.history import History as History
from deltarule.last_good import TrainingDivergedError as TrainingDivergedError
from deltarule.metrics import METRICS, default_metrics
from deltarule.optimizers import Optimizer, as_optimizer
from deltarule.progress import Progress
from deltarule.sampling import in_turn, order_of
from deltarule.schedules import as_schedule
from deltarule.steps import Examples, Steps
from deltarule.training_run import TrainingRun, as_callbacks, expect_validation

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]

_EVALUATION_ROWS = 1 << 16


def loss_for(network: "Network", loss: str | None, where: str) -> str:
    """The loss by its name, or the one that goes with the network's output activation."""
    if loss is None:
        return {
            "softmax": "categorical_cross_entropy",
            "sigmoid": "binary_cross_entropy",
        }.get(network.layers[-1].activation, "mean_squared_error")
    if loss not in _core.loss_names():
        raise ValueError(f"{where}: loss is {loss!r}: expected one of {_core.loss_names()}")
    return loss


def at_the_door(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    loss: str | None,
    sample_weight: ArrayLike | None,
    where: str,
) -> tuple[str, Array, "_core.Target"]:
    """A loss, and rows and targets that suit it and the network."""
    loss = loss_for(network, loss, where)
    rows = as_rows(X, network.input_size, network.dtype, where)
    m = len(rows)
    if not m:
        raise ValueError(f"{where}: X has no rows: expected 1 or more")
    target = as_target(y, loss, m, network.output_size, network.dtype, where, sample_weight)
    return loss, rows, target


def fit(
    network: "Network",
    X: Any,
    y: ArrayLike | None = None,
    *,
    loss: str | None = None,
    optimizer: Optimizer | str = "adam",
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    sampling: str | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Sequence[str] | None = None,
    callbacks: Sequence[Any] = (),
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
        and of the size that they come in.
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers, probabilities, or for categorical cross-entropy integer class labels.
    loss : str, optional
        mean_squared_error, binary_cross_entropy or categorical_cross_entropy; by default the one
        that goes with the output activation: categorical for softmax, binary for sigmoid, squared
        error for the rest. Over several outputs, squared error and binary cross-entropy are means.
    optimizer : Optimizer or str
        Such as ``deltarule.Adam(1e-3)``. An optimizer that has trained this network goes on from
        its state; a name makes a new one. Its learning rate may be a schedule.
    epochs, batch_size : int
        The last batch of an epoch may be smaller.
    shuffle : bool
        Draw a new order of the examples each epoch, from the network's own generator. A full batch
        is not shuffled, as its order means nothing; a memory map is shuffled in windows of 32 MiB,
        whose blocks come from all over the file.
    sampling : "balanced" or array_like of shape (n_samples,), optional
        Draw each epoch's examples with replacement, as many as there are, from the network's own
        generator: each with a chance in proportion to its weight, or such that every class of y
        has the same chance.
    sample_weight : array_like of shape (n_samples,), optional
        Not negative; the cost is the weighted mean.
    validation_data : (X, y), optional
        Judged after each epoch: ``val_loss`` and ``val_<metric>``.
    metrics : sequence of str, optional
        accuracy, binary_accuracy, mean_absolute_error. Named, they are also computed on X after
        each epoch, unless it comes in batches; by default, what suits the loss, on the validation
        data alone.
    callbacks : sequence of callbacks
        Such as ``deltarule.EarlyStopping()``, or one's own (``deltarule.callbacks``).
    progress : bool
        Show a progress bar (with tqdm where it is installed, else a line an epoch).
    steps_per_epoch : int, optional
        How many batches make an epoch, where X comes in batches; by default all that come.
    resume : path-like, optional
        A file of ``deltarule.Checkpoint``: go on from there to the planned number of epochs. With
        the same arguments as the first time, the weights are those of a training that was never
        interrupted, to the last bit.

    Returns
    -------
    History
        ``loss`` is the mean over the epoch's batches, each at the weights of its time, and
        ``learning_rate``, where there is a schedule, that of the epoch's last step. Also kept as
        ``network.history``, as far as it got, when training is interrupted.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, NaN or Inf in it included, before anything is written.
    ModelFileError
        For a file to resume from that is damaged or something else.
    TrainingDivergedError
        When the cost of a batch is not finite. The weights are then the last whose cost was finite.
    KeyboardInterrupt
        On Ctrl-C, between two steps. The weights and ``network.history`` are whole.
    """
    epochs = expect_count(epochs, "fit: epochs", least=0)
    examples = (
        _batches(network, X, loss, sample_weight, sampling, steps_per_epoch, epochs)
        if y is None
        else _examples(
            network, X, y, loss, sample_weight, sampling, steps_per_epoch, batch_size, shuffle
        )
    )
    loss = examples.loss
    judged = _metrics(metrics, loss, network.output_size)
    validation = _validation(network, validation_data, loss)
    network._expect_finite_parameters("fit")
    optimizer = as_optimizer(optimizer)
    callbacks = as_callbacks(callbacks, validated=validation is not None)
    rate = getattr(optimizer, "learning_rate", None)
    schedule = as_schedule(rate) if callable(rate) else None
    expect_validation(schedule, "the learning rate", validated=validation is not None)
    saved = None if resume is None else Saved(resume, network, optimizer, callbacks)

    if not network._training.acquire(blocking=False):
        raise RuntimeError(
            "fit: another thread is training this network: expected one fit at a time; train a "
            "copy (copy.deepcopy) instead"
        )
    try:
        network.history = History()
        run = TrainingRun(network, optimizer, callbacks, epochs)
        if saved is not None:
            saved.restore(run)
        with run, Progress(epochs, examples.batches, enabled=progress) as bar:
            run.call("on_fit_begin")
            steps = Steps(run, examples)
            while run.begin_epoch():
                for done in steps.epoch():
                    if progress:
                        bar.advance(done, steps.mean_cost)
                    run.call("on_run_end")
                if not steps.epoch_is_finished:
                    break
                record = {"loss": steps.mean_cost}
                if metrics is not None and examples.rows is not None:
                    on_training_set = _judge(network, examples.rows, examples.target, loss, judged)
                    record |= {name: on_training_set[name] for name in judged}
                if validation is not None:
                    on_validation_set = _judge(network, *validation, loss, judged)
                    record |= {f"val_{name}": v for name, v in on_validation_set.items()}
                if schedule is not None:
                    record["learning_rate"] = steps.learning_rate
                run.end_epoch(record)
                bar.end_epoch(run.epoch - 1, record)
            steps.expect_finite_weights()
            steps.close()
        return run.history
    finally:
        network._training.release()


def evaluate(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | None = None,
    metrics: Sequence[str] | None = None,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the cost and metrics of a network on data.

    Parameters
    ----------
    network : Network
        The method ``network.evaluate`` is this function.
    X, y, loss, sample_weight
        As in ``fit``.
    metrics : sequence of str, optional
        As in ``fit``; by default what suits the loss.

    Returns
    -------
    dict of str to float
        ``loss`` and each metric.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit.
    """
    loss, rows, target = at_the_door(network, X, y, loss, sample_weight, "evaluate")
    return _judge(network, rows, target, loss, _metrics(metrics, loss, network.output_size))


def _judge(
    network: "Network", rows: Array, target: "_core.Target", loss: str, judged: Sequence[str]
) -> dict[str, float]:
    """The cost and metrics on data that has passed the door."""
    m = len(rows)
    A = np.empty((m, network.output_size), network.dtype)
    total = 0.0
    for first in range(0, m, _EVALUATION_ROWS):
        part = slice(first, min(first + _EVALUATION_ROWS, m))
        total += network._core.infer(
            network.parameters, rows[part], A[part], loss, _part(target, part, network.dtype)
        )
    weight = m if target.weights is None else float(target.weights.sum())
    held = target.Y if target.labels is None else target.labels
    assert held is not None
    return {"loss": total / weight} | {
        name: METRICS[name](A, held, target.weights) for name in judged
    }


def _examples(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    loss: str | None,
    sample_weight: ArrayLike | None,
    sampling: str | ArrayLike | None,
    steps_per_epoch: int | None,
    batch_size: int,
    shuffle: bool,
) -> Examples:
    loss, rows, target = at_the_door(network, X, y, loss, sample_weight, "fit")
    if steps_per_epoch is not None:
        raise ValueError(
            "fit: steps_per_epoch is for an X that comes in batches: expected None, as y is given"
        )
    batch_size = min(expect_count(batch_size, "fit: batch_size", least=1), len(rows))
    order = order_of(sampling, shuffle, rows, target, batch_size)
    return Examples(loss, rows, target, batch_size, order)


def _batches(
    network: "Network",
    X: Any,
    loss: str | None,
    sample_weight: ArrayLike | None,
    sampling: str | ArrayLike | None,
    steps_per_epoch: int | None,
    epochs: int,
) -> Examples:
    if sample_weight is not None or sampling is not None:
        raise ValueError(
            "fit: sample_weight and sampling are for arrays: expected None, as X comes in batches; "
            "a batch may be (X, y, sample_weight)"
        )
    if steps_per_epoch is not None:
        steps_per_epoch = expect_count(steps_per_epoch, "fit: steps_per_epoch", least=1)
    loss_of_all = loss_for(network, loss, "fit")

    def door(X: Any, y: Any, weights: Any, where: str) -> tuple[Array, "_core.Target"]:
        _, rows, target = at_the_door(network, X, y, loss_of_all, weights, where)
        return rows, target

    stream = Batches(X, steps_per_epoch, epochs, door)
    return Examples(loss_of_all, None, _core.Target(None, None, None), 0, in_turn, stream)


def _validation(
    network: "Network", data: tuple[ArrayLike, ArrayLike] | None, loss: str
) -> tuple[Array, "_core.Target"] | None:
    if data is None:
        return None
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise ValueError(f"fit: validation_data is a {type(data).__name__}: expected (X, y)")
    rows = as_rows(data[0], network.input_size, network.dtype, "fit", "validation X")
    m = len(rows)
    if not m:
        raise ValueError("fit: validation X has no rows: expected 1 or more")
    where = "fit: validation data"
    return rows, as_target(data[1], loss, m, network.output_size, network.dtype, where)


def _part(target: "_core.Target", part: slice, dtype: np.dtype[Any]) -> "_core.Target":
    """A slice of a target, its numbers in the network's dtype."""
    return _core.Target(
        None if target.Y is None else np.ascontiguousarray(target.Y[part], dtype),
        None if target.labels is None else target.labels[part],
        None if target.weights is None else target.weights[part],
    )


def _metrics(metrics: Sequence[str] | None, loss: str, n_outputs: int) -> Sequence[str]:
    if metrics is None:
        return default_metrics(loss, n_outputs)
    for name in metrics:
        if name not in METRICS:
            raise ValueError(f"metrics: {name!r} is unknown: expected some of {sorted(METRICS)}")
    return metrics
