"""Optimizers as scikit-learn has them, and the one that an estimator's parameters ask for."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from deltarule.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    AdamW,
    NAdam,
    Optimizer,
    RAdam,
    flag,
    number,
)


@dataclass(eq=False)
class _Momentum(SGD):
    """SGD whose momentum may be 1."""

    momentum: float = number(0.9, below=np.nextafter(1.0, 2.0))


@dataclass(eq=False)
class _PaperAdam(Adam):
    """Adam in the form of the paper's section 2: epsilon is added before the bias is corrected."""

    epsilon_hat: bool = flag()


def optimizer_of(estimator: Any) -> Optimizer:
    """A new optimizer as an estimator's parameters ask for it."""
    solver, rate = estimator.solver, estimator.learning_rate
    rate = rate if callable(rate) else float(estimator.learning_rate_init)
    if isinstance(solver, Optimizer):
        own: Any = deepcopy(solver)
        if callable(estimator.learning_rate):
            own.learning_rate = deepcopy(rate)
        return own  # type: ignore[no-any-return]
    rate = deepcopy(rate)
    moments: dict[str, Any] = {
        name: float(getattr(estimator, name)) for name in ("beta_1", "beta_2", "epsilon")
    }
    if solver == "sgd":
        momentum = float(estimator.momentum)
        nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
        return _Momentum(rate, momentum, nesterov)
    if solver == "adam":
        return _PaperAdam(rate, epsilon_hat=True, **moments)
    kind: Any = OPTIMIZERS[solver]
    return kind(rate, **(moments if kind in (AdamW, NAdam, RAdam) else {}))  # type: ignore[no-any-return]


def set_rate(optimizer: Any, rate: float) -> None:
    """Change the rate of SGD with momentum as scikit-learn does, whose velocity contains it."""
    rate = max(rate, float(np.finfo(np.float64).tiny))
    if optimizer.state is not None:
        optimizer.state *= optimizer.learning_rate / rate
    optimizer.learning_rate = rate


# By their names in files.
SOLVERS: dict[str, type[Optimizer]] = {
    kind.__name__: kind for kind in (*OPTIMIZERS.values(), _Momentum, _PaperAdam)
}


def as_plain(optimizer: Optimizer | None) -> Any:
    """An optimizer as a dictionary of plain values; one that is code of the user's as it is.

    For an estimator's pickle, which tools that trust but few types read as well.
    """
    if optimizer is None or SOLVERS.get(type(optimizer).__name__) is not type(optimizer):
        return optimizer
    return {"kind": type(optimizer).__name__, "state": optimizer.__getstate__()}


def from_plain(plain: Any) -> Any:
    """What `as_plain` was given, with memory of its own."""
    if not isinstance(plain, dict):
        return plain
    kind = SOLVERS[plain["kind"]]
    optimizer = kind.__new__(kind)
    optimizer.__setstate__(dict(plain["state"]))
    return optimizer
