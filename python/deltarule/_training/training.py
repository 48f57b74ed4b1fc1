"""The training loop: epoch after epoch of steps, and what an epoch is judged by."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from deltarule._arrays import Array
from deltarule._checks import expect_count
from deltarule._data.door import FRONT_DOOR, Door
from deltarule._network.works import Works, performed
from deltarule._training.evaluate import Held, judge, metrics_of
from deltarule._training.examples import Examples, Given, from_arrays, from_batches
from deltarule._training.fingerprint import fingerprint
from deltarule._training.hooks import as_callbacks, expect_validation
from deltarule._training.lbfgs import expect_one_cost, fit_lbfgs
from deltarule._training.progress import Bar
from deltarule._training.run import TrainingRun
from deltarule._training.runs import (
    EveryStep,
    MakeSteps,
    every_step_of,
    expect_every_step,
    make_steps,
)
from deltarule._training.steps import Steps
from deltarule.history import History
from deltarule.metrics import Metric
from deltarule.optimizers import LBFGS, Optimizer, as_optimizer

if TYPE_CHECKING:
    from deltarule._files.checkpoints import Saved
    from deltarule._network.bare import BareNetwork
    from deltarule.schedules import Schedule


@dataclass(kw_only=True)
class Training:
    """A fit that may begin: what it was given has passed the door, and nothing is written yet."""

    network: BareNetwork
    examples: Examples
    optimizer: Optimizer
    schedule: Schedule | None
    callbacks: list[Any]
    epochs: int
    metrics: dict[str, Metric]
    judges_training_set: bool
    clip_value: float | None
    clip_norm: float | None
    average: float | None
    names: list[str] | None
    data: Callable[[], Any]  # what tells the examples from others, worked out once
    saved: Saved | None = None  # a checkpoint to go on from
    run: TrainingRun | None = None  # when it has begun

    @property
    def length(self) -> float:
        """About how long it takes, by no measure but that of others."""
        examples = 0 if self.examples.held is None else self.examples.trained
        return float(self.epochs * examples * self.network.parameters.size)

    def works(self, bar: Bar) -> Works[History]:
        """Train, one piece of work after another."""
        network, examples, optimizer = self.network, self.examples, self.optimizer
        with network._sole_training():
            network._expect_finite_parameters("fit")
            if not isinstance(optimizer, LBFGS):
                optimizer._state_for(network.parameters)  # refuses one that is another network's
            network._learn_names(self.names)
            if self.saved is None:
                self._adapt()
            network.history = History()
            run = self.run = self._new_run()
            if self.saved is not None:
                self.saved.restore(run)
            with run, bar:
                run.call("on_fit_begin")
                if isinstance(optimizer, LBFGS):
                    fit_lbfgs(run, examples, bar, self._end_iteration(run, bar))
                else:
                    yield from self._epochs_of_steps(run, bar)
            return run.history

    # What several processes that train one network do together.

    def _adapt(self) -> None:
        self.network._adapt_once(self.examples.held and self.examples.held.rows)

    def _new_run(self) -> TrainingRun:
        return TrainingRun(self.network, self.optimizer, self.callbacks, self.epochs, self.data)

    def _make_steps(self, every_step: EveryStep) -> MakeSteps:
        return make_steps(self.network, self.optimizer, self.examples.loss, every_step)

    def _judge(self, held: Held) -> Works[tuple[dict[str, float], Array]]:
        return judge(self.network, held, self.examples.loss, self.metrics)

    def _epochs_of_steps(self, run: TrainingRun, bar: Bar) -> Works[None]:
        every_step = every_step_of(run.network, self.clip_value, self.clip_norm, self.average)
        watched = bool(self.callbacks or self.schedule or self.judges_training_set)
        watched = watched or self.examples.validation is not None
        steps = Steps(run, self.examples, self._make_steps(every_step), watched=watched)

        def tell(done: int) -> None:
            if bar.enabled:
                bar.advance(done, steps.mean_cost)
            run.call("on_run_end")

        try:
            while run.begin_epoch():
                yield from steps.epoch(tell)
                if not steps.epoch_is_finished:
                    break
                record = yield from self._record(run, steps.mean_cost)
                if self.schedule is not None:
                    record["learning_rate"] = steps.learning_rate
                self._end_epoch(run, bar, record)
        finally:
            steps.record_the_rest()
        steps.expect_finite_weights()
        steps.close()

    def _end_iteration(self, run: TrainingRun, bar: Bar) -> Any:
        """What L-BFGS tells of the cost of each of its iterations."""
        return lambda cost: self._end_epoch(run, bar, performed(self._record(run, cost)))

    def _record(self, run: TrainingRun, cost: float) -> Works[dict[str, float]]:
        """What an epoch comes to."""
        record = {"loss": cost}
        if self.judges_training_set and self.examples.held is not None:
            found, _ = yield from self._judge(self.examples.held)
            record |= {name: found[name] for name in self.metrics}
        if self.examples.validation is not None:
            found, A = yield from self._judge(self.examples.validation)
            run.validation_outputs = A
            record |= {f"val_{name}": value for name, value in found.items()}
        return record

    def _end_epoch(self, run: TrainingRun, bar: Bar, record: dict[str, float]) -> None:
        run.end_epoch(record)
        bar.end_epoch(run.epoch - 1, record)


def prepared(
    network: BareNetwork, X: Any, y: ArrayLike | None, given: Given, door: Door = FRONT_DOOR
) -> Training:
    """A training of what ``fit`` was given, if it may be."""
    training = training_of(network, examples_of(network, X, y, given, door), given)
    if given.resume is not None:
        training.saved = saved_of(training, given.resume)
    return training


def examples_of(
    network: BareNetwork, X: Any, y: ArrayLike | None, given: Given, door: Door = FRONT_DOOR
) -> Examples:
    """What to train on, and what to judge by."""
    if y is None:
        epochs = expect_count(given.epochs, "fit: epochs", least=0)
        return from_batches(network, X, given, epochs)
    return from_arrays(network, X, y, given, door)


def training_of(network: BareNetwork, examples: Examples, given: Given) -> Training:
    """A training on these examples, as ``fit`` was asked for, from the beginning."""
    epochs = expect_count(given.epochs, "fit: epochs", least=0)
    judged = metrics_of(given.metrics, examples.loss, network._output, "fit")
    validation = examples.validation
    names = network.feature_names or examples.names or (validation and validation.rows.names)
    optimizer = as_optimizer(given.optimizer)
    expect_every_step(optimizer, given.clip_value, given.clip_norm, given.average)
    callbacks = as_callbacks(given.callbacks, validated=validation is not None)
    rate = getattr(optimizer, "learning_rate", None)
    schedule = None
    if callable(rate):
        from deltarule.schedules import as_schedule  # most rates are numbers

        schedule = as_schedule(rate)
    expect_validation(schedule, "the learning rate", validated=validation is not None)
    if isinstance(optimizer, LBFGS):
        expect_one_cost(network, examples)
    return Training(
        network=network,
        examples=examples,
        optimizer=optimizer,
        schedule=schedule,
        callbacks=callbacks,
        epochs=epochs,
        metrics=judged,
        judges_training_set=given.metrics is not None,
        clip_value=given.clip_value,
        clip_norm=given.clip_norm,
        average=given.average,
        names=names,
        data=cache(lambda: fingerprint(network, examples)),
    )


def saved_of(training: Training, resume: str | os.PathLike[str]) -> Saved | None:
    """The checkpoint to go on from, if it fits; None for "auto" where there is none yet."""
    optimizer, callbacks = training.optimizer, training.callbacks
    if isinstance(optimizer, LBFGS):
        raise ValueError(
            "fit: resume is for optimizers that make steps: expected None, as LBFGS keeps no "
            "memory from one fit to the next"
        )
    from deltarule._files.checkpoints import Saved, newest_of  # most trainings begin anew

    path = newest_of(callbacks) if resume == "auto" else resume
    if path is None:
        return None
    saved = Saved(path, training.network, optimizer, callbacks)
    saved.expect_names(training.names)
    saved.say_what_differs(training.epochs, training.data())
    return saved
