"""The training loop: epochs, batches, history, and what happens when training goes wrong.

Python walks the epochs; the core makes the steps, a run of mini-batches a call, with the
interpreter free for others. Runs are cut by the clock, so that progress and Ctrl-C never wait long.
"""

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import _core
from deltarule.data import as_target
from deltarule.last_good import LastGood
from deltarule.memory_map import let_go, mapped_file, rows_a_window, shuffled_in_windows
from deltarule.metrics import METRICS, default_metrics
from deltarule.optimizers import Optimizer, as_optimizer
from deltarule.progress import Progress

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]

# Seconds that a run of mini-batches aims at: well under what a person notices as a delay.
_RUN_SECONDS = 0.05
_EVALUATION_ROWS = 1 << 16


class TrainingDivergedError(ArithmeticError):
    """The cost stopped being finite; the network has its last good weights."""


class History(dict[str, list[float]]):
    """Losses and metrics, one value an epoch: ``history["loss"]``, ``history["val_accuracy"]``."""

    @property
    def epochs(self) -> int:
        """Epochs that were finished."""
        return len(self.get("loss", ()))

    def record(self, values: dict[str, float]) -> None:
        """Append an epoch's values."""
        for name, value in values.items():
            self.setdefault(name, []).append(value)


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
    rows = network._rows(X, where)
    m = len(rows)
    if not m:
        raise ValueError(f"{where}: X has no rows: expected 1 or more")
    target = as_target(y, loss, m, network.output_size, network.dtype, where, sample_weight)
    return loss, rows, target


def fit(
    network: "Network",
    X: ArrayLike,
    y: ArrayLike,
    *,
    loss: str | None = None,
    optimizer: Optimizer | str = "adam",
    epochs: int = 1,
    batch_size: int = 32,
    shuffle: bool = True,
    sample_weight: ArrayLike | None = None,
    validation_data: tuple[ArrayLike, ArrayLike] | None = None,
    metrics: Sequence[str] | None = None,
    progress: bool = False,
) -> History:
    """Train by gradient descent on mini-batches, from the weights that are there.

    Parameters
    ----------
    network : Network
        The method ``network.fit`` is this function.
    X : array_like of shape (n_samples, n_features)
        float32, float64, uint8, int32 and int64 arrays of any strides, memory maps among them, are
        read batch by batch; nothing is copied whole.
    y : array_like of shape (n_samples,) or (n_samples, n_outputs)
        Numbers, probabilities, or for categorical cross-entropy integer class labels.
    loss : str, optional
        mean_squared_error, binary_cross_entropy or categorical_cross_entropy; by default the one
        that goes with the output activation: categorical for softmax, binary for sigmoid, squared
        error for the rest. Over several outputs, squared error and binary cross-entropy are means.
    optimizer : Optimizer or str
        Such as ``deltarule.Adam(1e-3)``. An optimizer that has trained this network goes on from
        its state; a name makes a new one.
    epochs, batch_size : int
        The last batch of an epoch may be smaller.
    shuffle : bool
        Draw a new order of the examples each epoch, from the network's own generator. A full batch
        is not shuffled, as its order means nothing; a memory map is shuffled in windows of 32 MiB,
        whose blocks come from all over the file.
    sample_weight : array_like of shape (n_samples,), optional
        Not negative; the cost is the weighted mean.
    validation_data : (X, y), optional
        Judged after each epoch: ``val_loss`` and ``val_<metric>``.
    metrics : sequence of str, optional
        accuracy, binary_accuracy, mean_absolute_error. Named, they are also computed on X after
        each epoch; by default, what suits the loss, on the validation data alone.
    progress : bool
        Show a progress bar (with tqdm where it is installed, else a line an epoch).

    Returns
    -------
    History
        ``loss`` is the mean over the epoch's batches, each at the weights of its time. Also kept as
        ``network.history``, as far as it got, when training is interrupted.

    Raises
    ------
    ValueError, TypeError
        For data that does not fit, NaN or Inf in it included, before anything is written.
    TrainingDivergedError
        When the cost of a batch is not finite. The weights are then the last whose cost was finite.
    KeyboardInterrupt
        On Ctrl-C, between two steps. The weights and ``network.history`` are whole.
    """
    loss, rows, target = at_the_door(network, X, y, loss, sample_weight, "fit")
    m = len(rows)
    epochs = _count(epochs, "epochs", least=0)
    batch_size = min(_count(batch_size, "batch_size", least=1), m)
    judged = _metrics(metrics, loss, network.output_size)
    if validation_data is not None:
        if not (isinstance(validation_data, (tuple, list)) and len(validation_data) == 2):
            raise ValueError(
                f"fit: validation_data is a {type(validation_data).__name__}: expected (X, y)"
            )
        X_val, y_val = validation_data
        val_rows = network._rows(X_val, "fit", "validation X")
        if not len(val_rows):
            raise ValueError("fit: validation X has no rows: expected 1 or more")
        val_target = as_target(
            y_val,
            loss,
            len(val_rows),
            network.output_size,
            network.dtype,
            "fit: validation data",
        )
    network._expect_finite_parameters("fit")
    optimizer = as_optimizer(optimizer)

    if not network._training.acquire(blocking=False):
        raise RuntimeError(
            "fit: another thread is training this network: expected one fit at a time; train a "
            "copy (copy.deepcopy) instead"
        )
    try:
        optimizer._state_for(network)  # refuses one that is another network's
        if not network._adapted:
            network._adapt(rows, "fit")
        network.history = history = History()
        steps = _Steps(network, optimizer, loss, rows, target, batch_size)
        with Progress(epochs, steps.batches, enabled=progress) as bar:
            for epoch in range(epochs):
                order = _order(network, rows, batch_size) if shuffle and batch_size < m else None
                for done in steps.epoch(epoch, order):
                    if progress:
                        bar.advance(epoch * steps.batches + done, steps.mean_cost(done))
                record = {"loss": steps.mean_cost()}
                if metrics is not None:
                    on_training_set = _judge(network, rows, target, loss, judged)
                    record |= {name: on_training_set[name] for name in judged}
                if validation_data is not None:
                    on_validation_set = _judge(network, val_rows, val_target, loss, judged)
                    record |= {f"val_{name}": v for name, v in on_validation_set.items()}
                history.record(record)
                bar.end_epoch(epoch, record)
        steps.expect_finite_weights(epochs)
        steps.close()
        return history
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


def _order(network: "Network", X: Array, batch_size: int) -> Array:
    """An order of the examples for an epoch, from the network's own generator."""
    m, window = len(X), _batches_a_window(X, batch_size) * batch_size
    if mapped_file(X) is None or m <= window:
        return network._generator.permutation(m)
    return shuffled_in_windows(network._generator, m, window)


def _batches_a_window(X: Array, batch_size: int) -> int:
    return max(1, rows_a_window(X) // batch_size)


class _Steps:
    """The steps of one ``fit``, a run of mini-batches a call to the core."""

    def __init__(
        self,
        network: "Network",
        optimizer: Optimizer,
        loss: str,
        X: Array,
        target: "_core.Target",
        batch_size: int,
    ) -> None:
        self._network, self._optimizer = network, optimizer
        self._X, self._target, self._batch_size = X, target, batch_size
        self.batches = -(-len(X) // batch_size)
        self._trainer, self._gradients = network._training_room(loss)
        self._state = optimizer._state_for(network)
        self._costs = np.empty((self.batches, 2))  # of this epoch: sum and weight of each batch
        self._run_batches = 1
        self._mapped = mapped_file(X)
        self._window_batches = _batches_a_window(X, batch_size)
        self._last_good = LastGood(network, optimizer, network._snapshot_rooms)

    def mean_cost(self, batches: int | None = None) -> float:
        """The epoch's cost so far or in all, each batch at the weights of its time."""
        total, weight = self._costs[:batches].sum(axis=0).tolist()
        return float(total / weight) if weight else 0.0

    def epoch(self, epoch: int, order: Array | None) -> Iterator[int]:
        """Make an epoch's steps; yields, after each run, how many batches are done."""
        done = 0
        while done < self.batches:
            batches = min(self._run_batches, self.batches - done)
            if self._mapped is not None:  # a run reads one window, and lets it go
                batches = min(batches, self._window_batches - done % self._window_batches)
            started = perf_counter()
            self._last_good.begin_run(order, done)
            steps, ended, exception = self._run(order, done, batches)
            self._last_good.end_run(steps)
            if self._mapped is not None:
                let_go(self._mapped)
            if exception is not None:
                raise exception
            if ended == "non_finite":
                self._restore(f"epoch {epoch + 1}, batch {done + steps + 1} of {self.batches}")
            seconds = max(perf_counter() - started, 1e-6)
            self._run_batches = max(1, int(batches * min(_RUN_SECONDS / seconds, 8.0)))
            done += batches
            yield done

    def close(self) -> None:
        """Leave to the next fit what it can use again."""
        self._last_good.close()

    def expect_finite_weights(self, epochs: int) -> None:
        """Hold the last step's weights, which no cost has judged, to being finite."""
        flat = self._network.parameters[:, np.newaxis]
        if _core.find_non_finite(flat, flat.dtype) is not None:
            self._restore(f"epoch {epochs}, after the last batch")

    def _run(
        self, order: Array | None, first_batch: int, batches: int
    ) -> tuple[int, str, BaseException | None]:
        first = first_batch * self._batch_size
        count = min(batches * self._batch_size, len(self._X) - first)
        return self._trainer.run(
            self._network._core,
            self._network.parameters,
            self._gradients,
            self._state,
            self._optimizer._rule(),
            self._optimizer._counter,
            self._network._pass,
            self._X,
            self._target,
            order,
            first,
            count,
            self._batch_size,
            None,
            False,
            0.0,
            0.0,
            None,
            0.0,
            self._costs[first_batch : first_batch + batches],
        )

    def _restore(self, where: str) -> None:
        """Go back to the last weights whose cost was finite, and say so."""
        kept = self._last_good.restore(self._run)
        raise TrainingDivergedError(
            f"fit: the cost is not finite at {where}: the network keeps {kept}; expected a smaller "
            f"learning rate than {getattr(self._optimizer, 'learning_rate', 'this one')}, or data "
            "and targets scaled to about 1"
        )


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


def _count(value: int, name: str, least: int) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool):
        raise TypeError(f"fit: {name} is {value!r}: expected an integer")
    if value < least:
        raise ValueError(f"fit: {name} is {value}: expected {least} or more")
    return int(value)
