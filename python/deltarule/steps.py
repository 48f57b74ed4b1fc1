"""The steps of training, a run of mini-batches a call to the core, the interpreter free for others.

Runs are cut by the clock, so that progress and Ctrl-C never wait long, and where a callback wants
to see a step.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from deltarule import _core
from deltarule.checks import is_number
from deltarule.containers import Rows
from deltarule.last_good import LastGood, Run, TrainingDivergedError
from deltarule.losses import Loss
from deltarule.memory_map import let_go, mapped_file, rows_a_window
from deltarule.optimizers import LBFGS
from deltarule.schedules import rates_of_steps

if TYPE_CHECKING:
    from deltarule.batches import Batches
    from deltarule.network import Network
    from deltarule.optimizers import Optimizer
    from deltarule.sampling import Order
    from deltarule.training_run import TrainingRun

Array = NDArray[Any]

# Seconds that a run of mini-batches aims at: well under what a person notices as a delay.
_RUN_SECONDS = 0.05


class Examples(NamedTuple):
    """What to train on: rows and targets, or batches that come from outside."""

    loss: Loss
    rows: Rows | None
    target: "_core.Target"
    batch_size: int
    order: "Order"
    stream: "Batches | None" = None

    @property
    def batches(self) -> int | None:
        """How many an epoch has, if that is known beforehand."""
        if self.rows is None:
            assert self.stream is not None
            return self.stream.count
        return -(-len(self.rows) // self.batch_size)


class EveryStep(NamedTuple):
    """What every step does beside its update: clip the gradients, and keep an average."""

    clip_value: float = 0.0  # 0 for none
    clip_norm: float = 0.0
    average: Array | None = None
    decay: float = 0.0


def expect_every_step(
    optimizer: "Optimizer",
    clip_value: float | None,
    clip_norm: float | None,
    average: float | None,
) -> None:
    """Hold what ``fit`` was asked to do at every step to what can be."""
    asked = {"clip_value": clip_value, "clip_norm": clip_norm, "average": average}
    for name, value in asked.items():
        if value is None:
            continue
        what = f"fit: {name} is {value!r}"
        if not is_number(value):
            raise TypeError(f"{what}: expected a number")
        if isinstance(optimizer, LBFGS):
            raise ValueError(f"{what}: expected None, as LBFGS makes no steps of that kind")
        if name == "average" and not 0 <= value < 1:
            raise ValueError(f"{what}: expected 0 or more, and less than 1")
        if name != "average" and not 0 < value < np.inf:
            raise ValueError(f"{what}: expected a number above 0, or None")


def every_step_of(
    network: "Network",
    clip_value: float | None,
    clip_norm: float | None,
    average: float | None,
) -> EveryStep:
    """What every step is to do; the network's average is the one that is there by then."""
    if average is not None and network.average is None:
        network._set_average(network.parameters)
    return EveryStep(
        float(clip_value or 0.0),
        float(clip_norm or 0.0),
        None if average is None else network.average,
        float(average or 0.0),
    )


def next_run(batches: int, seconds: float) -> int:
    """How many mini-batches to make next at one go, as so many took so long."""
    return max(1, int(batches * min(_RUN_SECONDS / max(seconds, 1e-6), 8.0)))


def with_rates(run: Run, optimizer: Any) -> Run:
    """The run from the optimizer's step on, each of its steps at its own rate."""
    rate = getattr(optimizer, "learning_rate", 0.0)
    rates = rates_of_steps(rate, optimizer.step, run.batches, optimizer.epochs)
    return run._replace(learning_rates=rates)


class MakeSteps:
    """The call to the core that makes the steps of a run of mini-batches."""

    def __init__(self, run: "TrainingRun", loss: Loss, every_step: EveryStep) -> None:
        self._network, self._optimizer, self._every_step = run.network, run.optimizer, every_step
        self._trainer, self.gradients = run.network._training_room(loss)
        self._state = run.optimizer._state_for(run.network)

    def __call__(
        self, run: Run, costs: Array | None = None, *, keep_gradients: bool = False
    ) -> tuple[int, str, BaseException | None]:
        """How many were made, why it ended, and what a custom loss raised.

        ``costs`` takes the sum and the weight of each batch's losses.
        """
        return self._trainer.run(
            self._network.parameters,
            self.gradients,
            self._state,
            run.rule,
            self._optimizer._counter,
            self._network._pass,
            run.X,
            run.target,
            run.order,
            run.first,
            run.examples,
            run.batch_size,
            run.epochs,
            run.learning_rates,
            keep_gradients,
            *self._every_step,
            np.empty((run.batches, 2)) if costs is None else costs,
        )


class _Made(NamedTuple):
    """What a run came to: the steps, why it ended, and what was raised."""

    steps: int
    ended: str
    exception: BaseException | None
    rates: Array | None


class _Ahead(NamedTuple):
    """A run of several epochs, and what had been done when it began."""

    costs: Array
    epochs: int
    step: int
    epochs_of_optimizer: int


class Steps:
    """The steps of one ``fit``, a run of mini-batches a call to the core.

    Where an epoch is one batch and nobody looks in between (``watched``), a run is several epochs.
    """

    def __init__(
        self, run: "TrainingRun", examples: Examples, every_step: EveryStep, *, watched: bool
    ) -> None:
        self._run, self._examples = run, examples
        self._network, self._optimizer = run.network, run.optimizer
        self._make = MakeSteps(run, examples.loss, every_step)
        self._before: Array | None = None  # the weights before a step that a callback sees
        self._batches = examples.batches
        self._costs = np.empty((self._batches or 1, 2))  # of an epoch: sum and weight of each
        self._done = 0
        self._all_done = run.history.epochs * (self._batches or 0)
        self._run_batches = 1
        X = examples.rows
        self._mapped = None if X is None else mapped_file(X)
        self._window_batches = 0 if X is None else max(1, rows_a_window(X) // examples.batch_size)
        self._watched = watched or self._mapped is not None
        self._costs_ahead = self._ahead()
        self._run_ahead: _Ahead | None = None
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
        if all_batches == 1 and order is None and not self._watched:
            self._costs[0] = next(self._costs_ahead)
            yield 1
            return
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
            examples = min(batches * batch_size, len(X) - first)
            run = self._plan(X, self._examples.target, examples, batch_size, order, first)
            self._make_steps(run, seen=unseen == 0)
            if mapped is not None:
                let_go(mapped)
            if unseen != 0:  # a step that is seen takes longer than the steps between
                self._run_batches = next_run(batches, perf_counter() - started)
            yield batches

    def _ahead(self) -> Iterator[Array]:
        """The cost of one epoch of one batch after the other, the steps made several at a time."""
        X = self._examples.rows
        assert X is not None
        epochs = 1
        while True:
            optimizer, epochs_done = self._optimizer, self._run.history.epochs
            costs = np.empty((min(epochs, self._run.epochs - epochs_done), 2))
            self._run_ahead = _Ahead(costs, epochs_done, optimizer.step, optimizer.epochs)
            started = perf_counter()
            run = self._plan(X, self._examples.target, len(X), len(X), epochs=len(costs))
            made = self._make_run(run, costs)
            epochs = next_run(len(costs), perf_counter() - started)
            yield from costs[: made.steps]
            self._expect_done(made, 1)

    def _from_stream(self) -> Iterator[int]:
        assert self._examples.stream is not None
        for batch in self._examples.stream.epoch(self._run.epoch):
            if self._done == len(self._costs):
                self._costs = np.concatenate([self._costs, np.empty_like(self._costs)])
            m = len(batch.rows)
            run = self._plan(batch.rows, batch.target, m, m, held=batch.bytes)
            self._make_steps(run, seen=self._run.steps_unseen(self._optimizer.step) == 0)
            self._costs[self._done] *= batch.scale
            yield 1

    def record_the_rest(self) -> None:
        """Take down the epochs of a run that an interruption has kept out of the history."""
        if self._run_ahead is None:
            return
        costs, epochs, step, epochs_of_optimizer = self._run_ahead
        history = self._run.history
        made = max(0, self._optimizer.step - step)  # less than 0 once weights have been restored
        for total, weight in costs[history.epochs - epochs : made].tolist():
            history.record({"loss": total / weight if weight else 0.0})
        self._optimizer.epochs = epochs_of_optimizer + history.epochs - epochs

    def close(self) -> None:
        """Leave to the next fit what it can use again."""
        self._last_good.close()

    def expect_finite_weights(self, where: str = "after the last batch") -> None:
        """Hold the last step's weights, which no cost has judged, to being finite."""
        flat = self._network.parameters[:, np.newaxis]
        if _core.find_non_finite(flat, flat.dtype) is not None:
            self._restore(f"epoch {self._run.epoch}, {where}")

    def _plan(
        self,
        X: Rows,
        target: "_core.Target",
        examples: int,
        batch_size: int,
        order: Array | None = None,
        first: int = 0,
        epochs: int = 1,
        held: int = 0,
    ) -> Run:
        """A run from here on, with the rule and the rates of its steps."""
        rule = self._optimizer._rule()
        run = Run(X, target, order, first, examples, batch_size, rule, None, epochs, held)
        return with_rates(run, self._optimizer)

    def _make_steps(self, run: Run, seen: bool) -> None:
        """Make the steps of a run, and show the step to callbacks if it is one to be seen."""
        if seen:
            before = self._before = copy_into(self._before, self._network.parameters)
        costs = self._costs[self._done : self._done + run.batches]
        made = self._make_run(run, costs, keep_gradients=seen)
        self._expect_done(made, self._done + made.steps + 1)
        if seen:
            self.expect_finite_weights(f"after batch {self._done + 1}")
            total, weight = costs[0].tolist()
            cost = total / weight if weight else 0.0
            self._run.show_step(cost, self._make.gradients, before, lambda: batch_of(run))

    def _make_run(self, run: Run, costs: Array, *, keep_gradients: bool = False) -> _Made:
        self._last_good.begin_run(changed=self._run.was_called())
        steps, ended, exception = self._make(run, costs, keep_gradients=keep_gradients)
        self._last_good.end_run(run, steps)
        self.learning_rate = _rate_of(self._optimizer, run.learning_rates, steps - 1)
        return _Made(steps, ended, exception, run.learning_rates)

    def _expect_done(self, made: _Made, batch: int) -> None:
        """Raise what ended a run early, at its next batch: number ``batch`` of the epoch."""
        if made.exception is not None:
            raise made.exception
        if made.ended == "non_finite":
            self.learning_rate = _rate_of(self._optimizer, made.rates, made.steps)
            of_all = f" of {self._batches}" if self._batches else ""
            self._restore(f"epoch {self._run.epoch}, batch {batch}{of_all}")

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


def copy_into(room: Array | None, array: Array) -> Array:
    """A copy of an array, in memory that is there already or new."""
    if room is None:
        return array.copy()
    np.copyto(room, array)
    return room


def batch_of(run: Run) -> tuple[Array, Array, Array | None]:
    """The examples of a run of one batch."""
    span = slice(run.first, run.first + run.examples)
    rows: Any = span if run.order is None else run.order[span]
    target, weights = run.target, run.target.weights
    held = target.Y if target.labels is None else target.labels
    assert held is not None
    return _rows_of(run.X, rows), held[rows], None if weights is None else weights[rows]


def _rows_of(X: Rows, rows: Any) -> Array:
    """Some rows; of a sparse matrix one after another, as it is never made dense as a whole."""
    found: Array
    if isinstance(X, np.ndarray):
        found = X[rows]
    elif isinstance(rows, slice):
        found = X[rows].dense()
    else:
        found = np.concatenate([X[row : row + 1].dense() for row in rows.tolist()])
    return found
