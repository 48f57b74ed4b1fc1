"""The classes of examples, and what each class weighs in a fit."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import Array, assert_same_bits, data, network

FORMS = ["labels", "one-hot", "binary"]


def problem(form: str, m: int = 60, seed: int = 0) -> tuple[dr.Network, Array, Array, Array]:
    """A network, X, y in some form, and the classes; one of them is rare."""
    rng = np.random.default_rng(seed)
    n = 2 if form == "binary" else 3
    X, classes = (
        rng.normal(size=(m, 4)),
        rng.choice(n, m, p=[0.8, 0.2] if n == 2 else [0.7, 0.2, 0.1]),
    )
    y = {"labels": classes, "one-hot": np.eye(n)[classes], "binary": classes[:, np.newaxis]}[form]
    if form == "binary":
        return network([4, 6, 1], ["tanh", "sigmoid"]), X, y, classes
    return network([4, 6, 3], ["tanh", "softmax"]), X, y, classes


@pytest.mark.parametrize("optimizer", ["adam", "lbfgs"])
@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_a_class_weighs_as_its_examples_do(form: str, own: bool, optimizer: str) -> None:
    net, X, y, classes = problem(form)
    other = problem(form)[0]
    weights = np.array([0.5, 2.0, 1.0])[classes]
    given = np.random.default_rng(1).uniform(size=60) if own else None
    options: dict[str, Any] = {"epochs": 3, "batch_size": 16, "optimizer": optimizer}
    net.fit(X, y, class_weight={0: 0.5, np.int64(1): 2}, sample_weight=given, **options)
    other.fit(X, y, sample_weight=weights if given is None else weights * given, **options)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-5, atol=1e-6)
    assert net.history["loss"] == pytest.approx(other.history["loss"], rel=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_balanced_is_scikit_learn_s(form: str) -> None:
    sklearn = pytest.importorskip("sklearn.utils.class_weight")
    net, X, y, classes = problem(form)
    balanced = sklearn.compute_sample_weight("balanced", classes)
    other = problem(form)[0]
    net.fit(X, y, epochs=3, class_weight="balanced")
    other.fit(X, y, epochs=3, sample_weight=balanced)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-5, atol=1e-6)


def test_balanced_makes_every_class_weigh_the_same() -> None:
    """Beside weights of one's own, which count in the classes' totals."""
    net, X, y, classes = problem("labels")
    own = np.random.default_rng(2).uniform(size=60)
    both = own / np.bincount(classes, own)[classes]
    other = problem("labels")[0]
    net.fit(X, y, epochs=3, class_weight="balanced", sample_weight=own)
    other.fit(X, y, epochs=3, sample_weight=both)
    np.testing.assert_allclose(net.parameters, other.parameters, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_validation_loss_is_weighted_by_class_and_metrics_are_not(form: str) -> None:
    """By the classes' weights in the training, whatever the validation data are."""
    net, X, y, classes = problem(form)
    _, X_val, y_val, classes_val = problem(form, 40, seed=5)
    counts = np.bincount(classes)
    own = np.random.default_rng(3).uniform(size=40)
    weights = (1 / counts)[classes_val] * own
    options: dict[str, Any] = {"validation_data": (X_val, y_val, own), "metrics": ["accuracy"]}
    history = net.fit(X, y, class_weight="balanced", **options)
    expected = net.evaluate(X_val, y_val, sample_weight=weights)["loss"]
    assert history["val_loss"] == pytest.approx([expected], rel=1e-6)
    by_own = net.evaluate(X_val, y_val, sample_weight=own)["accuracy"]
    assert history["val_accuracy"] == pytest.approx([by_own])
    assert history["accuracy"] == pytest.approx([net.evaluate(X, y)["accuracy"]])


def test_weights_of_any_size() -> None:
    """Their ratios alone count."""
    small, X, y, _ = problem("labels")
    large = problem("labels")[0]
    small.fit(X, y, class_weight={0: 1.0, 1: 3.0, 2: 4.0})
    large.fit(X, y, class_weight={0: 2.0**1020, 1: 3.0 * 2.0**1020, 2: 2.0**1022})
    assert_same_bits(large.parameters, small.parameters)


@pytest.mark.parametrize(
    ("class_weight", "error", "message"),
    [
        ("fair", ValueError, "fit: class_weight is 'fair': expected 'balanced', or a dict from"),
        ([1, 2, 3], TypeError, r"class_weight is \[1, 2, 3\]: expected 'balanced', or a dict"),
        ({3: 1.0}, ValueError, "class_weight has the class 3: expected labels from 0 to 2"),
        ({"a": 1.0}, ValueError, "class_weight has the class 'a': expected labels from 0 to 2"),
        ({1: -1.0}, ValueError, r"class_weight\[1\] is -1.0: expected 0 or more"),
        ({1: "2"}, TypeError, r"class_weight\[1\] is '2': expected a number"),
        ({0: 0, 1: 0, 2: 0}, ValueError, "every example weighs 0, by class_weight"),
    ],
)
def test_refused(class_weight: Any, error: type[Exception], message: str) -> None:
    net, X, y, _ = problem("labels")
    with pytest.raises(error, match=message):
        net.fit(X, y, class_weight=class_weight)


def test_targets_that_are_no_classes() -> None:
    with pytest.raises(ValueError, match="class_weight is given but y does not hold classes"):
        network([4, 3]).fit(*data(9, [4, 3]), class_weight="balanced")
    net, X, y, _ = problem("one-hot")
    soft = np.full((9, 3), 1 / 3)
    with pytest.raises(ValueError, match="fit: validation data: class_weight is given but y does"):
        net.fit(X, y, class_weight="balanced", validation_data=(X[:9], soft))
