"""The training loop: epochs, batches, history, and what happens when training goes wrong.

Python walks the epochs; the core makes the steps, a run of mini-batches a call, with the
interpreter free for others. Runs are cut by the clock, so that progress and Ctrl-C never wait long.
"""

import os
from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from deltarule import _core
from deltarule.batches import Batches
from deltarule.checkpoint import Saved
from deltarule.checks import expect_count
from deltarule.data import as_rows, as_target
from deltarule.history import History as History
from deltarule.last_good import LastGood, Run
from deltarule.memory_map import let_go, mapped_file, rows_a_window
from deltarule.metrics import METRICS, default_metrics
from deltarule.optimizers import Optimizer, as_optimizer
from deltarule.progress import Progress
from deltarule.sampling import Order, in_turn, order_of
from deltarule.schedules import as_schedule, rates_of_steps
from deltarule.training_run import TrainingRun, as_callbacks, expect_validation

if TYPE_CHECKING:
    from deltarule.network import Network

Array = NDArray[Any]

# Seconds that a run of mini-batches aims at: well under what a person notices as a delay.
_RUN_SECONDS = 0.05
_EVALUATION_ROWS = 1 << 16


class TrainingDivergedError(ArithmeticError):
    """The cost stopped being finite; the network has its last good weights."""


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
            steps = _Steps(run, examples)
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


class _Examples(NamedTuple):
    """What to train on: rows and targets, or batches that come from outside."""

    loss: str
    rows: Array | None
    target: "_core.Target"
    batch_size: int
    order: Order
    stream: Batches | None = None

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known beforehand."""
        if self.rows is None:
            assert self.stream is not None
            return self.stream.count
        return -(-len(self.rows) // self.batch_size)


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
) -> _Examples:
    loss, rows, target = at_the_door(network, X, y, loss, sample_weight, "fit")
    if steps_per_epoch is not None:
        raise ValueError(
            "fit: steps_per_epoch is for an X that comes in batches: expected None, as y is given"
        )
    batch_size = min(expect_count(batch_size, "fit: batch_size", least=1), len(rows))
    order = order_of(sampling, shuffle, rows, target, batch_size)
    return _Examples(loss, rows, target, batch_size, order)


def _batches(
    network: "Network",
    X: Any,
    loss: str | None,
    sample_weight: ArrayLike | None,
    sampling: str | ArrayLike | None,
    steps_per_epoch: int | None,
    epochs: int,
) -> _Examples:
    if sample_weight is not None or sampling is not None:
        raise ValueError(
            "fit: sample_weight and sampling are for arrays: expected None, as X comes in batches; "
            "a batch may be (X, y, sample_weight)"
        )
    if steps_per_epoch is not None:
        steps_per_epoch = expect_count(steps_per_epoch, "fit: steps_per_epoch", least=1)
    stream = Batches(X, steps_per_epoch, epochs)
    nothing = _core.Target(None, None, None)
    return _Examples(loss_for(network, loss, "fit"), None, nothing, 0, in_turn, stream)


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


class _Steps:
    """The steps of one ``fit``, a run of mini-batches a call to the core."""

    def __init__(self, run: TrainingRun, examples: _Examples) -> None:
        self._run, self._examples = run, examples
        self._network, self._optimizer = run.network, run.optimizer
        self._trainer, self._gradients = run.network._training_room(examples.loss)
        self._state = run.optimizer._state_for(run.network)
        self._before: Array | None = None  # the weights before a step that a callback sees
        self._batches = examples.batches
        self._costs = np.empty((self._batches or 1, 2))  # of an epoch: sum and weight of each
        self._done = 0
        self._all_done = run.history.epochs * (self._batches or 0)
        self._run_batches = 1
        X = examples.rows
        self._mapped = None if X is None else mapped_file(X)
        self._window_batches = 0 if X is None else max(1, rows_a_window(X) // examples.batch_size)
        self.epoch_is_finished = False
        self.learning_rate = 0.0  # of the last step
        self._last_good = LastGood(run.network, run.optimizer, run.network._snapshot_rooms)

    @property
    def mean_cost(self) -> float:
        """The epoch's cost so far or in all, each batch at the weights of its time."""
        total, weight = self._costs[: self._done].sum(axis=0).tolist()
        return float(total / weight) if weight else 0.0

    def epoch(self) -> Iterator[int]:
        """Make an epoch's steps; yields, after each run, how many are done in all epochs."""
        self._done = 0
        self.epoch_is_finished = False
        for steps in self._from_rows() if self._examples.stream is None else self._from_stream():
            self._done += steps
            self._all_done += steps
            yield self._all_done
            if self._run.stopping:
                break
        else:
            self.epoch_is_finished = True
        if self._done == self._batches:
            self.epoch_is_finished = True

    def _from_rows(self) -> Iterator[int]:
        X, batch_size = self._examples.rows, self._examples.batch_size
        assert X is not None
        order = self._examples.order(self._network._generator)
        all_batches = self._batches or 0
        mapped = self._mapped
        while self._done < all_batches:
            batches = min(self._run_batches, all_batches - self._done)
            if mapped is not None:  # a run reads one window, and lets it go
                batches = min(batches, self._window_batches - self._done % self._window_batches)
            unseen = self._run.steps_unseen(self._optimizer.step)
            if unseen is not None:
                batches = min(batches, max(1, unseen))
            first = self._done * batch_size
            started = perf_counter()
            self._make_steps(
                X,
                self._examples.target,
                order=order,
                first=first,
                count=min(batches * batch_size, len(X) - first),
                batch_size=batch_size,
                seen=unseen == 0,
            )
            if mapped is not None:
                let_go(mapped)
            if unseen != 0:  # a step that is seen takes longer than the steps between
                seconds = max(perf_counter() - started, 1e-6)
                self._run_batches = max(1, int(batches * min(_RUN_SECONDS / seconds, 8.0)))
            yield batches

    def _from_stream(self) -> Iterator[int]:
        assert self._examples.stream is not None
        for X, y, weights in self._examples.stream.epoch(self._run.epoch):
            where = f"fit: epoch {self._run.epoch}, batch {self._done + 1}"
            _, rows, target = at_the_door(self._network, X, y, self._examples.loss, weights, where)
            # Copies: whoever yields a batch may fill the same memory with the next.
            rows, target = rows.copy(), _copy(target)
            if self._done == len(self._costs):
                self._costs = np.concatenate([self._costs, np.empty_like(self._costs)])
            unseen = self._run.steps_unseen(self._optimizer.step)
            self._make_steps(
                rows,
                target,
                count=len(rows),
                batch_size=len(rows),
                seen=unseen == 0,
                held=rows.nbytes + sum(part.nbytes for part in _parts(target)),
            )
            if weights is not None:  # which the door has scaled, each batch by itself
                assert target.weights is not None
                self._costs[self._done] *= np.max(weights) / target.weights.max()
            yield 1

    def close(self) -> None:
        """Leave to the next fit what it can use again."""
        self._last_good.close()

    def expect_finite_weights(self, where: str = "after the last batch") -> None:
        """Hold the last step's weights, which no cost has judged, to being finite."""
        flat = self._network.parameters[:, np.newaxis]
        if _core.find_non_finite(flat, flat.dtype) is not None:
            self._restore(f"epoch {self._run.epoch}, {where}")

    def _make_steps(
        self,
        X: Array,
        target: "_core.Target",
        *,
        count: int,
        batch_size: int,
        seen: bool,
        order: Array | None = None,
        first: int = 0,
        held: int = 0,
    ) -> None:
        """Make the steps of a run, and show the step to callbacks if it is one to be seen."""
        batches = -(-count // batch_size)
        optimizer: Any = self._optimizer
        rule = optimizer._rule()
        rates = rates_of_steps(
            getattr(optimizer, "learning_rate", 0.0), optimizer.step, batches, optimizer.epochs
        )
        run = Run(X, target, order, first, count, batch_size, rule, rates, held)
        if seen:
            before = self._before = _copy_into(self._before, self._network.parameters)
        self._last_good.begin_run(changed=self._run.was_called())
        costs = self._costs[self._done : self._done + batches]
        steps, ended, exception = self._make(run, costs, keep_gradients=seen)
        self._last_good.end_run(run, steps)
        self.learning_rate = _rate_of(optimizer, rates, steps - 1)
        if exception is not None:
            raise exception
        if ended == "non_finite":
            self.learning_rate = _rate_of(optimizer, rates, steps)
            of_all = f" of {self._batches}" if self._batches else ""
            self._restore(f"epoch {self._run.epoch}, batch {self._done + steps + 1}{of_all}")
        if seen:
            self.expect_finite_weights(f"after batch {self._done + 1}")
            total, weight = costs[0].tolist()
            cost = total / weight if weight else 0.0
            self._run.show_step(cost, self._gradients, before, lambda: _batch_of(run))

    def _make(
        self, run: Run, costs: Array | None = None, *, keep_gradients: bool = False
    ) -> tuple[int, str, BaseException | None]:
        return self._trainer.run(
            self._network._core,
            self._network.parameters,
            self._gradients,
            self._state,
            run.rule,
            self._optimizer._counter,
            run.X,
            run.target,
            run.order,
            run.first,
            run.examples,
            run.batch_size,
            run.learning_rates,
            keep_gradients,
            np.empty((-(-run.examples // run.batch_size), 2)) if costs is None else costs,
        )

    def _restore(self, where: str) -> None:
        """Go back to the last weights whose cost was finite, and say so."""
        kept = self._last_good.restore(self._make)
        raise TrainingDivergedError(
            f"fit: the cost is not finite at {where}: the network keeps {kept}; expected a smaller "
            f"learning rate than {self.learning_rate or 'this one'}, or data and targets scaled to "
            "about 1"
        )


def _rate_of(optimizer: Any, rates: Array | None, step: int) -> float:
    """The learning rate of a step of a run."""
    if rates is None:
        return float(getattr(optimizer, "learning_rate", 0.0))
    return float(rates[max(step, 0)])


def _copy_into(room: Array | None, array: Array) -> Array:
    if room is None:
        return array.copy()
    np.copyto(room, array)
    return room


def _batch_of(run: Run) -> tuple[Array, Array, Array | None]:
    """The examples of a run of one batch."""
    span = slice(run.first, run.first + run.examples)
    rows: Any = span if run.order is None else run.order[span]
    target, weights = run.target, run.target.weights
    held = target.Y if target.labels is None else target.labels
    assert held is not None
    return run.X[rows], held[rows], None if weights is None else weights[rows]


def _parts(target: "_core.Target") -> list[Array]:
    return [part for part in (target.Y, target.labels, target.weights) if part is not None]


def _copy(target: "_core.Target") -> "_core.Target":
    parts = (target.Y, target.labels, target.weights)
    return _core.Target(*(None if part is None else part.copy() for part in parts))


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
