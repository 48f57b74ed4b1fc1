"""The steps of epochs, with penalties that depend on the batch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from deltarule._arrays import Array
from deltarule._network.all_examples import infer
from deltarule._network.works import performed
from deltarule._training.run import TrainingRun
from deltarule._training.runs import Runs, every_step_of, expect_every_step, make_steps
from deltarule.estimators.plan import EpochsPlan, Examples
from deltarule.losses import Loss


class Epochs:
    """The steps of epochs, a run of mini-batches a call to the core.

    The penalties are divided by the batch's own number of examples, or their weight, and a layer's
    penalty is the same throughout a run: so a smaller last batch is a run by itself, and where
    examples are weighted each batch is.
    """

    def __init__(self, plan: EpochsPlan, training: TrainingRun) -> None:
        self._plan, self._training = plan, training
        self._weights, self._network = plan.weights, plan.weights.network
        expect_every_step(plan.optimizer, plan.clip_value, plan.clip_norm, None)
        every_step = every_step_of(self._network, plan.clip_value, plan.clip_norm, None)
        make = make_steps(self._network, plan.optimizer, plan.loss, every_step)
        self._runs = Runs(training, make)
        self.diverged = False
        self.done = 0  # batches, in all epochs

    def epoch(self, order: Array | None, m: int) -> Iterator[float]:
        """Make the steps of an epoch; after each run tell the sum of the examples' losses so far.

        Batch is added to batch, so that where the clock cuts the runs does not show in its bits.
        """
        order = None if order is None else np.ascontiguousarray(order, np.int64)
        weights = self._plan.examples.target.weights
        if weights is not None and order is not None:
            weights = weights[order]
        if self.diverged:  # no step leads back
            yield np.nan
            return
        total = 0.0
        for first, count, weight in self._cut(m, weights):
            share = 1.0 / weight if weight > 0 else 0.0
            self._weights.penalise(self._plan.l1 * share, self._plan.alpha * share)
            sums = self._make_steps(order, first, count)
            sums += self._constants(order, weights, first, count)
            total = float(np.cumsum(np.append(total, sums))[-1])
            yield total
            if self.diverged or self._training.stopping:
                return

    def _cut(self, m: int, weights: Array | None) -> Iterator[tuple[int, int, float]]:
        """The first example of a run, how many, and what a batch of them weighs."""
        plan, first = self._plan, 0
        size = plan.batch_size
        apart = weights is not None and (plan.alpha > 0 or plan.l1 > 0)
        while first < m:
            left = -(-(m - first) // size)
            batches = 1
            if not apart:
                batches = self._runs.length(plan.examples.rows, size, first // size, left)
            count = min(batches * size, m - first)
            if count > size:
                count -= count % size
            weight = float(min(size, count))
            if apart:
                assert weights is not None
                weight = float(weights[first : first + count].sum())
            yield first, count, weight
            first += count

    def _make_steps(self, order: Array | None, first: int, count: int) -> Array:
        """Make the steps of a run; of each of its batches, cost times examples."""
        plan, size = self._plan, self._plan.batch_size
        rows, target, _ = plan.examples
        run = self._runs.plan(rows, target, count, size, order, first)
        batches = run.batches
        costs = np.empty((batches, 2))
        seen = self._runs.next_is_seen()
        made = performed(self._runs.make(run, costs))
        self.done += made.steps
        if made.exception is not None:
            raise made.exception
        if made.ended == "non_finite":
            self.diverged = True
            self._network.parameters[:] = np.nan
            return np.full(batches, np.nan)
        sums, weights = costs.T
        of_batches: Array = np.divide(sums, weights, out=np.zeros(batches), where=weights != 0)
        if seen:
            self._runs.show(run, float(of_batches[0]))
        sizes = np.full(batches, size)
        sizes[-1] = count - (batches - 1) * size
        of_batches *= sizes
        return of_batches

    def _constants(
        self, order: Array | None, weights: Array | None, first: int, count: int
    ) -> Array | float:
        """What the examples of each batch add to the losses whatever is predicted."""
        constants = self._plan.examples.constants
        if constants is None:
            return 0.0
        span: Any = slice(first, first + count)
        constants = constants[span if order is None else order[span]]
        starts = np.arange(0, count, self._plan.batch_size)
        if weights is None:
            return np.add.reduceat(constants, starts)
        sums = np.add.reduceat(weights[span] * constants, starts)
        shares = np.add.reduceat(weights[span], starts)
        of_batches: Array = sums / shares * np.diff(np.append(starts, count))
        return of_batches


def judge(network: Any, loss: Loss, examples: Examples) -> tuple[float, Array]:
    """The mean loss, without penalties, and the outputs."""
    total, A = performed(infer(network, examples.rows, examples.target, loss))
    weights = examples.target.weights
    constants = examples.constants
    if constants is not None:
        total += float(constants.sum() if weights is None else weights @ constants)
    return total / (len(examples) if weights is None else float(weights.sum())), A
