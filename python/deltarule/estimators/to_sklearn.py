"""Our estimators as scikit-learn's own, with the solver's state."""

from __future__ import annotations

from typing import Any

from sklearn import neural_network
from sklearn.base import BaseEstimator
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from deltarule.estimators.live_weights import LiveWeights, fitted_attributes

# What is fitted beside the attributes whose names end in an underscore.
ALSO = ("_label_binarizer", "_no_improvement_count", "_random_state")

_ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "logistic": "logistic"}

_ACTIVATIONS |= {"tanh": "tanh", "relu": "relu"}


def to_sklearn(estimator: Any) -> BaseEstimator:
    """Convert an estimator, as its ``to_sklearn`` says."""
    names = (
        [estimator.activation] if isinstance(estimator.activation, str) else estimator.activation
    )
    if len({_ACTIVATIONS.get(name, name) for name in names}) != 1 or names[0] not in _ACTIVATIONS:
        raise ValueError(
            f"to_sklearn: activation is {estimator.activation!r}: expected one of scikit-learn's, "
            f"{sorted(set(_ACTIVATIONS.values()))}, for all hidden layers"
        )
    kind = getattr(neural_network, type(estimator).__name__)
    converted = kind()
    given, defaults = estimator.get_params(deep=False), converted.get_params(deep=False)
    given["activation"] = _ACTIVATIONS[names[0]]
    for name, allowed in {
        "solver": ("lbfgs", "sgd", "adam"),
        "loss": ("squared_error", "poisson"),
        "learning_rate": ("constant", "invscaling", "adaptive"),
    }.items():
        if given[name] not in allowed and name in defaults:
            given[name] = defaults[name]
    converted.set_params(**{name: given[name] for name in defaults})
    vars(converted).update(fitted_attributes(estimator, also=ALSO))
    if not hasattr(estimator, "coefs_"):
        return converted
    vars(converted).pop("validation_loss_curve_", None)
    converted._best_coefs, converted._best_intercepts = converted.coefs_, converted.intercepts_
    ours: Any = getattr(estimator, "_optimizer", None)
    if ours is not None and estimator.solver in ("sgd", "adam"):
        parameters = converted.coefs_ + converted.intercepts_
        rate = float(estimator.learning_rate_init)
        live = estimator._live_weights()
        size = live.network.parameters.size
        vectors = [
            _unflatten(live, ours.state[first : first + size])
            for first in range(0, len(ours.state), size)
        ]
        if estimator.solver == "adam":
            moments = (ours.beta_1, ours.beta_2, ours.epsilon)
            theirs = AdamOptimizer(parameters, rate, *moments)
            theirs.t, (theirs.ms, theirs.vs) = ours.step, vectors
        else:
            theirs = SGDOptimizer(
                parameters,
                rate,
                given["learning_rate"],
                estimator.momentum,
                estimator.nesterovs_momentum,
                estimator.power_t,
            )
            theirs.learning_rate = ours.learning_rate
            theirs.velocities = [-ours.learning_rate * v for v in vectors[0]]
        converted._optimizer = theirs
    return converted


def flatten(live: LiveWeights, arrays: list[Any], flat: Any) -> None:
    """Write arrays of the shapes of coefs_ and intercepts_ to a flat vector of the network."""
    for array, view in zip(arrays, _views(live, flat), strict=True):
        view[...] = array


def _unflatten(live: LiveWeights, flat: Any) -> list[Any]:
    return [view.copy() for view in _views(live, flat)]


def _views(live: LiveWeights, flat: Any) -> list[Any]:
    parts = live.network.unflatten(flat)
    dense = [parts[index] for index in live.dense]
    return [part.W.T for part in dense] + [part.b[:, 0] for part in dense]
