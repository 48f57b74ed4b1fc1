"""Numbers of a report, held to scikit-learn's and to what chance says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deltarule.report.facts import curves, scores
from deltarule.report.facts.bins import binned, inner_range
from deltarule.report.facts.confusion import confusion
from deltarule.report.facts.gathered import gathered
from deltarule.report.facts.residuals import residuals
from support_report import subject

metrics = pytest.importorskip("sklearn.metrics")


def two_classes(m: int = 500, seed: int = 0):
    rng = np.random.default_rng(seed)
    p = rng.random(m).round(2)  # some are the same
    return (rng.random(m) < p).astype(np.int64), p


def test_scores_of_two_classes_are_those_of_scikit_learn() -> None:
    y, p = two_classes()
    found = scores.scores(y, np.column_stack([1 - p, p]))
    # Where both are .5, the first is told.
    told = (p > 0.5).astype(int)
    expected = {
        "accuracy": metrics.accuracy_score(y, told),
        "balanced_accuracy": metrics.balanced_accuracy_score(y, told),
        "log_loss": metrics.log_loss(y, p),
        "brier": metrics.brier_score_loss(y, p),
        "roc_auc": metrics.roc_auc_score(y, p),
    }
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected)


def test_scores_of_numbers_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    A = rng.normal(size=300)
    y = A + rng.normal(size=300)
    expected = {
        "rmse": metrics.root_mean_squared_error(y, A),
        "mae": metrics.mean_absolute_error(y, A),
        "r2": metrics.r2_score(y, A),
    }
    found = scores.scores(y, A)
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected)


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_intervals_are_as_wide_as_scores_vary(classes: int) -> None:
    """Each interval's width beside the spread of the score over rows drawn again."""
    made = subject(classes, m=600)
    found = scores.scores(made.y, made.model.outputs)
    rng = np.random.default_rng(1)
    drawn: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(300):
        rows = rng.integers(600, size=600)
        for name, each in scores.scores(made.y[rows], made.model.outputs[rows]).items():
            drawn[name].append(each.value)
    for name, each in found.items():
        half = (each.high - each.low) / 2
        assert half == pytest.approx(1.96 * np.std(drawn[name]), rel=0.2), name
        assert each.low < each.value < each.high


@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_row_of_weight_two_is_two_rows(classes: int) -> None:
    once = subject(classes, m=300)
    times = np.random.default_rng(2).integers(0, 3, 300)
    again = np.repeat(np.arange(300), times)
    twice = replace(
        once, y=once.y[again], model=once.model._replace(outputs=once.model.outputs[again])
    )
    one, other = (gathered(each) for each in (replace(once, weights=times), twice))
    values = [{name: each.value for name, each in f.model.scores.items()} for f in (one, other)]
    assert values[0] == pytest.approx(values[1])
    if classes:
        for found, expected in zip(one.confusion[1:3], other.confusion[1:3], strict=True):
            np.testing.assert_allclose(found, expected)
    if classes == 2:
        assert one.two.average_precision == pytest.approx(other.two.average_precision)
        assert one.two.cheapest == [pytest.approx(each) for each in other.two.cheapest]
        found, expected = (
            [(each.precision, each.recall) for each in f.two.thresholds] for f in (one, other)
        )
        np.testing.assert_allclose(found, expected)


def test_intervals_of_weighted_scores_are_as_wide_as_they_vary() -> None:
    rng = np.random.default_rng(0)
    made = subject(2, m=500)
    weights = rng.exponential(size=500)
    found = scores.scores(made.y, made.model.outputs, weights)
    drawn: dict[str, list[float]] = {name: [] for name in found}
    for _ in range(200):
        rows = rng.integers(500, size=500)
        again = scores.scores(made.y[rows], made.model.outputs[rows], weights[rows])
        for name, each in again.items():
            drawn[name].append(each.value)
    for name, each in found.items():
        assert (each.high - each.low) / 2 == pytest.approx(1.96 * np.std(drawn[name]), rel=0.2), (
            name
        )


def test_large_numbers_have_finite_scores() -> None:
    y = np.array([1.0, -2.0, 3.0, 0.5]) * 1e200
    assert all(np.isfinite(each).all() for each in scores.scores(y, 0.9 * y).values())


def test_curves_are_those_of_scikit_learn() -> None:
    y, p = two_classes(90)
    x, found = curves.roc(y, p, np.ones(len(y)))
    expected_x, expected, _ = metrics.roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(x, expected_x)
    np.testing.assert_allclose(found, expected)
    precision, recall, _ = metrics.precision_recall_curve(y, p)
    drawn = curves.precision_recall(y, p, np.ones(len(y)))
    np.testing.assert_allclose(drawn.x, recall[-2::-1])
    np.testing.assert_allclose(drawn.y, precision[-2::-1])
    assert curves.average_precision(y, p, np.ones(len(y))) == pytest.approx(
        metrics.average_precision_score(y, p)
    )


def test_long_curves_are_thinned_from_end_to_end() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    y = (rng.random(20_000) < p).astype(np.int64)
    found = curves.roc(y, p, np.ones(len(y)))
    assert len(found.x) <= 200
    assert (found.x[0], found.y[0], found.x[-1], found.y[-1]) == (0, 0, 1, 1)
    area = float((np.diff(found.x) * (found.y[1:] + found.y[:-1]) / 2).sum())
    assert area == pytest.approx(metrics.roc_auc_score(y, p), abs=1e-3)


def test_calibration_of_probabilities_that_are_right_is_within_chance() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(20_000)
    right = curves.calibration((rng.random(20_000) < p).astype(float), p, np.ones(20_000))
    wrong = curves.calibration((rng.random(20_000) < p**3).astype(float), p, np.ones(20_000))
    assert right.error < 2.5 * right.noise
    assert wrong.error > 10 * wrong.noise
    assert right.counts.sum() == 20_000


def test_the_cheapest_threshold_is_the_cheapest_of_all() -> None:
    y, p = two_classes()
    for found in curves.cheapest(y, p, np.ones(len(y))):
        costs = [
            ((p >= at) & (y == 0)).sum() + found.missed_costs * ((p < at) & (y == 1)).sum()
            for at in [*np.unique(p), 2.0]
        ]
        assert found.cost == pytest.approx(min(costs) / len(y))
        assert found.cost <= found.at_half


def test_thresholds_count_what_is_called() -> None:
    y, p = two_classes()
    for found in curves.thresholds(y, p, np.ones(len(y))):
        told = p >= found.threshold
        assert found.precision == pytest.approx(metrics.precision_score(y, told))
        assert found.recall == pytest.approx(metrics.recall_score(y, told))
        assert found.false_alarms == (told & (y == 0)).sum()
        assert found.missed == (~told & (y == 1)).sum()


@pytest.mark.parametrize("count", [3, 40])
def test_confusion_is_that_of_scikit_learn(count: int) -> None:
    rng = np.random.default_rng(0)
    y, told = rng.integers(count, size=(2, 2000))
    found = confusion(y, told, count, np.ones(len(y)))
    expected = metrics.confusion_matrix(y, told)
    if count == 3:
        np.testing.assert_array_equal(found.counts, expected)
    else:
        assert found.counts is None
    np.testing.assert_allclose(found.recall, expected.diagonal() / expected.sum(axis=1))
    one, other, rows = found.pairs[0]
    np.fill_diagonal(expected, 0)
    assert rows == expected.max() == expected[one, other]


def test_every_row_is_in_a_bin_and_no_end_is_a_row() -> None:
    values = np.append(np.random.default_rng(0).normal(size=999), 1e6)
    ends = inner_range(values)
    assert binned(values, ends).counts.sum() == 1000
    assert not np.isin(ends, values).any()
    assert residuals(values, 0.5 * values).counts.sum() == 1000


def test_an_effect_has_the_shape_of_the_answers() -> None:
    first, second = gathered(subject(0)).effects
    np.testing.assert_allclose(first.predicted[:, 0], 2 * first.at, atol=0.05)
    assert np.ptp(second.predicted) == pytest.approx(0, abs=1e-6)
    assert set(second.names) == {"Rome", "Oslo", "Bern"}


def test_levels_of_few_rows_are_not_named() -> None:
    from deltarule.report.subject import Column, Levels

    codes = np.zeros(400, np.int64)
    codes[:4] = 1
    made = subject()
    column = Column("city", "category", "", "", Levels(codes, ["Rome", "one's own"]), None)
    (found,) = gathered(subject(columns=[column], importance=made.importance)).columns
    assert found.levels == ["Rome"]
    assert found.test.counts.tolist() == [396, 4]
