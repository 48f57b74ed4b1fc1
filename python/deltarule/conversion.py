"""Estimators to and from scikit-learn's own."""

from typing import Any

from sklearn import neural_network
from sklearn.base import BaseEstimator
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

from deltarule import estimators
from deltarule.estimator_base import MLP, fitted_attributes
from deltarule.solver import optimizer_of

_NAMES = ("MLPClassifier", "MLPRegressor")
# What is fitted beside the attributes whose names end in an underscore.
_ALSO = ("_label_binarizer", "_no_improvement_count", "_random_state")
_ACTIVATIONS = {"identity": "identity", "sigmoid": "logistic", "logistic": "logistic"}
_ACTIVATIONS |= {"tanh": "tanh", "relu": "relu"}


def from_sklearn(estimator: BaseEstimator) -> Any:
    """Convert scikit-learn's ``MLPClassifier`` or ``MLPRegressor``.

    Parameters
    ----------
    estimator : sklearn.neural_network.MLPClassifier or MLPRegressor
        Fitted or not. It is not changed.

    Returns
    -------
    deltarule.MLPClassifier or deltarule.MLPRegressor
        With the same parameters, weights and records; ``partial_fit`` goes on from the solver's
        state.

    Raises
    ------
    TypeError
        For another estimator.
    """
    for name in _NAMES:
        if type(estimator) is getattr(neural_network, name):
            break
    else:
        raise TypeError(
            f"from_sklearn: got {type(estimator).__name__}: expected scikit-learn's MLPClassifier "
            "or MLPRegressor"
        )
    converted: Any = getattr(estimators, name)(**estimator.get_params(deep=False))
    vars(converted).update(fitted_attributes(estimator, also=_ALSO))
    theirs = getattr(estimator, "_optimizer", None)
    if theirs is not None:
        live = converted._live_weights(adopt=True)
        optimizer: Any = optimizer_of(converted)
        converted._optimizer = optimizer
        state = optimizer._state_for(live.network)
        if isinstance(theirs, AdamOptimizer):
            optimizer.step = theirs.t
            vectors = [theirs.ms, theirs.vs]
        else:  # its velocity contains the rate
            optimizer.learning_rate = theirs.learning_rate
            vectors = [[-v / theirs.learning_rate for v in theirs.velocities]]
        size = live.network.parameters.size
        for index, vector in enumerate(vectors):
            _flatten(live, vector, state[index * size : (index + 1) * size])
    return converted


def to_sklearn(estimator: MLP) -> BaseEstimator:
    """Convert to scikit-learn's estimator.

    Parameters
    ----------
    estimator : deltarule.MLPClassifier or deltarule.MLPRegressor
        Fitted or not. It is not changed.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        It predicts the same. What only training uses and scikit-learn does not have, such as
        dropout or another solver, is left at scikit-learn's default; "sgd" and "adam" go on with
        ``partial_fit`` from their state.

    Raises
    ------
    ValueError
        Where scikit-learn has no such activations.
    """
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
    vars(converted).update(fitted_attributes(estimator, also=_ALSO))
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


def _flatten(live: Any, arrays: list[Any], flat: Any) -> None:
    """Write arrays of the shapes of coefs_ and intercepts_ to a flat vector of the network."""
    for array, view in zip(arrays, _views(live, flat), strict=True):
        view[...] = array


def _unflatten(live: Any, flat: Any) -> list[Any]:
    return [view.copy() for view in _views(live, flat)]


def _views(live: Any, flat: Any) -> list[Any]:
    parts = live.network.unflatten(flat)
    dense = [parts[index] for index in live.dense]
    return [part.W.T for part in dense] + [part.b[:, 0] for part in dense]
