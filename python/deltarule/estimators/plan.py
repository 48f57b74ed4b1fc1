"""What an estimator asks of its solver, and what it is told: a plan, and a record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from deltarule._arrays import Array
from deltarule._data.rows import Rows
from deltarule._training.hooks import Callback
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


@dataclass(frozen=True, kw_only=True)
class LBFGSPlan(Plan):
    """For L-BFGS on all examples."""

    max_fun: int
    tol: float


@dataclass
class Record:
    """What mini-batches have come to so far, in all fits that went on from one another."""

    examples_seen: int
    losses: list[float]
    best_loss: float | None
    scores: list[float] | None
    validation_losses: list[float] | None
    best_score: float | None
    best_parameters: Array
    in_vain: int  # epochs in a row that were not better
    epochs: int = 0  # of this fit
    loss: float | None = None
