"""The training loop: what is handed in, epoch after epoch, and what an epoch is judged by."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike, NDArray

from deltarule import _core
from deltarule.all_examples import infer
from deltarule.batches import Batches
from deltarule.checks import expect_count
from deltarule.containers import Rows
from deltarule.data import as_target
from deltarule.history import History as History
from deltarule.last_good import TrainingDivergedError as TrainingDivergedError
from deltarule.lbfgs import expect_one_cost, minimize
from deltarule.losses import Loss, LossFunction, as_loss
from deltarule.metrics import Metric, Metrics, as_metrics, default_metrics
from deltarule.optimizers import LBFGS, Optimizer, as_optimizer
from deltarule.progress import Progress
from deltarule.sampling import in_turn, order_of
from deltarule.schedules import as_schedule
from deltarule.sole_training import sole_training
from deltarule.steps import Examples, Steps, every_step_of, expect_every_step
from deltarule.training_run import TrainingRun, as_callbacks, expect_validation

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]
AnyLoss = Loss | LossFunction | str | None


def loss_for(network: "Network", loss: AnyLoss, where: str) -> Loss:
    """The loss as it goes with the network's output activation."""
    return as_loss(loss, network.layers[-1].activation, where)


def at_the_door(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    loss: AnyLoss,
    sample_weight: ArrayLike | None,
    where: str,
) -> tuple[Loss, Rows, "_core.Target"]:
    """A loss, and rows and targets that suit it and the network."""
    loss = loss_for(network, loss, where)
    rows = network._rows(X, where)
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
    loss: AnyLoss = None,
    optimizer: Optimizer | str = "adam",
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    sampling: str | ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Metrics | None = None,
    callbacks: Sequence[Any] = (),
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
        and of the size that they come in.
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
        ``loss`` is the mean over the epoch's batches, each at the weights of its time, the layers'
        penalties included (``val_loss`` and ``evaluate`` leave them out). ``learning_rate``, where
        there is a schedule, is that of the epoch's last step. Also kept as ``network.history``, as
        far as it got, when training is interrupted.

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
    ImportError
        For ``LBFGS`` where SciPy is not installed.
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
    judged = _metrics(metrics, loss, network.output_size, "fit")
    validation = _validation(network, validation_data, loss)
    optimizer = as_optimizer(optimizer)
    expect_every_step(optimizer, clip_value, clip_norm, average)
    callbacks = as_callbacks(callbacks, validated=validation is not None)
    rate = getattr(optimizer, "learning_rate", None)
    schedule = as_schedule(rate) if callable(rate) else None
    expect_validation(schedule, "the learning rate", validated=validation is not None)
    if resume is not None and isinstance(optimizer, LBFGS):
        raise ValueError(
            "fit: resume is for optimizers that make steps: expected None, as LBFGS keeps no "
            "memory from one fit to the next"
        )
    if isinstance(optimizer, LBFGS):
        expect_one_cost(network, examples)
    saved = None
    if resume is not None:
        from deltarule.checkpoint import Saved  # most trainings begin anew

        saved = Saved(resume, network, optimizer, callbacks)

    with sole_training(network):
        network._expect_finite_parameters("fit")
        if not isinstance(optimizer, LBFGS):
            optimizer._state_for(network)  # refuses one that is another network's
        if saved is None:
            network._adapt_once(examples.rows)
        network.history = History()
        run = TrainingRun(network, optimizer, callbacks, epochs)
        if saved is not None:
            saved.restore(run)
        every_step = every_step_of(network, clip_value, clip_norm, average)
        with run, Progress(epochs, examples.batches, enabled=progress) as bar:
            run.call("on_fit_begin")

            def end_epoch(cost: float) -> None:
                record = {"loss": cost}
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

            if isinstance(optimizer, LBFGS):
                minimize(run, examples, bar, end_epoch)
                return run.history
            watched = bool(callbacks) or validation is not None or metrics is not None
            steps = Steps(run, examples, every_step, watched=watched or schedule is not None)
            try:
                while run.begin_epoch():
                    for done in steps.epoch():
                        if progress:
                            bar.advance(done, steps.mean_cost)
                        run.call("on_run_end")
                    if not steps.epoch_is_finished:
                        break
                    end_epoch(steps.mean_cost)
            finally:
                steps.record_the_rest()
            steps.expect_finite_weights()
            steps.close()
        return run.history


def evaluate(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: AnyLoss = None,
    metrics: Metrics | None = None,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """Compute the cost and metrics of a network on data.

    Parameters
    ----------
    network : Network
        The method ``network.evaluate`` is this function.
    X, y, loss, sample_weight
        As in ``fit``.
    metrics : sequence or dict, optional
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
    judged = _metrics(metrics, loss, network.output_size, "evaluate")
    return _judge(network, rows, target, loss, judged)


def _judge(
    network: "Network", rows: Rows, target: "_core.Target", loss: Loss, judged: dict[str, Metric]
) -> dict[str, float]:
    """The cost and metrics on data that has passed the door."""
    total, A = infer(network, rows, target, loss)
    weight = len(rows) if target.weights is None else float(target.weights.sum())
    held = target.Y if target.labels is None else target.labels
    assert held is not None
    return {"loss": total / weight} | {
        name: metric(held, A, target.weights) for name, metric in judged.items()
    }


def _examples(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    loss: AnyLoss,
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
    loss: AnyLoss,
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

    def door(X: Any, y: Any, weights: Any, where: str) -> tuple[Rows, "_core.Target"]:
        _, rows, target = at_the_door(network, X, y, loss_of_all, weights, where)
        return rows, target

    stream = Batches(X, steps_per_epoch, epochs, door)
    return Examples(loss_of_all, None, _core.Target(None, None, None), 0, in_turn, stream)


def _validation(
    network: "Network", data: tuple[ArrayLike, ArrayLike] | None, loss: Loss
) -> tuple[Rows, "_core.Target"] | None:
    if data is None:
        return None
    if not (isinstance(data, (tuple, list)) and len(data) == 2):
        raise ValueError(f"fit: validation_data is a {type(data).__name__}: expected (X, y)")
    rows = network._rows(data[0], "fit", "validation X")
    m = len(rows)
    if not m:
        raise ValueError("fit: validation X has no rows: expected 1 or more")
    where = "fit: validation data"
    return rows, as_target(data[1], loss, m, network.output_size, network.dtype, where)


def _metrics(metrics: Metrics | None, loss: Loss, n_outputs: int, where: str) -> dict[str, Metric]:
    return as_metrics(default_metrics(loss, n_outputs) if metrics is None else metrics, where)
