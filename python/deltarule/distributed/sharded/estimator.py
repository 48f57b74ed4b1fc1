"""Training one estimator on several ranks, each of which has the whole table before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from deltarule._training.hooks import speaks
from deltarule._training.runs import EveryStep, MakeSteps, made_by
from deltarule.distributed.digest import digest
from deltarule.distributed.sharded.differences import expect_same, on_every_rank, state_of
from deltarule.distributed.sharded.meeting import Meeting
from deltarule.distributed.sharded.shards import SharesOfBatches
from deltarule.distributed.sharded.steps import MakeShardedSteps
from deltarule.losses import Loss
from deltarule.optimizers import Optimizer

if TYPE_CHECKING:
    from deltarule._network.bare import BareNetwork


def fit_estimator(
    estimator: Any, X: Any, y: Any, options: dict[str, Any], meeting: Meeting, count: int
) -> Any:
    """Fit an estimator, a batch's gradients being made by all ranks.

    All else, as the split for early stopping and the score of it, each rank does by itself and
    alike.
    """
    if getattr(estimator, "solver", None) == "lbfgs":
        raise ValueError(
            "distributed.fit: solver is 'lbfgs', which goes by all examples at once: expected "
            "'adam' or 'sgd', or an optimizer that makes steps"
        )
    mine = on_every_rank(count) | {
        "estimator": type(estimator).__name__,
        "parameters": _parameters(estimator),
        "options": str(sorted(options)),
        "X": _table(X),
        "y": _table(y),
    }
    expect_same(meeting, mine)

    def maker(
        network: BareNetwork, optimizer: Optimizer, loss: Loss, every_step: EveryStep
    ) -> MakeSteps:
        expect_same(meeting, state_of(network), "random_state=0, or another, on every rank")
        shards = SharesOfBatches(meeting, count)
        return MakeShardedSteps(network, optimizer, loss, every_step, shards)

    with made_by(maker), _quiet(estimator, meeting.rank > 0):
        return estimator.fit(X, y, **options)


def _parameters(estimator: Any) -> str:
    """Those that decide what is learned; what only writes or prints is rank 0's."""
    named = estimator.get_params(deep=False)
    callbacks = named.pop("callbacks", None) or ()
    named.pop("verbose", None)
    named["callbacks"] = [type(each).__name__ for each in callbacks if not speaks(each)]
    return repr(sorted(named.items()))


def _table(values: Any) -> str:
    """A table's shape, and what tells its values from others."""
    return f"of shape {np.shape(values)} with values of {digest(values)}"


@contextmanager
def _quiet(estimator: Any, quiet: bool) -> Iterator[None]:
    """Have an estimator neither print nor write, within a ``with`` block."""
    if not quiet:
        yield
        return
    kept = {name: getattr(estimator, name) for name in ("verbose", "callbacks")}
    callbacks = kept["callbacks"]
    estimator.verbose = False
    estimator.callbacks = callbacks and [each for each in callbacks if not speaks(each)]
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(estimator, name, value)
