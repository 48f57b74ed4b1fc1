"""Greedy selection with replacement, beside a loop that does the same one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.ensembles.selection import chosen_greedily
from support import Array, assert_near, assert_same_bits

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
LABELS = (X[:, 0] + X[:, 1] ** 2 + RNG.normal(size=200) > 1).astype(int)
NUMBERS = X[:, 0] - X[:, 1] ** 2


def library(output: Any, y: Array, count: int = 8, dtype: str = "float32") -> list[dr.Network]:
    """Networks that are more or less good."""
    nets = []
    for k in range(count):
        net = dr.Network([dr.Dense(3 + k, "tanh"), output], input_size=4, seed=k, dtype=dtype)
        net.fit(X[:100], y[:100], optimizer=dr.Adam(0.03), batch_size=20, epochs=1 + k % 5)
        nets.append(net)
    return nets


CLASSIFIERS = library(dr.Dense(2, "softmax"), LABELS)
REGRESSORS = library(dr.Dense(1), NUMBERS)


def naively(
    outputs: list[Array], goodness: Callable[[Array], float], size: int
) -> dict[int, float]:
    """The members of the best mix, and their fractions of it."""
    bag: list[int] = []
    best: tuple[float, list[int]] = (-np.inf, [])
    for _ in range(size):
        tried = [
            goodness(np.mean([outputs[j] for j in [*bag, k]], axis=0)) for k in range(len(outputs))
        ]
        bag.append(tried.index(max(tried)))
        if max(tried) > best[0]:
            best = max(tried), list(bag)
    return {k: best[1].count(k) / len(best[1]) for k in sorted(set(best[1]))}


def minus_log_loss(A: Array) -> float:
    return float(np.log(A[np.arange(len(A)), LABELS[100:]]).mean())


def accuracy(A: Array) -> float:
    return float((A.argmax(axis=1) == LABELS[100:]).mean())


def minus_squared_error(A: Array) -> float:
    return -float(((A[:, 0] - NUMBERS[100:]) ** 2).mean())


@pytest.mark.parametrize("size", [1, 2, 17])
@pytest.mark.parametrize(
    ("nets", "y", "metric", "goodness"),
    [
        (CLASSIFIERS, LABELS, None, minus_log_loss),
        (CLASSIFIERS, LABELS, dr.CategoricalCrossEntropy(), minus_log_loss),
        (CLASSIFIERS, LABELS, "accuracy", accuracy),
        (REGRESSORS, NUMBERS, None, minus_squared_error),
        (REGRESSORS, NUMBERS, "rmse", minus_squared_error),
    ],
)
def test_as_a_naive_loop_selects(
    nets: list[dr.Network], y: Array, metric: Any, goodness: Callable[[Array], float], size: int
) -> None:
    outputs = [net.predict(X[100:]) for net in nets]
    expected = naively(outputs, goodness, size)
    ensemble = dr.Ensemble.select(nets, X[100:], y[100:], metric=metric, size=size)
    assert [nets.index(net) for net in ensemble] == list(expected)
    assert_near(ensemble.weights, np.array(list(expected.values())), 1e-12)


def test_it_is_no_worse_than_the_best_member() -> None:
    ensemble = dr.Ensemble.select(CLASSIFIERS, X[100:], LABELS[100:])
    alone = [net.evaluate(X[100:], LABELS[100:])["loss"] for net in CLASSIFIERS]
    assert len(ensemble) > 1
    assert ensemble.evaluate(X[100:], LABELS[100:])["loss"] < min(alone)


def test_it_is_the_same_each_time_and_for_any_number_of_threads() -> None:
    found = []
    for threads in (1, 2, 3):
        dr.set_num_threads(threads)
        ensemble = dr.Ensemble.select(CLASSIFIERS, X[100:], LABELS[100:])
        found.append(([CLASSIFIERS.index(net) for net in ensemble], ensemble.weights.tolist()))
    assert found[0] == found[1] == found[2]


def test_of_networks_that_are_the_same_the_first_is_chosen() -> None:
    net = CLASSIFIERS[3]
    copies = [net, dr.Network([dr.Dense(2, "softmax")], input_size=4), net, net]
    ensemble = dr.Ensemble.select(copies, X[100:], LABELS[100:], size=1)
    assert list(ensemble) == [net]
    ensemble = dr.Ensemble.select([net] * 4, X[100:], LABELS[100:])
    assert len(ensemble) == 1  # nothing becomes better: the smallest mix


def test_a_function_of_one_s_own() -> None:
    def worst_error(y: Array, A: Array) -> float:
        return float(np.abs(y - A).max())

    outputs = [net.predict(X[100:]) for net in REGRESSORS]
    y = NUMBERS[100:, np.newaxis]
    for metric, mode, sign in (
        (worst_error, None, -1),
        (("mine", worst_error), "min", -1),
        (("mine", worst_error), "max", 1),
    ):
        expected = naively(outputs, lambda A, sign=sign: sign * worst_error(y, A), 9)  # type: ignore[misc]
        ensemble = dr.Ensemble.select(
            REGRESSORS, X[100:], NUMBERS[100:], metric=metric, mode=mode, size=9
        )
        assert [REGRESSORS.index(net) for net in ensemble] == list(expected)


def test_weights_of_examples() -> None:
    weights = RNG.uniform(size=100)

    def goodness(A: Array) -> float:
        cost = -np.log(A[np.arange(100), LABELS[100:]])
        return -float(np.average(cost, weights=weights))

    outputs = [net.predict(X[100:]) for net in CLASSIFIERS]
    ensemble = dr.Ensemble.select(CLASSIFIERS, X[100:], LABELS[100:], sample_weight=weights)
    assert [CLASSIFIERS.index(net) for net in ensemble] == list(naively(outputs, goodness, 50))


def test_by_a_loss_that_is_not_the_usual_one() -> None:
    levels = dr.Quantile([0.1, 0.9])
    nets = [dr.Network([dr.Dense(2)], input_size=4, seed=k) for k in range(4)]
    ensemble = dr.Ensemble.select(nets, X, NUMBERS, metric=levels)
    alone = [net.evaluate(X, NUMBERS, loss=levels)["loss"] for net in nets]
    assert ensemble.evaluate(X, NUMBERS, loss=levels)["loss"] <= min(alone) + 1e-6


def test_a_metric_that_is_not_defined_for_some() -> None:
    """Where it is NaN, nothing is gained: the others are chosen."""
    outputs = np.array([[[0.0]], [[2.0]], [[1.0]]])

    def score(A: Array) -> float:
        return float("inf") if A[0, 0] == 0 else float(A[0, 0])

    assert chosen_greedily(outputs, score, 1, "").tolist() == [0, 0, 1]
    one_class = np.zeros(100, int)
    message = "Ensemble.select: the metric is infinite or not defined for every network"
    with pytest.raises(ValueError, match=message):
        dr.Ensemble.select(CLASSIFIERS, X[100:], one_class, metric="roc_auc")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"size": 0}, ValueError, "Ensemble.select: size is 0: expected 1 or more"),
        ({"size": 2.5}, TypeError, "Ensemble.select: size is 2.5: expected an integer"),
        ({"metric": "accurate"}, ValueError, "Ensemble.select: metrics: 'accurate' is unknown"),
        ({"metric": 3}, TypeError, "Ensemble.select: metrics: got 3"),
        ({"metric": max}, ValueError, "metric is 'max' and mode is None: expected mode='min' or"),
        ({"mode": "up"}, ValueError, "Ensemble.select: mode is 'up': expected 'min' or 'max'"),
        ({"rounds": 3}, TypeError, "select: there is no argument 'rounds'"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        dr.Ensemble.select(CLASSIFIERS, X[100:], LABELS[100:], **arguments)


def test_every_metric_of_the_package_says_what_is_good() -> None:
    from deltarule._monitor import mode_of

    for name in dr.metrics.METRICS:
        assert mode_of(name, None, "") in ("min", "max")


def test_the_networks_stay_as_they_are() -> None:
    before = [net.parameters.copy() for net in CLASSIFIERS]
    ensemble = dr.Ensemble.select(CLASSIFIERS, X[100:], LABELS[100:])
    assert all(net in CLASSIFIERS for net in ensemble)
    for net, parameters in zip(CLASSIFIERS, before, strict=True):
        assert_same_bits(net.parameters, parameters)
