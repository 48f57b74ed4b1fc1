"""The steps of one ``fit``: its runs, the costs that they come to, and the way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deltarule._arrays import Array, all_finite
from deltarule._data.rows import Rows
from deltarule._network.works import Works
from deltarule._training.examples import Examples
from deltarule._training.last_good import LastGood
from deltarule._training.runs import Made, MakeSteps, Run, Runs
from deltarule.errors import TrainingDivergedError

if TYPE_CHECKING:
    from deltarule._training.run import TrainingRun


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
        self, training: TrainingRun, examples: Examples, make: MakeSteps, *, watched: bool
    ) -> None:
        self._training, self._examples = training, examples
        self._network, self._optimizer = training.network, training.optimizer
        self._runs = Runs(training, make)
        self._batches = examples.batches
        self._costs = np.empty((self._batches or 1, 2))  # of an epoch: sum and weight of each
        self._done = 0
        self._all_done = training.history.epochs * (self._batches or 0)
        self._watched = watched or (examples.rows is not None and examples.rows.mapped)
        # Known before it is made, as it may be interrupted; and what the last one came to.
        self._ahead: _Ahead | None = None
        self._made_ahead: tuple[Run, Made] | None = None
        self.epoch_is_finished = False
        self.learning_rate = 0.0  # of the last step
        rooms = self._network._snapshot_rooms
        self._last_good = LastGood(self._network, self._optimizer, rooms)

    @property
    def mean_cost(self) -> float:
        """The epoch's cost so far or in all, each batch at the weights of its time."""
        total, weight = self._costs[: self._done].sum(axis=0).tolist()
        return float(total / weight) if weight else 0.0

    def epoch(self, tell: Callable[[int], object]) -> Works[None]:
        """Make an epoch's steps; tells, after each run, how many are done in all epochs."""
        self._done = 0
        of_all = self._of_stream if self._examples.rows is None else self._of_rows
        complete = yield from of_all(tell)
        self.epoch_is_finished = complete or self._done == self._batches

    def _goes_on(self, steps: int, tell: Callable[[int], object]) -> bool:
        self._done += steps
        self._all_done += steps
        tell(self._all_done)
        return self._training.goes_on()

    def _of_rows(self, tell: Callable[[int], object]) -> Works[bool]:
        rows, batch_size = self._examples.rows, self._examples.batch_size
        assert rows is not None
        order = self._examples.order(self._network._generator)
        all_batches = self._batches or 0
        if all_batches == 1 and order is None and not self._watched:
            self._costs[0] = yield from self._cost_ahead(rows)
            self._goes_on(1, tell)
        while self._done < all_batches:
            left = all_batches - self._done
            batches = self._runs.length(rows, batch_size, self._done, left)
            first = self._done * batch_size
            examples = min(batches * batch_size, self._examples.trained - first)
            target = self._examples.target
            run = self._runs.plan(rows, target, examples, batch_size, order, first)
            yield from self._make_steps(run)
            if not self._goes_on(batches, tell):
                return False
        return True

    def _cost_ahead(self, rows: Rows) -> Works[Array]:
        """The cost of an epoch of one batch, the steps being made several epochs at a time."""
        done = self._training.history.epochs
        ahead, last = self._ahead, self._made_ahead
        if ahead is None or last is None or done - ahead.epochs == last[1].steps:
            if last is not None:
                self._expect_done(*last, 1)
            m, optimizer = len(rows), self._optimizer
            epochs = min(self._runs.longest(m), self._training.epochs - done)
            costs = np.empty((epochs, 2))
            ahead = self._ahead = _Ahead(costs, done, optimizer.step, optimizer.epochs)
            run = self._runs.plan(rows, self._examples.target, m, m, epochs=epochs)
            made = yield from self._make_run(run, costs)
            self._made_ahead = run, made
            if not made.steps:
                self._expect_done(run, made, 1)
        cost: Array = ahead.costs[done - ahead.epochs]
        return cost

    def _of_stream(self, tell: Callable[[int], object]) -> Works[bool]:
        assert self._examples.stream is not None
        for batch in self._examples.stream.epoch(self._training.epoch):
            if self._done == len(self._costs):
                self._costs = np.concatenate([self._costs, np.empty_like(self._costs)])
            m = max(1, len(batch.rows))  # of no rows it is a step even so, by other processes' rows
            run = self._runs.plan(batch.rows, batch.target, m, m, held=batch.bytes)
            yield from self._make_steps(run)
            self._costs[self._done] *= batch.scale
            if not self._goes_on(1, tell):
                return False
        return True

    def record_the_rest(self) -> None:
        """Take down the epochs of a run that an interruption has kept out of the history."""
        if self._ahead is None:
            return
        history, ahead = self._training.history, self._ahead
        made = max(0, self._optimizer.step - ahead.step)  # less than 0 once weights are restored
        for total, weight in ahead.costs[history.epochs - ahead.epochs : made].tolist():
            history.record({"loss": total / weight if weight else 0.0})
        self._optimizer.epochs = ahead.epochs_of_optimizer + history.epochs - ahead.epochs

    def close(self) -> None:
        """Leave to the next fit what it can use again."""
        self._last_good.close()

    def expect_finite_weights(self, where: str = "after the last batch") -> None:
        """Hold the last step's weights, which no cost has judged, to being finite."""
        if not all_finite(self._network.parameters):
            self._restore(f"epoch {self._training.epoch}, {where}")

    def _make_steps(self, run: Run) -> Works[None]:
        """Make the steps of a run, and show the step to callbacks if it is one to be seen."""
        seen = self._runs.next_is_seen()
        costs = self._costs[self._done : self._done + run.batches]
        made = yield from self._make_run(run, costs)
        self._expect_done(run, made, self._done + made.steps + 1)
        if seen:
            self.expect_finite_weights(f"after batch {self._done + 1}")
            total, weight = costs[0].tolist()
            self._runs.show(run, total / weight if weight else 0.0)

    def _make_run(self, run: Run, costs: Array) -> Works[Made]:
        self._last_good.begin_run(changed=self._training.was_called())
        made = yield from self._runs.make(run, costs)
        self._last_good.end_run(run, made.steps)
        self.learning_rate = _rate_of(self._optimizer, run.learning_rates, made.steps - 1)
        return made

    def _expect_done(self, run: Run, made: Made, batch: int) -> None:
        """Raise what ended a run early, at its next batch: number ``batch`` of the epoch."""
        if made.exception is not None:
            raise made.exception
        if made.ended == "non_finite":
            self.learning_rate = _rate_of(self._optimizer, run.learning_rates, made.steps)
            of_all = f" of {self._batches}" if self._batches else ""
            self._restore(f"epoch {self._training.epoch}, batch {batch}{of_all}")

    def _restore(self, where: str) -> None:
        """Go back to the last weights whose cost was finite, and say so."""
        kept = self._last_good.restore(self._runs.call)
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
