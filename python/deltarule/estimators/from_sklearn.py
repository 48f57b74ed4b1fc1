"""scikit-learn's estimators as ours, with the solver's state."""

from __future__ import annotations

from typing import Any

from sklearn import neural_network
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer

from deltarule import estimators
from deltarule.estimators.live_weights import fitted_attributes
from deltarule.estimators.optimizers import optimizer_of
from deltarule.estimators.to_sklearn import ALSO, flatten

_NAMES = ("MLPClassifier", "MLPRegressor")


def from_sklearn(estimator: Any) -> Any:
    """Convert scikit-learn's estimator, as ``deltarule.from_sklearn`` says."""
    for name in _NAMES:
        if type(estimator) is getattr(neural_network, name):
            break
    else:
        raise TypeError(
            f"from_sklearn: got {type(estimator).__name__}: expected scikit-learn's MLPClassifier "
            "or MLPRegressor"
        )
    converted: Any = getattr(estimators, name)(**estimator.get_params(deep=False))
    converted._adopt(fitted_attributes(estimator, also=ALSO))
    theirs = getattr(estimator, "_optimizer", None)
    if theirs is not None:
        live = converted._live_weights(adopt=True)
        optimizer: Any = optimizer_of(converted)
        converted._adopt({"_optimizer": optimizer})
        state = optimizer._state_for(live.network.parameters)
        if isinstance(theirs, AdamOptimizer):
            optimizer.step = theirs.t
            vectors = [theirs.ms, theirs.vs]
        else:  # its velocity contains the rate
            optimizer.learning_rate = theirs.learning_rate
            vectors = [[-v / theirs.learning_rate for v in theirs.velocities]]
        size = live.network.parameters.size
        for index, vector in enumerate(vectors):
            flatten(live, vector, state[index * size : (index + 1) * size])
    return converted
