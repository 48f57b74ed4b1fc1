"""Estimators that become scikit-learn's, and scikit-learn's that become ours."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression

import deltarule as dr

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 4))
SCORES = X @ RNG.normal(size=(4, 3))
CASES: dict[str, Any] = {
    "binary": ("MLPClassifier", np.where(SCORES[:, 0] > 0, "yes", "no")),
    "multiclass": ("MLPClassifier", SCORES.argmax(axis=1)),
    "multilabel": ("MLPClassifier", (SCORES > 0).astype(int)),
    "targets": ("MLPRegressor", SCORES),
}


def fitted(module: Any, name: str, y: Any, **parameters: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        given = {"hidden_layer_sizes": (6, 5), "max_iter": 4, "random_state": 0}
        return getattr(module, name)(**given | parameters).fit(X, y)


def assert_alike(one: Any, other: Any) -> None:
    call = "predict_proba" if hasattr(one, "classes_") else "predict"
    np.testing.assert_allclose(getattr(other, call)(X), getattr(one, call)(X), atol=1e-10)
    assert other.loss_ == pytest.approx(one.loss_)
    np.testing.assert_array_equal(other.predict(X[:5]).shape, one.predict(X[:5]).shape)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"solver": "sgd"},
        {"solver": "sgd", "learning_rate": "invscaling"},
        {"solver": "lbfgs"},
        {"early_stopping": True},
    ],
)
def test_both_ways(case: str, parameters: dict[str, Any]) -> None:
    name, y = CASES[case]
    theirs = fitted(neural_network, name, y, **parameters)
    before = theirs.coefs_[0].copy()
    ours = dr.from_sklearn(theirs)
    assert type(ours) is getattr(dr, name)
    assert_alike(theirs, ours)
    back = ours.to_sklearn()
    assert type(back) is type(theirs)
    assert back.get_params() == theirs.get_params()
    assert_alike(theirs, back)
    if parameters.get("solver") != "lbfgs" and "early_stopping" not in parameters:
        for each in (theirs, ours, back):  # all three go on with the solver's state
            each.partial_fit(X, y)
        for other in (ours, back):
            np.testing.assert_allclose(other.coefs_[0], theirs.coefs_[0], atol=1e-10)
    ours.coefs_[0][:] = 0.0
    assert before.any()
    assert back.coefs_[0].any()


@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
@pytest.mark.parametrize("later", ["lbfgs", "adam"])
def test_a_warm_start_goes_on_where_scikit_learn_began(solver: str, later: str) -> None:
    name, y = CASES["binary"]
    given = {"warm_start": True, "early_stopping": True, "max_iter": 20}
    ours = dr.from_sklearn(fitted(neural_network, name, y, solver=solver, **given))
    before = ours.loss_
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours.set_params(solver=later).fit(X, y)
    if later == "lbfgs":
        assert ours.loss_ < before
    assert ours.score(X, y) > 0.5


def test_parameters_alone() -> None:
    ours = dr.from_sklearn(neural_network.MLPRegressor(alpha=0.3))
    assert ours.alpha == 0.3
    assert not hasattr(ours, "coefs_")
    assert ours.to_sklearn().get_params() == neural_network.MLPRegressor(alpha=0.3).get_params()


def test_what_only_training_uses_is_left_behind() -> None:
    ours = fitted(
        dr,
        "MLPClassifier",
        CASES["multiclass"][1],
        solver="rmsprop",
        dropout=0.1,
        activation="tanh",
    )
    theirs = ours.to_sklearn()
    assert theirs.solver == "adam"
    assert_alike(ours, theirs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, CASES["multiclass"][1])


def test_activations_that_scikit_learn_does_not_have() -> None:
    for activation in ("gelu", ["tanh", "relu"]):
        with pytest.raises(ValueError, match="to_sklearn: activation is"):
            dr.MLPClassifier((3, 3), activation).to_sklearn()
    assert dr.MLPClassifier(activation="sigmoid").to_sklearn().activation == "logistic"


def test_another_estimator_is_refused() -> None:
    with pytest.raises(TypeError, match="got LinearRegression: expected scikit-learn's"):
        dr.from_sklearn(LinearRegression())
