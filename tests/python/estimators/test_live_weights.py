"""``coefs_`` and ``intercepts_`` are the network's own numbers."""

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import deltarule as dr

X = np.random.default_rng(0).normal(size=(40, 3))
Y = X @ [1.0, -2.0, 0.5]


@pytest.fixture
def model() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return dr.MLPRegressor(hidden_layer_sizes=(5, 4), max_iter=2, random_state=0).fit(X, Y)


def outputs(model: Any) -> Any:
    A = X
    for coef, intercept in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        A = np.maximum(A @ coef + intercept, 0)
    return (A @ model.coefs_[-1] + model.intercepts_[-1])[:, 0]


def test_they_are_views_in_scikit_learns_shapes(model: Any) -> None:
    assert [coef.shape for coef in model.coefs_] == [(3, 5), (5, 4), (4, 1)]
    assert [intercept.shape for intercept in model.intercepts_] == [(5,), (4,), (1,)]
    for array in [*model.coefs_, *model.intercepts_]:
        assert np.shares_memory(array, model.network_.parameters)
        assert array.flags.c_contiguous


def test_what_is_written_to_them_counts_at_once(model: Any) -> None:
    model.coefs_[0][1, 2] = 3.0
    model.intercepts_[1] += 0.5
    np.testing.assert_allclose(model.predict(X), outputs(model))


@pytest.mark.parametrize("times", [1, 2])
def test_other_arrays_may_take_their_place(model: Any, times: int) -> None:
    for _ in range(times):
        model.coefs_[1] = np.full((5, 4), 0.25)
        model.intercepts_ = [np.ones(5), np.zeros(4), np.full(1, 2.0)]
        np.testing.assert_allclose(model.predict(X), outputs(model))
        model.coefs_[1][:] = -0.5  # the caller's array, which counts all the same
        np.testing.assert_allclose(model.predict(X), outputs(model))


def test_training_goes_on_from_arrays_that_were_set(model: Any) -> None:
    given = np.zeros((5, 4))
    model.coefs_[1] = given
    model.partial_fit(X, Y)
    assert np.abs(model.coefs_[1]).max() < 0.01
    assert not given.any()  # trained is a copy
    assert np.shares_memory(model.coefs_[1], model.network_.parameters)


def test_other_shapes_make_another_network(model: Any) -> None:
    model.coefs_ = [np.ones((3, 2)), np.ones((2, 1))]
    model.intercepts_ = [np.zeros(2), np.zeros(1)]
    np.testing.assert_allclose(model.predict(X), outputs(model))
    model.partial_fit(X, Y)
    assert [layer.units for layer in model.network_.layers] == [2, 1]


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
def test_a_copy_has_live_weights_of_its_own(model: Any, copied: Any) -> None:
    other = copied(model)
    assert np.shares_memory(other.coefs_[0], other.network_.parameters)
    other.coefs_[0][:] = 0.0
    assert model.coefs_[0].any()
    np.testing.assert_allclose(other.predict(X), outputs(other))


def test_parameters_that_change_what_the_weights_mean_count_at_once(model: Any) -> None:
    model.set_params(activation="identity")
    A = X
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        A = A @ coef + intercept
    np.testing.assert_allclose(model.predict(X), A[:, 0])


def test_a_change_of_dropout_leaves_the_solver_its_state(model: Any) -> None:
    model.set_params(dropout=0.5).partial_fit(X, Y)
    assert model._optimizer.step == 3


def test_there_is_no_network_before_a_fit() -> None:
    assert not hasattr(dr.MLPRegressor(), "network_")
