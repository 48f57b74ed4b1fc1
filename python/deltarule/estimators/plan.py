"""What an estimator asks of its solver, and what it is told: a plan, and a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._training.hooks import Callback
from deltarule.estimators.contract import warn
from deltarule.estimators.live_weights import LiveWeights
from deltarule.losses import Loss
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule import _core


class Examples(NamedTuple):
    """What is trained on, or judged."""

    rows: Rows
    target: _core.Target
    constants: Array | None = None  # what each adds to the loss whatever is predicted

    def __len__(self) -> int:
        return len(self.rows)


class Validation(NamedTuple):
    """What each epoch is judged by: its loss, and its score."""

    examples: Examples
    score: Callable[[Array], float] | None  # of the outputs; None for the loss alone


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How to go down, on what, and when to stop."""

    weights: LiveWeights
    loss: Loss
    examples: Examples
    epochs: int
    alpha: float
    l1: float
    callbacks: Sequence[Callback]
    verbose: Any
    progress: bool


@dataclass(frozen=True, kw_only=True)
class EpochsPlan(Plan):
    """For the solvers that go by mini-batches."""

    optimizer: Optimizer
    train: Array | None  # the rows to train on, where they are not all
    validation: Validation | None
    batch_size: int
    shuffle: bool
    random_state: Any
    clip_value: float | None
    clip_norm: float | None
    # scikit-learn's name for how its SGD changes the rate, or "constant".
    schedule: Any
    learning_rate_init: float
    power_t: float
    early_stopping: bool
    tol: float
    n_iter_no_change: float
    warns_at_the_end: bool

    @classmethod
    def of(
        cls,
        estimator: Any,
        weights: LiveWeights,
        loss: Loss,
        examples: Examples,
        train: Array | None,
        validation: Validation | None,
        optimizer: Optimizer,
        incremental: bool,
    ) -> Self:
        """What the estimator's parameters say."""
        n_samples = len(examples) if train is None else len(train)
        return cls(
            train=train,
            validation=validation,
            optimizer=optimizer,
            batch_size=_batch_size_of(estimator, n_samples),
            epochs=1 if incremental else estimator.max_iter,
            clip_value=estimator.clip_value,
            clip_norm=estimator.clip_norm,
            shuffle=estimator.shuffle,
            random_state=estimator._random_state,
            schedule=estimator.learning_rate if estimator.solver == "sgd" else "constant",
            learning_rate_init=estimator.learning_rate_init,
            power_t=estimator.power_t,
            early_stopping=estimator.early_stopping,
            tol=estimator.tol,
            n_iter_no_change=estimator.n_iter_no_change,
            warns_at_the_end=not incremental,
            **_common(estimator, weights, loss, examples),
        )


@dataclass(frozen=True, kw_only=True)
class LBFGSPlan(Plan):
    """For L-BFGS on all examples."""

    max_fun: int
    tol: float

    @classmethod
    def of(cls, estimator: Any, weights: LiveWeights, loss: Loss, examples: Examples) -> Self:
        """What the estimator's parameters say."""
        return cls(
            epochs=estimator.max_iter,
            max_fun=estimator.max_fun,
            tol=estimator.tol,
            **_common(estimator, weights, loss, examples),
        )


def _common(estimator: Any, weights: LiveWeights, loss: Loss, examples: Examples) -> dict[str, Any]:
    return {
        "weights": weights,
        "loss": loss,
        "examples": examples,
        "alpha": float(estimator.alpha),
        "l1": float(estimator.l1),
        "callbacks": list(estimator.callbacks or ()),
        "verbose": estimator.verbose,
        "progress": bool(estimator.progress),
    }


def _batch_size_of(estimator: Any, n_samples: int) -> int:
    if estimator.batch_size == "auto":
        return min(200, n_samples)
    if estimator.batch_size > n_samples:
        warn("Got `batch_size` less than 1 or larger than sample size. It is going to be clipped")
    return int(np.clip(estimator.batch_size, 1, n_samples))


@dataclass
class Record:
    """What mini-batches have come to so far, in all fits that went on from one another."""

    examples_seen: int
    losses: list[float]
    best_loss: float | None
    scores: list[float] | None
    validation_losses: list[float] | None
    best_score: float | None
    best_parameters: Array | None
    in_vain: int  # epochs in a row that were not better
    epochs: int = 0  # of this fit
    loss: float | None = None
