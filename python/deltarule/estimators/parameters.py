"""The estimators' parameters: what each may be, as scikit-learn has such things checked."""

from __future__ import annotations

from functools import cache
from numbers import Integral, Real
from operator import attrgetter, is_
from typing import Any

import numpy as np
from sklearn.metrics import get_scorer_names
from sklearn.utils._param_validation import Interval, Options, StrOptions

from deltarule import _core
from deltarule.optimizers import OPTIMIZERS, Optimizer

ACTIVATIONS = {"logistic", *_core.activation_names()} - {"softmax"}
STOCHASTIC = set(OPTIMIZERS) - {"lbfgs"}

# What both estimators have.
CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(ACTIVATIONS), list, tuple],
    "solver": [StrOptions({"lbfgs", *STOCHASTIC}), Optimizer],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"}), callable],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "l1": [Interval(Real, 0, None, closed="left")],
    "clip_value": [None, Interval(Real, 0, None, closed="neither")],
    "clip_norm": [None, Interval(Real, 0, None, closed="neither")],
    "scoring": [None, StrOptions({"loss", *get_scorer_names()}), callable],
    "callbacks": [None, list, tuple],
    "progress": ["boolean"],
    "num_threads": [None, Interval(Integral, 1, None, closed="left")],
    "n_jobs": [None, Integral],
}


@cache
def _read(kind: Any) -> Any:
    """What reads all parameters of an estimator at once."""
    return attrgetter(*kind._get_param_names())


def expect_sound(estimator: Any) -> None:
    """Hold an estimator's parameters to scikit-learn's checks.

    Those that have passed, and cannot have changed, are not checked again: it would take longer
    than a small step.
    """
    kind: Any = type(estimator)
    given = _read(kind)(estimator)
    passed = getattr(estimator, "_passed_parameters", None)
    if passed is not None and all(map(is_, given, passed)):
        return
    estimator._validate_params()
    if all(map(_stays_as_it_is, given)):
        estimator._passed_parameters = given


def _stays_as_it_is(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(map(_stays_as_it_is, value))
    return value is None or isinstance(value, (str, bool, int, float))
