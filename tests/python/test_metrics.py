"""Metrics: by hand, with weights, and against scikit-learn."""

import numpy as np
import pytest

import deltarule as dr
from deltarule.metrics import METRICS, default_metrics
from support import data, network, nothing_written

PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
LABELS = np.array([1, 1, 2, 0])  # right, wrong, right, wrong
WEIGHTS = np.array([1.0, 2.0, 3.0, 0.0])


@pytest.mark.parametrize("y", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_accuracy_of_classes(y: np.ndarray) -> None:
    accuracy = METRICS["accuracy"]
    assert accuracy(PROBABILITIES, y, None) == 2 / 4
    assert accuracy(PROBABILITIES, y, WEIGHTS) == pytest.approx((1 + 3) / 6)


def test_accuracy_of_one_output() -> None:
    A, y = np.array([[0.9], [0.2], [0.6], [0.4]]), np.array([[1.0], [0.0], [0.0], [1.0]])
    assert METRICS["accuracy"](A, y, None) == 2 / 4
    assert METRICS["accuracy"](A, y, WEIGHTS) == pytest.approx((1 + 2) / 6)


def test_binary_accuracy_counts_outputs() -> None:
    A, y = np.array([[0.9, 0.2], [0.6, 0.4]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    assert METRICS["binary_accuracy"](A, y, None) == 3 / 4
    assert METRICS["binary_accuracy"](A, y, np.array([3.0, 1.0])) == pytest.approx((1.5 + 1) / 4)


def test_mean_absolute_error() -> None:
    A, y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 4.0], [0.0, -1.0]])
    assert METRICS["mean_absolute_error"](A, y, None) == pytest.approx(3 / 4)
    assert METRICS["mean_absolute_error"](A, y, np.array([3.0, 1.0])) == pytest.approx(4.5 / 4)


def test_as_scikit_learn_counts() -> None:
    judge = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    A, weights = rng.uniform(size=(200, 4)), rng.uniform(size=200)
    labels = rng.integers(4, size=200)
    assert METRICS["accuracy"](A, labels, weights) == pytest.approx(
        judge.accuracy_score(labels, A.argmax(axis=1), sample_weight=weights)
    )
    y = rng.uniform(size=A.shape)
    assert METRICS["mean_absolute_error"](A, y, weights) == pytest.approx(
        judge.mean_absolute_error(y, A, sample_weight=weights)
    )


def test_what_a_loss_is_judged_by() -> None:
    assert default_metrics(dr.CategoricalCrossEntropy(), 10) == ("accuracy",)
    assert default_metrics(dr.BinaryCrossEntropy(), 1) == ("accuracy",)
    assert default_metrics(dr.BinaryCrossEntropy(), 3) == ("binary_accuracy",)
    assert default_metrics(dr.MeanSquaredError(), 1) == ()


def test_unknown_metric() -> None:
    net = network([4, 3], "softmax")
    X, y = data(5, [4, 3], "categorical_cross_entropy")
    with (
        nothing_written(net),
        pytest.raises(ValueError, match=r"'f1' is unknown: expected .*accur"),
    ):
        net.fit(X, y, metrics=["f1"])


@pytest.mark.parametrize("m", [3, 5])
@pytest.mark.parametrize("metric", ["binary_accuracy", "mean_absolute_error"])
def test_class_labels_count_as_rows_of_0_and_1_or_are_refused(metric: str, m: int) -> None:
    net = network([4, 3], "softmax")
    X, one_hot = data(m, [4, 3], "categorical_cross_entropy")
    expected = net.evaluate(X, one_hot, metrics=[metric])[metric]
    refusal, judged = "", None
    with nothing_written(net):
        try:
            judged = net.evaluate(X, one_hot.argmax(axis=1), metrics=[metric])[metric]
        except ValueError as error:
            refusal = str(error)
    assert metric in refusal or judged == pytest.approx(expected)


def test_metrics_are_plain_floats() -> None:
    net = network([4, 3], "softmax")
    X, y = data(5, [4, 3], "categorical_cross_entropy")
    results = net.evaluate(X, y, metrics=["accuracy", "mean_absolute_error"])
    assert list(results) == ["loss", "accuracy", "mean_absolute_error"]
    assert all(type(value) is float for value in results.values())
