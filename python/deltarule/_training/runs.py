"""Runs of mini-batches: a call to the core each, the interpreter free for others meanwhile.

Runs are cut by the clock, so that progress and Ctrl-C never wait long, where a callback wants to
see a step, and where a memory map's window ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from deltarule import _core
from deltarule._arrays import Array
from deltarule._checks import expect_in_range, is_number
from deltarule._data.rows import Rows
from deltarule._data.targets import part_of
from deltarule._data.windows import Window, Windows
from deltarule._network.works import Works, performed
from deltarule._rates import rates_of_steps
from deltarule.losses import Loss
from deltarule.optimizers import LBFGS, Optimizer

if TYPE_CHECKING:
    from deltarule._data.rows import Held
    from deltarule._network.bare import BareNetwork
    from deltarule._training.run import TrainingRun

# Seconds that a run of mini-batches aims at: well under what a person notices as a delay.
_RUN_SECONDS = 0.05
# Of a machine that is slow: floating-point operations a second, and what a step of none takes.
_SLOW, _A_STEP = 2e9, 20e-6


class Run(NamedTuple):
    """All that a run of mini-batches is made from, beside the weights and the state."""

    rows: Rows
    target: _core.Target
    order: Array | None
    first: int  # of the order, or of the rows
    examples: int
    batch_size: int
    rule: Any
    learning_rates: Array | None  # one a batch, or the rule's own for all
    epochs: int = 1  # how often, where the run is one batch
    held: int = 0  # bytes that are kept for this run alone

    @property
    def batches(self) -> int:
        """How many it has in all its epochs, each of them a step."""
        return self.epochs * -(-self.examples // self.batch_size)

    def batch(self) -> tuple[Array, Array, Array | None]:
        """X, y and the weights of the examples of a run of one batch."""
        which = self._which()
        target = part_of(self.target, which)
        held = target.Y if target.labels is None else target.labels
        assert held is not None
        return self.rows.taken(which), held, target.weights

    def as_read(self) -> tuple[Held, _core.Target, Array | None, int]:
        """The rows, their targets, an order to go through them, and where the run begins in it.

        Rows that the core does not read where they lie are copied, no more than the run has.
        """
        if self.rows.in_place:
            return self.rows.held, self.target, self.order, self.first
        which = self._which()
        return self.rows.taken(which), part_of(self.target, which), None, 0

    def _which(self) -> Any:
        span = slice(self.first, self.first + self.examples)
        return span if self.order is None else self.order[span]


class Made(NamedTuple):
    """What a run came to: the steps made, why it ended, and what it was interrupted by."""

    steps: int
    ended: str  # done, non_finite, interrupted
    exception: BaseException | None
    seconds: float


class EveryStep(NamedTuple):
    """What every step does beside its update: clip the gradients, and keep an average."""

    clip_value: float = 0.0  # 0 for none
    clip_norm: float = 0.0
    average: Array | None = None
    decay: float = 0.0
    refuse_non_finite: bool = False  # make no step whose gradients are not all finite


def expect_every_step(
    optimizer: Optimizer,
    clip_value: float | None,
    clip_norm: float | None,
    average: float | None,
    where: str = "fit",
) -> None:
    """Hold what is asked for at every step to what can be."""
    asked = {"clip_value": clip_value, "clip_norm": clip_norm, "average": average}
    for name, value in asked.items():
        if value is None:
            continue
        what = f"{where}: {name}"
        if is_number(value) and isinstance(optimizer, LBFGS):
            raise ValueError(
                f"{what} is {value!r}: expected None, as LBFGS makes no steps of that kind"
            )
        if name == "average":
            expect_in_range(value, what, least=0, below=1)
        else:
            expect_in_range(value, what, above=0)


def every_step_of(
    network: BareNetwork,
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


class MakeSteps:
    """The call to the core that makes the steps of a run of mini-batches."""

    def __init__(
        self, network: BareNetwork, optimizer: Optimizer, loss: Loss, every_step: EveryStep
    ) -> None:
        self._network, self._optimizer, self._every_step = network, optimizer, every_step
        self._trainer, self.gradients = network._training_room(loss)
        self._state = optimizer._state_for(network.parameters)
        self._windows = Windows()

    def fetched(self, run: Run) -> Run:
        """The same run, its rows read into memory where they lie in a file in another order."""
        if not run.rows.mapped:
            return run
        given = Window(run.rows, run.target, run.order, 0)
        rows, target, order, first = self._windows.holding(run.first, run.batch_size, given)
        return run._replace(rows=rows, target=target, order=order, first=run.first - first)

    def batch(self, run: Run) -> tuple[Array, Array, Array | None]:
        """X, y and the weights of the examples of a run of one batch."""
        return run.batch()

    def __call__(self, run: Run, costs: Array | None = None) -> Made:
        """Make them now, on this thread."""
        return performed(self.later(run, costs))

    def later(
        self, run: Run, costs: Array | None = None, *, keep_gradients: bool = False
    ) -> Works[Made]:
        """Make them as a piece of work.

        ``costs`` takes the sum and the weight of each batch's losses.
        """
        run = self.fetched(run)
        rows, target, order, first = run.as_read()
        work = self._trainer.run_later(
            self._network.parameters,
            self.gradients,
            self._state,
            run.rule,
            self._optimizer._counter,
            self._network._pass,
            rows,
            target,
            order,
            first,
            run.examples,
            run.batch_size,
            run.epochs,
            run.learning_rates,
            keep_gradients,
            *self._every_step,
            np.empty((run.batches, 2)) if costs is None else costs,
        )
        yield work
        steps, ended, exception = work.result()
        return Made(steps, ended, exception, work.seconds)


# Who makes the steps: by default this process alone.
StepsMaker = Callable[["BareNetwork", Optimizer, Loss, EveryStep], MakeSteps]
_makers: ContextVar[StepsMaker] = ContextVar("makers", default=MakeSteps)


def make_steps(
    network: BareNetwork, optimizer: Optimizer, loss: Loss, every_step: EveryStep
) -> MakeSteps:
    """What makes a training's steps."""
    return _makers.get()(network, optimizer, loss, every_step)


@contextmanager
def made_by(maker: StepsMaker) -> Iterator[None]:
    """Have others make the steps of what is trained within a ``with`` block."""
    token = _makers.set(maker)
    try:
        yield
    finally:
        _makers.reset(token)


class Runs:
    """The runs of one training, one after another.

    Attributes
    ----------
    call : MakeSteps
        For who makes steps again.
    """

    def __init__(self, training: TrainingRun, make: MakeSteps) -> None:
        self._training, self.call = training, make
        self._longest: int | None = None  # by the clock
        self._before: Array | None = None  # the weights before a step that a callback sees

    def longest(self, batch_size: int) -> int:
        """How many mini-batches the next run may have: by the clock, the first by their work."""
        if self._longest is not None:
            return self._longest
        work = 6.0 * self._training.network.parameters.size * batch_size
        return max(1, int(_RUN_SECONDS / (_A_STEP + work / _SLOW)))

    def length(self, rows: Rows, batch_size: int, done: int, left: int) -> int:
        """How many of the ``left`` batches of an epoch the next run has, ``done`` lying behind."""
        batches = min(self.longest(batch_size), left)
        if rows.mapped:  # a run reads one window, and lets it go
            window = rows.batches_a_window(batch_size)
            batches = min(batches, window - done % window)
        unseen = self._training.steps_unseen(self._training.optimizer.step)
        return batches if unseen is None else min(batches, max(1, unseen))

    def plan(
        self,
        rows: Rows,
        target: _core.Target,
        examples: int,
        batch_size: int,
        order: Array | None = None,
        first: int = 0,
        epochs: int = 1,
        held: int = 0,
    ) -> Run:
        """A run from here on, each of its steps at its own rate."""
        optimizer = self._training.optimizer
        rule = optimizer._rule()
        run = Run(rows, target, order, first, examples, batch_size, rule, None, epochs, held)
        rate = getattr(optimizer, "learning_rate", 0.0)
        rates = rates_of_steps(rate, optimizer.step, run.batches, optimizer.epochs)
        return run._replace(learning_rates=rates)

    def make(self, run: Run, costs: Array) -> Works[Made]:
        """Make the steps of a run; the rest as `MakeSteps` has it."""
        seen = self.next_is_seen()
        if seen:
            self._before = copy_into(self._before, self._training.network.parameters)
        made = yield from self.call.later(run, costs, keep_gradients=seen)
        run.rows.let_go()
        if not seen:  # a step that is seen takes longer than the steps between
            self._longest = _next_run(run.batches, made.seconds)
        return made

    def next_is_seen(self) -> bool:
        """Whether a callback wants to see the next step, which is then a run of its own."""
        return self._training.steps_unseen(self._training.optimizer.step) == 0

    def show(self, run: Run, cost: float) -> None:
        """Show the step that was just made to the callbacks that want to see it."""
        assert self._before is not None
        self._training.show_step(
            cost, self.call.gradients, self._before, lambda: self.call.batch(run)
        )


def _next_run(batches: int, seconds: float) -> int:
    """How many mini-batches to make next at one go, as so many took so long."""
    return max(1, int(batches * min(_RUN_SECONDS / max(seconds, 1e-6), 8.0)))


def copy_into(room: Array | None, array: Array) -> Array:
    """A copy of an array, in memory that is there already or new."""
    if room is None:
        return array.copy()
    np.copyto(room, array)
    return room
