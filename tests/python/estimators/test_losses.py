"""What the estimators minimise, and what they report."""

import warnings
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, xlogy
from sklearn.exceptions import ConvergenceWarning

import deltarule as dr
from deltarule.estimators.losses import Scaled, loss_of, minimised
from support import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3))
Y = X @ RNG.normal(size=(3, 2))


def quiet(model: Any, y: Any, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **arguments)


def one_step(model: Any, y: Any) -> tuple[Any, Array]:
    """A model after one step of gradient descent over all examples, and the step's gradient."""
    given = {"solver": "sgd", "momentum": 0.0, "batch_size": len(X), "max_iter": 1, "alpha": 0.0}
    rate = 1e-6
    model.set_params(hidden_layer_sizes=(), random_state=0, **given)
    before = quiet(model.set_params(learning_rate_init=1e-300), y).network_.parameters.copy()
    after = quiet(model.set_params(learning_rate_init=rate), y).network_.parameters
    return model, (before - after) / rate


LOSSES: dict[str, Any] = {
    "squared_error": lambda A, Y: (0.5 * (A - Y) ** 2, A - Y),
    "absolute_error": lambda A, Y: (np.abs(A - Y), np.sign(A - Y)),
    "huber": lambda A, Y: (
        np.where(np.abs(A - Y) > 1, np.abs(A - Y) - 0.5, 0.5 * (A - Y) ** 2),
        np.clip(A - Y, -1, 1),
    ),
    "log_cosh": lambda A, Y: (np.log(np.cosh(A - Y)), np.tanh(A - Y)),
}


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("y", [Y[:, :1].ravel(), Y], ids=["one target", "two targets"])
def test_the_mean_is_reported_and_the_sum_gone_down(loss: str, y: Array) -> None:
    model, gradient = one_step(dr.MLPRegressor(loss=loss), y)
    values, dZ = LOSSES[loss](X @ model.coefs_[0] + model.intercepts_[0], y.reshape(60, -1))
    assert model.loss_ == pytest.approx(values.mean(), rel=1e-4)
    part = model.network_.unflatten(gradient)[0]
    np.testing.assert_allclose(part.W.T, X.T @ dZ / 60, atol=1e-4)
    np.testing.assert_allclose(part.b[:, 0], dZ.mean(axis=0), atol=1e-4)


def test_the_sum_over_labels_is_reported_and_gone_down() -> None:
    y = (Y > 0).astype(int)
    model, gradient = one_step(dr.MLPClassifier(), y)
    P = expit(X @ model.coefs_[0] + model.intercepts_[0])
    losses = -(xlogy(y, P) + xlogy(1 - y, 1 - P)).sum(axis=1)
    assert model.loss_ == pytest.approx(losses.mean(), rel=1e-4)
    np.testing.assert_allclose(
        model.network_.unflatten(gradient)[0].W.T, X.T @ (P - y) / 60, atol=1e-4
    )


@pytest.mark.parametrize("y", [Y[:, 0] > 0, (Y > 0).astype(int), np.digitize(Y[:, 0], [-1, 1])])
def test_focal_loss_without_focus_is_the_log_loss(y: Array) -> None:
    parameters = {"hidden_layer_sizes": 4, "max_iter": 30, "random_state": 0}
    parameters["learning_rate_init"] = 0.01
    usual = quiet(dr.MLPClassifier(**parameters), y)
    focal = quiet(dr.MLPClassifier(loss="focal", **parameters), y)
    assert not np.allclose(focal.coefs_[0], usual.coefs_[0], atol=1e-8)
    if y.ndim == 1:
        plain = quiet(dr.MLPClassifier(loss=dr.Focal(gamma=0.0), **parameters), y)
        np.testing.assert_allclose(plain.coefs_[0], usual.coefs_[0], atol=1e-9)


@pytest.mark.parametrize("y", [Y[:, 0] > 0, np.digitize(Y[:, 0], [-1, 1])])
@pytest.mark.parametrize("kind", [dr.BinaryCrossEntropy, dr.CategoricalCrossEntropy])
def test_label_smoothing_keeps_probabilities_from_the_ends(kind: Any, y: Array) -> None:
    given = {"hidden_layer_sizes": 10, "solver": "lbfgs", "max_iter": 80, "random_state": 0}
    sure = quiet(dr.MLPClassifier(alpha=0.0, **given), y).predict_proba(X).max()
    smooth = quiet(dr.MLPClassifier(loss=kind(label_smoothing=0.2), alpha=0.0, **given), y)
    assert smooth.predict_proba(X).max() < 0.98 < sure


def test_several_quantiles_at_once() -> None:
    levels = [0.1, 0.5, 0.9]
    noise = np.random.default_rng(1).normal(size=60)
    model = dr.MLPRegressor(
        dr.Quantile(levels), (), solver="adam", learning_rate_init=0.02, max_iter=400, alpha=0.0
    )
    A = quiet(model, noise).predict(X)
    assert A.shape == (60, 3)
    shares = (noise[:, np.newaxis] <= A).mean(axis=0)
    np.testing.assert_allclose(shares, levels, atol=0.1)


def test_a_loss_of_ones_own() -> None:
    def fourth_power(A: Array, Y: Array) -> tuple[Array, Array]:
        return ((A - Y) ** 4).sum(axis=1), 4 * (A - Y) ** 3

    model, gradient = one_step(dr.MLPRegressor(loss=fourth_power), Y)
    D = X @ model.coefs_[0] + model.intercepts_[0] - Y
    assert model.loss_ == pytest.approx((D**4).sum(axis=1).mean(), rel=1e-3)
    np.testing.assert_allclose(
        model.network_.unflatten(gradient)[0].b[:, 0], (4 * D**3).mean(axis=0), rtol=1e-3
    )


def test_a_loss_of_ones_own_over_classes_sees_one_hot_rows() -> None:
    seen = []

    def brier(A: Array, Y: Array) -> tuple[Array, Array]:
        seen.append(Y)
        return ((A - Y) ** 2).sum(axis=1), 2 * (A - Y)

    y = np.digitize(Y[:, 0], [-1, 1])
    model = dr.MLPClassifier(loss=brier, learning_rate_init=0.05, max_iter=60, random_state=0)
    assert quiet(model, y).score(X, y) > 0.8
    assert {tuple(row) for row in seen[0].tolist()} <= {tuple(row) for row in np.eye(3).tolist()}


def test_a_poisson_loss_takes_nothing_negative() -> None:
    with pytest.raises(ValueError, match=r"y has -1\.0: expected 0 or more"):
        dr.MLPRegressor(loss="poisson").fit(X, np.where(np.arange(60) == 7, -1.0, 1.0))


def test_an_object_keeps_the_packages_mean_over_the_outputs() -> None:
    loss = dr.Huber(2.0)
    assert loss_of(loss, "identity", 3, "fit") is loss
    assert minimised(loss) is loss
    scaled = loss_of("squared_error", "identity", 3, "fit")
    assert scaled == Scaled(dr.MeanSquaredError(), 0.5, 1.5)
    assert minimised(scaled) == Scaled(dr.MeanSquaredError(), 1.5, 1.5)
