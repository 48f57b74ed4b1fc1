"""Metrics: by hand, with weights, and against scikit-learn."""

import functools
import tracemalloc
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule.metrics import METRIC_ALIASES, METRICS, TopK, as_metrics, default_metrics
from support import Array, data, network, nothing_written

PROBABILITIES = np.array([[0.1, 0.7, 0.2], [0.5, 0.3, 0.2], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
LABELS = np.array([1, 1, 2, 0])  # right, wrong, right, wrong
WEIGHTS = np.array([1.0, 2.0, 3.0, 0.0])
NAN = pytest.approx(np.nan, nan_ok=True)


# As fit and evaluate have them where the loss is over classes.
OF_CLASSES = as_metrics(list(METRICS), "fit", multilabel=False)


# By hand --------------------------------------------------------------------------------------


@pytest.mark.parametrize("y", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_accuracy_of_classes(y: Array) -> None:
    accuracy = OF_CLASSES["accuracy"]
    assert accuracy(y, PROBABILITIES, None) == 2 / 4
    assert accuracy(y, PROBABILITIES, WEIGHTS) == pytest.approx((1 + 3) / 6)


def test_accuracy_of_one_output() -> None:
    A, y = np.array([[0.9], [0.2], [0.6], [0.4]]), np.array([[1.0], [0.0], [0.0], [1.0]])
    assert METRICS["accuracy"](y, A, None) == 2 / 4
    assert METRICS["accuracy"](y, A, WEIGHTS) == pytest.approx((1 + 2) / 6)


def test_accuracy_of_several_labels_wants_them_all() -> None:
    A = np.array([[0.9, 0.2], [0.6, 0.7], [0.2, 0.4], [0.9, 0.4]])
    y = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    assert METRICS["accuracy"](y, A, None) == 1 / 4
    assert METRICS["accuracy"](y, A, np.array([3.0, 1.0, 1.0, 1.0])) == 3 / 6


def test_binary_accuracy_counts_outputs() -> None:
    A, y = np.array([[0.9, 0.2], [0.6, 0.4]]), np.array([[1.0, 1.0], [1.0, 0.0]])
    assert METRICS["binary_accuracy"](y, A, None) == 3 / 4
    assert METRICS["binary_accuracy"](y, A, np.array([3.0, 1.0])) == pytest.approx((1.5 + 1) / 4)


@pytest.mark.parametrize("y", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_top_k(y: Array) -> None:
    """The ranks of the right classes: 1, 2, 1, and 3 of two equals, of which the last leads."""
    top = [functools.partial(TopK(k), y, PROBABILITIES, multilabel=False) for k in range(1, 10)]
    assert top[0]() == 2 / 4
    assert top[1]() == 3 / 4
    assert top[1](WEIGHTS) == 1
    assert top[0](WEIGHTS) == pytest.approx((1 + 3) / 6)
    assert top[2]() == top[8]() == 1
    assert OF_CLASSES["top_2_accuracy"](y, PROBABILITIES, None) == 3 / 4


@pytest.mark.parametrize("y", [LABELS, np.eye(3)[LABELS]], ids=["labels", "one-hot"])
def test_precision_recall_and_f1_of_classes(y: Array) -> None:
    """Predicted 1, 0, 2, 1 where 1, 1, 2, 0 are right."""
    precision, recall, f1 = (OF_CLASSES[name] for name in ("precision", "recall", "f1"))
    assert precision(y, PROBABILITIES, None) == pytest.approx((0 + 1 / 2 + 1) / 3)
    assert recall(y, PROBABILITIES, None) == pytest.approx((0 + 1 / 2 + 1) / 3)
    assert f1(y, PROBABILITIES, WEIGHTS) == pytest.approx((0 + 2 * 1 / (1 + 3) + 1) / 3)


def test_precision_recall_and_f1_of_one_output() -> None:
    A = np.array([[0.9], [0.8], [0.6], [0.4], [0.1]])
    y = np.array([[1.0], [1.0], [0.0], [1.0], [0.0]])
    assert METRICS["precision"](y, A, None) == pytest.approx(2 / 3)
    assert METRICS["recall"](y, A, np.array([1, 1, 1, 2, 1.0])) == pytest.approx(2 / 4)
    assert METRICS["f1"](y, A, None) == pytest.approx(2 / 3)
    nothing = np.zeros_like(A)
    assert [METRICS[name](y, nothing, None) for name in ("precision", "recall", "f1")] == [0, 0, 0]


def test_two_classes_are_judged_by_class_1() -> None:
    A = np.array([[0.2, 0.8], [0.4, 0.6], [0.9, 0.1]])
    y = np.array([1, 0, 1])
    one = A[:, 1:], y[:, np.newaxis].astype(float)
    for name in ("precision", "recall", "f1", "roc_auc", "log_loss", "accuracy"):
        assert METRICS[name](y, A, None) == pytest.approx(METRICS[name](one[1], one[0], None))


def test_roc_auc_counts_pairs() -> None:
    A = np.array([[0.9], [0.5], [0.5], [0.3], [0.1]])
    y = np.array([[1.0], [1.0], [0.0], [1.0], [0.0]])
    assert METRICS["roc_auc"](y, A, None) == pytest.approx((2 + 1.5 + 1) / 6)
    weights = np.array([1.0, 2.0, 3.0, 0.0, 1.0])
    assert METRICS["roc_auc"](y, A, weights) == pytest.approx((1 * 4 + 2 * (1.5 + 1)) / (3 * 4))


def test_log_loss() -> None:
    expected = -np.log([0.7, 0.3, 0.6, 0.3])
    assert METRICS["log_loss"](LABELS, PROBABILITIES, None) == pytest.approx(expected.mean())
    weighted = expected @ WEIGHTS / 6
    assert METRICS["log_loss"](LABELS, PROBABILITIES, WEIGHTS) == pytest.approx(weighted)
    soft = np.array([[0.5, 0.5, 0.0]])
    expected = -(np.log(0.1) + np.log(0.7)) / 2
    assert OF_CLASSES["log_loss"](soft, PROBABILITIES[:1], None) == pytest.approx(expected)
    certain = np.array([[1.0, 0.0]], np.float32)
    least = np.finfo(np.float32).eps
    assert METRICS["log_loss"](np.array([1]), certain, None) == pytest.approx(-np.log(least))


def test_distances() -> None:
    A, y = np.array([[1.0, 2.0], [0.0, -1.0]]), np.array([[0.0, 4.0], [0.0, -1.0]])
    weights = np.array([3.0, 1.0])
    assert METRICS["mean_absolute_error"](y, A, None) == pytest.approx(3 / 4)
    assert METRICS["mean_absolute_error"](y, A, weights) == pytest.approx(4.5 / 4)
    assert METRICS["mean_squared_error"](y, A, None) == pytest.approx(5 / 4)
    assert METRICS["mean_squared_error"](y, A, weights) == pytest.approx(3 * 5 / 2 / 4)
    root = METRICS["root_mean_squared_error"](y, A, None)
    assert root == pytest.approx((np.sqrt(1 / 2) + np.sqrt(4 / 2)) / 2)


def test_r2() -> None:
    y, A = np.array([[1.0], [2.0], [6.0]]), np.array([[1.0], [3.0], [5.0]])
    assert METRICS["r2"](y, A, None) == pytest.approx(1 - 2 / 14)
    assert METRICS["r2"](y, A, np.array([1.0, 1.0, 0.0])) == pytest.approx(1 - 1 / 0.5)
    same = np.full((1000, 1), 0.1)
    assert METRICS["r2"](same, same, None) == 1
    assert METRICS["r2"](same, same + 1, None) == 0
    assert METRICS["r2"](same, same + 1, np.linspace(0, 1, 1000)) == 0


# As scikit-learn ------------------------------------------------------------------------------

Case = tuple[int, int, Any]
COUNTS = st.tuples(st.integers(2, 40), st.integers(2, 6), st.integers(0, 10**6))


def judge() -> Any:
    return pytest.importorskip("sklearn.metrics")


def case(m: int, n: int, seed: int) -> tuple[Array, Array, Array | None]:
    """Labels, of which some may be missing; scores with ties; weights, some 0, or none."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(rng.choice(n, size=rng.integers(1, n + 1)), size=m)
    A = rng.integers(1, 5, size=(m, n)).astype(float)
    weights = None if seed % 3 == 0 else rng.integers(0, 4, size=m).astype(float)
    return labels, A, weights if weights is None or weights.any() else None


def scores_of(call: Callable[[], Any]) -> float:
    """What scikit-learn says; it warns where something is not defined.

    Its checks of arguments, which are right here, would take most of the time.
    """
    import sklearn

    quick = sklearn.config_context(assume_finite=True, skip_parameter_validation=True)
    with warnings.catch_warnings(), quick:
        warnings.simplefilter("ignore")
        return float(call())


def assert_agrees(name: str, ours: tuple[Array, Array, Array | None], theirs: Any) -> None:
    actual = METRICS[name](*ours)
    assert actual == pytest.approx(scores_of(theirs), rel=1e-9, abs=1e-12, nan_ok=True)


@settings(max_examples=150, deadline=None)
@given(COUNTS)
def test_classes_as_scikit_learn_counts(counts: Case) -> None:
    metrics, (m, n, seed) = judge(), counts
    labels, A, w = case(m, n, seed)
    predicted = A.argmax(axis=1)
    assert_agrees(
        "accuracy",
        (labels, A, w),
        lambda: metrics.accuracy_score(labels, predicted, sample_weight=w),
    )
    average = "binary" if n == 2 else "macro"
    A = A / A.sum(axis=1, keepdims=True)
    expected = {
        name: scores_of(
            functools.partial(
                score, labels, predicted, average=average, sample_weight=w, zero_division=0
            )
        )
        for name, score in (
            ("precision", metrics.precision_score),
            ("recall", metrics.recall_score),
            ("f1", metrics.f1_score),
        )
    }
    expected["log_loss"] = scores_of(
        lambda: metrics.log_loss(labels, A, labels=range(n), sample_weight=w)
    )
    of_top = {
        k: scores_of(
            lambda k=k: metrics.top_k_accuracy_score(
                labels, A, k=k, labels=range(n), sample_weight=w
            )
        )
        for k in ((1, 2, 3, 5) if n > 2 else ())
    }
    for y in (labels, np.eye(n)[labels]):
        for name, score in expected.items():
            actual = OF_CLASSES[name](y, A, w)
            assert actual == pytest.approx(score, rel=1e-9, abs=1e-12, nan_ok=True)
        for k, score in of_top.items():
            assert TopK(k)(y, A, w, multilabel=False) == pytest.approx(score)


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.sampled_from(["micro", "weighted"]))
def test_other_averages_as_scikit_learn_makes_them(counts: Case, average: Any) -> None:
    metrics, (m, n, seed) = judge(), counts
    labels, A, w = case(m, n + 1, seed)  # two classes are always judged by class 1
    predicted = A.argmax(axis=1)
    arguments = {"average": average, "sample_weight": w, "zero_division": 0}
    for ours, theirs in (
        (dr.metrics.precision, metrics.precision_score),
        (dr.metrics.recall, metrics.recall_score),
        (dr.metrics.f1, metrics.f1_score),
    ):
        actual = ours(labels, A, w, average=average)
        expected = scores_of(lambda theirs=theirs: theirs(labels, predicted, **arguments))
        assert actual == pytest.approx(expected, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(COUNTS)
def test_one_output_as_scikit_learn_counts(counts: Case) -> None:
    metrics, (m, _, seed) = judge(), counts
    labels, A, w = case(m, 2, seed)
    score = A[:, :1] / 5
    y = labels[:, np.newaxis].astype(float)
    predicted = score[:, 0] > 0.5
    for name, function in (
        ("accuracy", metrics.accuracy_score),
        ("precision", functools.partial(metrics.precision_score, zero_division=0)),
        ("recall", functools.partial(metrics.recall_score, zero_division=0)),
        ("f1", functools.partial(metrics.f1_score, zero_division=0)),
    ):
        theirs = functools.partial(function, labels, predicted, sample_weight=w)
        assert_agrees(name, (y, score, w), theirs)
    assert_agrees(
        "roc_auc",
        (y, score, w),
        lambda: metrics.roc_auc_score(labels, score[:, 0], sample_weight=w),
    )
    assert_agrees(
        "log_loss",
        (y, score, w),
        lambda: metrics.log_loss(labels, score[:, 0], labels=[0, 1], sample_weight=w),
    )


@settings(max_examples=100, deadline=None)
@given(COUNTS)
def test_areas_of_classes_as_scikit_learn_measures_them(counts: Case) -> None:
    metrics, (m, n, seed) = judge(), counts
    labels, A, w = case(m, n + 1, seed)
    A = A / A.sum(axis=1, keepdims=True)
    columns = [
        scores_of(lambda c=c: metrics.roc_auc_score(labels == c, A[:, c], sample_weight=w))
        for c in range(n + 1)
    ]
    for y in (labels, np.eye(n + 1)[labels]):
        actual = OF_CLASSES["roc_auc"](y, A, w)
        assert actual == pytest.approx(np.mean(columns), nan_ok=True)
        if len(np.unique(labels)) == n + 1:
            assert_agrees(
                "roc_auc",
                (y, A, w),
                lambda: metrics.roc_auc_score(labels, A, multi_class="ovr", sample_weight=w),
            )


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.booleans())
def test_several_labels_as_scikit_learn_counts(counts: Case, sum_to_1: bool) -> None:
    """Also where every row of A sums to 1, as a softmax's does, and every row of Y."""
    metrics, (m, n, seed) = judge(), counts
    labels, A, w = case(m, n, seed)
    Y = np.random.default_rng(seed).integers(0, 2, size=A.shape)
    A /= 6
    if sum_to_1:
        Y, A = np.eye(n, dtype=int)[labels], A / A.sum(axis=1, keepdims=True)
    assert_agrees(
        "accuracy", (Y, A, w), lambda: metrics.accuracy_score(Y, A > 0.5, sample_weight=w)
    )
    assert TopK(2)(Y, A, w) == NAN
    for name, score in (
        ("precision", metrics.precision_score),
        ("recall", metrics.recall_score),
        ("f1", metrics.f1_score),
    ):
        theirs = functools.partial(
            score, Y, A > 0.5, average="macro", sample_weight=w, zero_division=0
        )
        assert_agrees(name, (Y, A, w), theirs)
    assert_agrees(
        "roc_auc", (Y, A, w), lambda: metrics.roc_auc_score(Y, A, average="macro", sample_weight=w)
    )
    columns = [
        scores_of(lambda c=c: metrics.log_loss(Y[:, c], A[:, c], labels=[0, 1], sample_weight=w))
        for c in range(n)
    ]
    assert METRICS["log_loss"](Y.astype("u1"), A, w) == pytest.approx(np.mean(columns))


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.sampled_from(["f4", "f8"]))
def test_distances_as_scikit_learn_measures_them(counts: Case, dtype: str) -> None:
    metrics, (m, n, seed) = judge(), counts
    _, A, w = case(m, n, seed)
    y = np.random.default_rng(seed).integers(1, 4, size=A.shape)
    y[:, 0] = 3  # one output whose targets are all the same
    A = A.astype(dtype)
    for name, score in (
        ("mean_squared_error", metrics.mean_squared_error),
        ("root_mean_squared_error", metrics.root_mean_squared_error),
        ("mean_absolute_error", metrics.mean_absolute_error),
        ("r2", metrics.r2_score),
    ):
        theirs = functools.partial(score, y, A.astype(float), sample_weight=w)
        assert_agrees(name, (y, A, w), theirs)


# What the loss says ---------------------------------------------------------------------------

# scikit-learn's own, of rows of 0 and 1 with several labels and of classes.
JUDGES: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "accuracy": (
        lambda m, Y, A, w: m.accuracy_score(Y, A > 0.5, sample_weight=w),
        lambda m, y, A, w: m.accuracy_score(y, A.argmax(axis=1), sample_weight=w),
    ),
    "precision": (
        lambda m, Y, A, w: m.precision_score(Y, A > 0.5, average="macro", sample_weight=w),
        lambda m, y, A, w: m.precision_score(y, A.argmax(axis=1), average="macro", sample_weight=w),
    ),
    "recall": (
        lambda m, Y, A, w: m.recall_score(Y, A > 0.5, average="macro", sample_weight=w),
        lambda m, y, A, w: m.recall_score(y, A.argmax(axis=1), average="macro", sample_weight=w),
    ),
    "f1": (
        lambda m, Y, A, w: m.f1_score(Y, A > 0.5, average="macro", sample_weight=w),
        lambda m, y, A, w: m.f1_score(y, A.argmax(axis=1), average="macro", sample_weight=w),
    ),
    "roc_auc": (
        lambda m, Y, A, w: m.roc_auc_score(Y, A, average="macro", sample_weight=w),
        lambda m, y, A, w: m.roc_auc_score(y, A, multi_class="ovr", sample_weight=w),
    ),
    "log_loss": (
        lambda m, Y, A, w: np.mean(
            [m.log_loss(Y[:, c], A[:, c], sample_weight=w) for c in range(Y.shape[1])]
        ),
        lambda m, y, A, w: m.log_loss(y, A, sample_weight=w),
    ),
}


# An output, a loss, and whether it has several labels an example.
SAID = [
    ("sigmoid", None, True),
    ("sigmoid", "focal", True),
    ("softmax", "binary_cross_entropy", True),
    ("sigmoid", "mean_squared_error", True),
    ("identity", "mean_squared_error", True),
    ("softmax", None, False),
    ("softmax", "focal", False),
    ("softmax", "mean_squared_error", False),
]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    ("output", "loss", "of_labels", "metric"),
    [
        (*said, metric)
        for said in SAID
        for metric in JUDGES
        if said[0] != "identity" or metric != "log_loss"  # numbers that are no probabilities
    ],
)
def test_the_loss_says_what_rows_are(
    output: str, loss: Any, of_labels: bool, metric: str, weighted: bool
) -> None:
    """One-hot rows and outputs that sum to 1 count as labels all the same, if it says so."""
    net = network([4, 3], output, "float64")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 4)), np.arange(40) % 3
    w = rng.uniform(0.5, 2, size=40) if weighted else None
    one_hot = np.eye(3)[y]
    A = net.predict(X)
    theirs = JUDGES[metric][0 if of_labels else 1]
    expected = scores_of(lambda: theirs(judge(), one_hot if of_labels else y, A, w))
    found = net.evaluate(X, one_hot, loss=loss, metrics=[metric], sample_weight=w)[metric]
    assert found == pytest.approx(expected, rel=1e-12)
    by_hand = METRICS[metric](one_hot if of_labels else y, A, w)
    assert by_hand == pytest.approx(expected, rel=1e-12)


def test_sigmoids_that_sum_to_1_are_no_softmax() -> None:
    net = dr.Network([dr.Dense(2, "sigmoid")], input_size=1, dtype="float64")
    net.layers[0].W, net.layers[0].b = [[1.0], [-1.0]], [[0.0], [0.0]]
    X, y = np.linspace(-2, 2, 8)[:, np.newaxis], np.array([[1, 1], [0, 0], [1, 0], [0, 1]] * 2)
    A = net.predict(X)
    np.testing.assert_allclose(A.sum(axis=1), 1, rtol=1e-15)
    found = net.evaluate(X, y, metrics=list(JUDGES))
    for name, (theirs, _) in JUDGES.items():
        expected = scores_of(lambda theirs=theirs: theirs(judge(), y, A, None))
        assert found[name] == pytest.approx(expected, rel=1e-12), name
    assert found["accuracy"] < found["precision"] < 1


def test_a_function_that_asks_is_told_what_rows_are() -> None:
    def told(y: Array, A: Array, *, multilabel: bool) -> float:
        return float(multilabel)

    X, y = data(6, [4, 3], "categorical_cross_entropy")
    for output, expected in (("sigmoid", 1), ("softmax", 0)):
        assert network([4, 3], output).evaluate(X, y, metrics=[told])["told"] == expected
    micro = functools.partial(dr.metrics.f1, average="micro")
    net = network([4, 3], "softmax")
    found = net.evaluate(X, y, metrics=[("micro", micro), "accuracy"])
    assert found["micro"] == pytest.approx(found["accuracy"])


# By hand, without a loss ----------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in METRICS if not name.startswith("top")])
def test_one_output_may_be_flat(name: str) -> None:
    A, y = np.array([[0.9], [0.2], [0.6], [0.4], [0.7]]), np.array([[1], [0], [0], [1], [1]])
    expected = METRICS[name](y, A, None)
    assert np.isfinite(expected)
    assert METRICS[name](y[:, 0], A, None) == expected
    assert METRICS[name](y[:, 0], A[:, 0], None) == expected
    assert METRICS[name](y.tolist(), A.tolist(), None) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("y", "A", "w", "error", "message"),
    [
        (LABELS[:3], PROBABILITIES, None, ValueError, r"y has shape \(3,\) and A \(4, 3\): exp"),
        (LABELS[:, np.newaxis], PROBABILITIES, None, ValueError, r"y has shape \(4, 1\) and A"),
        (
            LABELS + 1,
            PROBABILITIES,
            None,
            ValueError,
            "y has labels from 1 to 3: expected 0 to 2, as A",
        ),
        (LABELS - 1, PROBABILITIES, None, ValueError, "y has labels from -1 to 1: expected 0 to 2"),
        (LABELS / 2, PROBABILITIES, None, TypeError, r"y is float64 of shape \(4,\): expected int"),
        (LABELS, PROBABILITIES, np.ones(3), ValueError, r"sample_weight has shape \(3,\): exp"),
    ],
)
def test_what_does_not_go_together(
    name: str, y: Array, A: Array, w: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^metrics: {message}"):
        METRICS[name](y, A, w)


# What is not defined --------------------------------------------------------------------------


def test_what_is_not_defined_is_nan() -> None:
    one = np.array([[0.5], [0.25]])
    for name, y, A, w in (
        ("roc_auc", np.array([[1.0], [1.0]]), one, None),
        ("roc_auc", np.array([[0.0], [1.0]]), one, np.array([0.0, 1.0])),
        ("roc_auc", np.array([0, 0, 1, 1]), PROBABILITIES, None),
        ("r2", one[:1], one[:1], None),
        ("top_2_accuracy", np.array([[1.0], [0.0]]), one, None),
        *((name, LABELS[:0], PROBABILITIES[:0], None) for name in METRICS),
        *((name, LABELS, PROBABILITIES, np.zeros(4)) for name in METRICS if "_" in name),
    ):
        assert METRICS[name](y, A, w) == NAN, name


def test_a_metric_that_is_nan_is_recorded() -> None:
    net = network([4, 3], "softmax")
    X = data(6, [4, 3])[0]
    history = net.fit(X, [0, 0, 1, 1, 0, 1], epochs=2, metrics=["roc_auc", "accuracy"])
    assert history["roc_auc"] == [NAN, NAN]
    assert all(np.isfinite(history["accuracy"]))


def test_labels_make_nothing_as_large_as_the_outputs() -> None:
    m, n = 2000, 1000
    rng = np.random.default_rng(0)
    A = rng.uniform(size=(m, n)).astype(np.float32)
    labels, weights = rng.integers(n, size=m), np.ones(m)
    for name, metric in METRICS.items():
        metric(labels[:10], A[:10], None)
        tracemalloc.start()
        metric(labels, A, weights)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < m * n, name  # one byte each; blocks of rows take the same for any m


# What fit and evaluate take -------------------------------------------------------------------


def test_what_a_loss_is_judged_by() -> None:
    assert default_metrics(dr.CategoricalCrossEntropy(), 10) == ("accuracy",)
    assert default_metrics(dr.BinaryCrossEntropy(), 1) == ("accuracy",)
    assert default_metrics(dr.BinaryCrossEntropy(), 3) == ("binary_accuracy",)
    assert default_metrics(dr.MeanSquaredError(), 1) == ()


def largest_error(y: Array, A: Array) -> np.floating[Any]:
    return np.abs(A - y).max()


def weighted_error(y: Array, A: Array, sample_weight: Array | None = None) -> float:
    return float(np.average(np.abs(A - y).mean(axis=1), weights=sample_weight))


def test_functions_as_metrics() -> None:
    metrics = judge()
    net = network([4, 2])
    X, y = data(9, [4, 2])
    weights = np.arange(9) / 4
    judged = net.evaluate(
        X,
        y,
        sample_weight=weights,
        metrics=[
            largest_error,
            weighted_error,
            metrics.r2_score,
            ("theirs", metrics.mean_absolute_error),
            ("average", "mean_absolute_error"),
            "r2",
            TopK(1),
            ("lambda", lambda y, A: 3),
        ],
    )
    A = net.predict(X)
    assert list(judged) == ["loss", "largest_error", "weighted_error", "r2_score", "theirs",
                            "average", "r2", "top_1_accuracy", "lambda"]  # fmt: skip
    assert judged["largest_error"] == pytest.approx(np.abs(A - y).max())
    assert judged["weighted_error"] == pytest.approx(judged["average"])
    assert judged["theirs"] == pytest.approx(judged["average"])
    assert judged["r2_score"] == pytest.approx(judged["r2"])
    assert judged["lambda"] == 3
    assert all(type(value) is float for value in judged.values())


def test_one_pair_is_a_metric_and_two_metrics_are_two() -> None:
    assert list(as_metrics(("mine", largest_error), "fit")) == ["mine"]
    assert list(as_metrics(("f1", largest_error), "fit")) == ["f1", "largest_error"]
    net = network([4, 2])
    X, y = data(9, [4, 2])
    assert list(net.fit(X, y, metrics=("mine", largest_error))) == ["loss", "mine"]


@pytest.mark.parametrize("alias", METRIC_ALIASES)
def test_other_names_of_a_metric(alias: str) -> None:
    assert list(as_metrics([alias.upper()], "fit")) == [METRIC_ALIASES[alias]]
    own = {alias: largest_error}
    assert list(as_metrics(own, "fit")) == [alias]


@pytest.mark.parametrize("monitor", ["val_acc", "val_accuracy", "acc"])
def test_a_monitor_by_another_name(monitor: str) -> None:
    net = network([4, 3], "softmax")
    X, y = data(6, [4, 3], "categorical_cross_entropy")
    stop, rate = dr.EarlyStopping(monitor), dr.schedules.ReduceOnPlateau(1e-3, monitor, mode="max")
    history = net.fit(
        X, y, metrics=["acc"], validation_data=(X, y), callbacks=[stop], optimizer=dr.Adam(rate)
    )
    assert {"accuracy", "val_accuracy"} < history.keys()
    assert stop._best.value == history["val_accuracy"][0] == history["accuracy"][0]


def test_functions_as_metrics_of_fit() -> None:
    net = network([4, 2])
    X, y = data(9, [4, 2])
    given = {"worst": largest_error, "absolute": dr.metrics.mean_absolute_error}
    history = net.fit(X, y, epochs=2, metrics=given, validation_data=(X, y))
    assert list(history) == ["loss", "worst", "absolute", "val_loss", "val_worst", "val_absolute"]
    assert history["worst"] == history["val_worst"]
    assert history["worst"][-1] == pytest.approx(largest_error(y, net.predict(X)))


@pytest.mark.parametrize("given", ["accuracy", TopK(2), largest_error])
def test_one_metric_needs_no_list(given: Any) -> None:
    name = given if isinstance(given, str) else given.__name__
    assert list(as_metrics(given, "fit")) == [name]


@pytest.mark.parametrize(
    ("metrics", "error", "message"),
    [
        (["recal"], ValueError, r"'recal' is unknown: expected some of .*; did you mean 'recall'"),
        (("f1", "mine"), ValueError, "'mine' is unknown: expected some of"),
        (3, TypeError, "is 3: expected a list of names and functions"),
        (["f1", "f1"], ValueError, "'f1' is there already: expected a name of its own"),
        ([("loss", largest_error)], ValueError, "'loss' is there already"),
        ([3], TypeError, "got 3: expected a name, a function"),
        ([("f1", "f2")], TypeError, r"got \('f1', 'f2'\): expected a name, a function"),
        ([functools.partial(largest_error)], TypeError, r"expected .* or \(name, function\)"),
        ({"worst": lambda y, A: "bad"}, TypeError, "'worst' returned a str: expected a number"),
        ({"worst": lambda y, A: A}, TypeError, "'worst' returned a ndarray: expected a number"),
    ],
)
def test_refused(metrics: Any, error: type[Exception], message: str) -> None:
    net = network([4, 3], "softmax")
    X, y = data(5, [4, 3], "categorical_cross_entropy")
    with nothing_written(net), pytest.raises(error, match=f"^evaluate: metric.*{message}"):
        net.evaluate(X, y, metrics=metrics)


def test_an_unknown_metric_is_found_before_training() -> None:
    net = network([4, 3], "softmax")
    X, y = data(5, [4, 3], "categorical_cross_entropy")
    with (
        nothing_written(net),
        pytest.raises(ValueError, match=r"^fit: metrics: 'recal' is unknown"),
    ):
        net.fit(X, y, metrics=["recal"])


@pytest.mark.parametrize(
    ("k", "error", "message"),
    [(0, ValueError, "k is 0: expected 1 or more"), (2.0, TypeError, "expected an integer")],
)
def test_top_k_of_no_number(k: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"TopK: .*{message}"):
        TopK(k)


def test_an_average_that_is_unknown() -> None:
    with pytest.raises(ValueError, match="average is 'mean': expected 'macro'"):
        dr.metrics.f1(LABELS, PROBABILITIES, average="mean")  # type: ignore[arg-type]


@pytest.mark.parametrize("m", [3, 5])
@pytest.mark.parametrize("metric", METRICS)
def test_class_labels_count_as_rows_of_0_and_1(metric: str, m: int) -> None:
    net = network([4, 3], "softmax")
    X, one_hot = data(m, [4, 3], "categorical_cross_entropy")
    expected = net.evaluate(X, one_hot, metrics=[metric])[metric]
    judged = net.evaluate(X, one_hot.argmax(axis=1), metrics=[metric])[metric]
    assert judged == pytest.approx(expected, nan_ok=True)


def test_metrics_are_plain_floats() -> None:
    net = network([4, 3], "softmax")
    X, y = data(5, [4, 3], "categorical_cross_entropy")
    results = net.evaluate(X, y, metrics=list(METRICS))
    assert list(results) == ["loss", *METRICS]
    assert all(type(value) is float for value in results.values())
