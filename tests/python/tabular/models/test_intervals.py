"""Intervals of prediction: what they cover, and how wide they are."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular.models.intervals import Intervals
from support import assert_same_bits


def drawn(m: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets whose errors grow with the prediction and with the spread, and are skewed."""
    rng = np.random.default_rng(seed)
    predictions, spread = rng.uniform(0, 10, m), rng.lognormal(0, 0.7, m)
    errors = (1 + predictions) * spread * (rng.exponential(1, m) - 0.7)
    return predictions + errors, predictions, spread


def covered(intervals: Intervals, coverage: float, seed: int, m: int = 20_000) -> np.ndarray:
    targets, predictions, spread = drawn(m, seed)
    lower, upper = intervals.around(predictions, spread, coverage)
    return (lower <= targets) & (targets <= upper)


@pytest.mark.parametrize("m", [39, 100, 400])
def test_as_many_are_covered_as_were_asked_for(m: int) -> None:
    """On average over what rows happen to be held out, which is what is promised."""
    coverages = (0.5, 0.8, 0.95)
    shares = []
    for seed in range(60):
        intervals = Intervals.fit(*drawn(m, seed))
        shares.append([covered(intervals, each, 1000 + seed, 500).mean() for each in coverages])
    for coverage, found in zip(coverages, np.transpose(shares), strict=True):
        error = found.std() / np.sqrt(len(found))
        assert found.mean() > coverage - 3 * error - 0.01
        assert found.mean() < coverage + 3 * error + 2 / m + 0.01


def test_wherever_the_prediction_and_the_spread_are() -> None:
    intervals = Intervals.fit(*drawn(5000, 0))
    _, predictions, spread = drawn(20_000, 1)
    inside = covered(intervals, 0.9, 1)
    for by in (predictions, spread):
        tenths = np.array_split(inside[np.argsort(by)], 10)
        np.testing.assert_allclose([each.mean() for each in tenths], 0.9, atol=0.05)


def test_both_sides_miss_as_often() -> None:
    intervals = Intervals.fit(*drawn(5000, 0))
    targets, predictions, spread = drawn(20_000, 1)
    lower, upper = intervals.around(predictions, spread, 0.9)
    assert (targets < lower).mean() == pytest.approx(0.05, abs=0.015)
    assert (targets > upper).mean() == pytest.approx(0.05, abs=0.015)
    assert (upper - predictions).mean() > 1.5 * (predictions - lower).mean()


def test_more_coverage_takes_wider_intervals() -> None:
    intervals = Intervals.fit(*drawn(1000, 0))
    _, predictions, spread = drawn(50, 1)
    before = np.zeros(50)
    for coverage in (0.01, 0.3, 0.7, 0.9, 0.99):
        lower, upper = intervals.around(predictions, spread, coverage)
        assert (upper - lower >= before).all()
        before = upper - lower


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9, 0.98])
def test_how_many_rows_a_coverage_takes(coverage: float) -> None:
    need = round((1 + coverage) / (1 - coverage))
    _, predictions, spread = drawn(3, 1)
    enough = Intervals.fit(*drawn(need, 0))
    enough.around(predictions, spread, coverage)
    assert enough.most_coverage == pytest.approx(coverage, abs=1e-4)
    with pytest.raises(
        ValueError, match=f"{need - 1} rows were held out: expected {need} or more for it"
    ):
        Intervals.fit(*drawn(need - 1, 0)).around(predictions, spread, coverage)


@pytest.mark.parametrize("coverage", [0, 1, -0.1, np.nan])
def test_coverages_that_are_none(coverage: float) -> None:
    with pytest.raises(ValueError, match="predict_interval: coverage is"):
        Intervals.fit(*drawn(30, 0)).around(np.ones(1), np.ones(1), coverage)


def test_the_rank_of_the_end_is_that_of_n_and_one_more() -> None:
    """Scores by hand: errors 1 ... 19 on one scale have their 18th as .8's upper end."""
    errors = np.random.default_rng(0).permutation(np.r_[-9:10.0])
    intervals = Intervals.fit(errors, np.zeros(19), np.zeros(19))
    scores = np.sort(intervals.scores[0])
    lower, upper = intervals.around(np.zeros(1), np.zeros(1), 0.8)
    below, above = intervals.scales[0].of(np.zeros(1), np.zeros(1))
    assert upper == scores[17] * above
    assert lower == scores[1] * below


def test_several_targets_have_intervals_of_their_own() -> None:
    one, other = drawn(300, 0), drawn(300, 1)
    both = [np.column_stack(pair) for pair in zip(one, other, strict=True)]
    lower, upper = Intervals.fit(*both).around(*both[1:], 0.9)
    for k, each in enumerate((one, other)):
        alone = Intervals.fit(*each).around(*each[1:], 0.9)
        assert_same_bits(np.ascontiguousarray(lower[:, k]), alone[0])
        assert_same_bits(np.ascontiguousarray(upper[:, k]), alone[1])


def test_weights_say_where_rows_will_come_from() -> None:
    """Rows of one kind are rare among those held out, and common among those to come."""
    rng = np.random.default_rng(0)
    kind = rng.uniform(size=4000) < 0.2
    errors = rng.normal(0, np.where(kind, 5, 1))
    zeros = np.zeros(4000)
    weights = np.where(kind, 4.0, 0.25)
    targets = rng.normal(0, np.where(rng.uniform(size=20_000) < 0.8, 5, 1))
    for sample_weight, expected in ((weights, 0.9), (None, 0.6)):
        intervals = Intervals.fit(errors, zeros, zeros, sample_weight)
        lower, upper = intervals.around(np.zeros(1), np.zeros(1), 0.9)
        inside = ((lower <= targets) & (targets <= upper)).mean()
        assert inside == pytest.approx(expected, abs=0.05)


def test_rows_without_weight_are_none() -> None:
    rows = drawn(60, 0)
    weights = np.repeat([1.0, 0.0], 30)
    zeros = Intervals.fit(*rows, weights)
    fewer = Intervals.fit(*(each[:30] for each in rows))
    assert_same_bits(zeros.scores, fewer.scores)
    assert zeros.rows == pytest.approx(30)
    with pytest.raises(ValueError, match="there are no rows"):
        Intervals.fit(*rows, np.zeros(60))


@pytest.mark.parametrize(
    ("targets", "predictions", "spread"),
    [
        (np.zeros(50), np.zeros(50), np.zeros(50)),
        (np.arange(50.0), np.arange(50.0), np.ones(50)),
        (np.arange(50.0), np.zeros(50), np.zeros(50)),
        (np.arange(50.0) + 1, np.arange(50.0), np.ones(50)),
        (np.r_[np.zeros(49), 1e200], np.zeros(50), np.ones(50)),
        (np.arange(50) % 2 * 1e-300, np.zeros(50), np.ones(50)),
    ],
)
def test_errors_of_odd_kinds(targets: Any, predictions: Any, spread: Any) -> None:
    intervals = Intervals.fit(targets, predictions, spread)
    lower, upper = intervals.around(predictions, spread, 0.9)
    assert np.isfinite([lower, upper]).all()
    assert (lower <= upper).all()
    room = 1e-3 * np.abs(targets - predictions)  # where all errors are the same, all are at the end
    assert ((lower <= targets + room) & (targets - room <= upper)).mean() >= 0.9
    far = intervals.around(np.array([-1e9, 1e9]), np.array([0.0, 1e9]), 0.9)
    assert np.isfinite(far).all()


@pytest.mark.parametrize("m", [1, 2, 3, 6])
def test_a_few_rows(m: int) -> None:
    intervals = Intervals.fit(*drawn(m, 0))
    assert intervals.most_coverage == pytest.approx((m - 1) / (m + 1), abs=1e-4)


def test_thinned_scores_say_nearly_the_same() -> None:
    targets, predictions, spread = drawn(50_000, 0)
    intervals = Intervals.fit(targets, predictions, spread)
    assert intervals.scores.shape[1] <= 2000
    for coverage in (0.5, 0.9, 0.999):
        assert covered(intervals, coverage, 1).mean() == pytest.approx(coverage, abs=0.01)


@pytest.mark.parametrize("table", ["diamonds.csv"])
def test_widths_that_follow_the_errors_are_worth_it(data_folder: Path, table: str) -> None:
    """On prices, by the interval score (Gneiting & Raftery 2007, eq. 43), beside one width."""
    pd = pytest.importorskip("pandas")
    frame = pd.read_csv(data_folder / "tabular" / table).sample(6000, random_state=0)
    price = frame.pop("price").to_numpy(float)
    X = dr.TableEncoder().fit_transform(frame)
    nets = [
        dr.Network([dr.Dense(32, "relu"), dr.Dense(1)], input_size=X.shape[1], seed=k)
        for k in range(4)
    ]
    scale = price.std()
    dr.fit_many(nets, X[:2000], price[:2000] / scale, optimizer="adam", epochs=20)
    ensemble = dr.Ensemble(nets)
    A, apart = scale * ensemble.predict(X)[:, 0], scale * ensemble.std(X)[:, 0]
    held, new = slice(2000, 4000), slice(4000, 6000)
    constant = np.zeros(6000)
    scores = []
    for a, s in ((A, apart), (constant, constant)):
        intervals = Intervals.fit(price[held] - A[held] + a[held], a[held], s[held])
        lower, upper = intervals.around(a[new], s[new], 0.9)
        y = price[new] - A[new] + a[new]
        missed = np.maximum(lower - y, 0) + np.maximum(y - upper, 0)
        assert (missed == 0).mean() == pytest.approx(0.9, abs=0.025)
        scores.append((upper - lower + 2 / 0.1 * missed).mean())
    assert scores[0] < 0.8 * scores[1]


def test_states() -> None:
    rows = [np.column_stack([each, 2 * each]) for each in drawn(3000, 0)]
    intervals = Intervals.fit(*rows)
    again = Intervals.from_state(intervals.to_state())
    for one, other in zip(
        again.around(*rows[1:], 0.9), intervals.around(*rows[1:], 0.9), strict=True
    ):
        assert_same_bits(one, other)
    assert again.rows == intervals.rows


def reversed_(name: str) -> Any:
    return lambda state: {name: state[name][..., ::-1]}


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {"more": 1},
        lambda state: {"rows": 0.0},
        lambda state: {"rows": float("nan")},
        lambda state: {"rows": 30},
        lambda state: {"scores": state["scores"][:, :-1]},
        lambda state: {"scores": state["scores"].astype(np.float32)},
        lambda state: {"scores": np.full_like(state["scores"], np.nan)},
        lambda state: {"values": state["values"][:, :1]},
        lambda state: {"values": state["values"] + 1e4},
        lambda state: {"slopes": state["slopes"] + 1e4},
        lambda state: {"slopes": state["slopes"] + 1e308},
        lambda state: {"spreads": -state["spreads"]},
        lambda state: {"spreads": state["spreads"][:, :4]},
        lambda state: {name: state[name][:0] for name in state if name != "rows"},
        lambda state: {"up_to": state["up_to"] * 2},
        *map(reversed_, ("scores", "up_to", "from_on", "knots")),
    ],
)
def test_a_state_is_not_trusted(change: Any) -> None:
    state = Intervals.fit(*drawn(30, 0)).to_state()
    with pytest.raises(dr.ModelFileError, match=r"^intervals"):
        Intervals.from_state(state | change(state))
