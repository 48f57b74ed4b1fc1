"""`TabularRegressor`: numbers and intervals of raw rows."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split

import deltarule as dr
from support import Array

FAST: dict[str, Any] = {"preset": "fast", "random_state": 0}
# A column that gives the target away is told of.
OBVIOUS = pytest.mark.filterwarnings("ignore:.*alone it explains:deltarule.TableWarning")


def table(m: int = 400, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {
        "area": rng.uniform(20, 200, m),
        "city": rng.choice(np.array(["Rome", "Oslo", None], object), m),
        "built": np.datetime64("1960-01-01") + rng.integers(0, 20_000, m).astype("timedelta64[D]"),
    }


def prices(X: dict[str, Any], seed: int = 1) -> Array:
    noise = np.random.default_rng(seed).normal(size=len(X["area"]))
    rate = np.where(X["city"] == "Rome", 4.0, 6.0)
    found: Array = X["area"] * rate * (1 + 0.05 * noise)
    return found


@pytest.fixture(scope="module")
def model() -> dr.TabularRegressor:
    X = table()
    return dr.TabularRegressor(**FAST).fit(X, prices(X))


def test_raw_rows_become_numbers(model: dr.TabularRegressor) -> None:
    new = table(seed=2)
    assert model.score(new, prices(new, 3)) > 0.95
    assert model.predict(new).shape == (400,)
    errors = model.predict(new) - prices(new, 3)
    assert model.scores_["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2)), rel=0.3)
    assert set(model.scores_) == {"rmse", "mae", "r2"}


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.95])
def test_intervals_cover_as_many_as_they_say(model: dr.TabularRegressor, coverage: float) -> None:
    new = table(4000, seed=2)
    y = prices(new, 3)
    lower, upper = model.predict_interval(new, coverage)
    assert (lower <= upper).all()
    # The rows held out are 400: their quantiles are off by a few hundredths.
    assert abs(np.mean((lower <= y) & (y <= upper)) - coverage) < 0.06
    # Errors grow with the price, and so do the intervals.
    wide = upper - lower
    assert np.median(wide[y > np.quantile(y, 0.9)]) > 2 * np.median(wide[y < np.quantile(y, 0.1)])


def test_an_interval_that_takes_more_rows_is_refused(model: dr.TabularRegressor) -> None:
    with pytest.raises(ValueError, match="expected 1999 or more for it"):
        model.predict_interval(table(), 0.999)
    with pytest.raises(ValueError, match="coverage is 1"):
        model.predict_interval(table(), 1.0)


@OBVIOUS
def test_predictions_go_no_further_than_targets_went() -> None:
    X = {"x": np.linspace(0, 1, 200)}
    beyond = {"x": np.array([-5.0, 9.0])}
    for clamp in (True, False):
        model = dr.TabularRegressor(**FAST, clamp=clamp).fit(X, 10 * X["x"])
        found = model.predict(beyond)
        assert ((found >= 0) & (found <= 10)).all() or not clamp


@OBVIOUS
def test_several_targets(tmp_path: Path) -> None:
    X = table()
    Y = np.column_stack([prices(X), -1000 * X["area"] + 1e6])
    model = dr.TabularRegressor(**FAST).fit(X, Y)
    assert model.predict(X).shape == (400, 2)
    assert model.score(X, Y) > 0.9
    lower, upper = model.predict_interval(X, 0.8)
    assert lower.shape == upper.shape == (400, 2)
    model.save(tmp_path / "m")
    assert (dr.load(tmp_path / "m").predict(X) == model.predict(X)).all()  # type: ignore[union-attr]
    one = dr.TabularRegressor(**FAST).fit(X, Y[:, :1])
    assert one.predict(X).shape == (400, 1)


def test_real_data() -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = dr.TabularRegressor(**FAST).fit(X, y)
    assert model.score(X_test, y_test) > 0.3


@OBVIOUS
@pytest.mark.parametrize("y", [[1e300, -1e300] * 30, [5.0] * 60, [1e-300, 3e-300, 2e-300] * 20])
def test_targets_of_any_size(y: list[float]) -> None:
    X = {"x": np.arange(60.0) ** 2}
    found = dr.TabularRegressor(**FAST).fit(X, y).predict(X)
    assert np.isfinite(found).all()
    assert found.min() >= min(y)
    assert found.max() <= max(y)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_target_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"y\[2\] is .*: expected finite numbers"):
        dr.TabularRegressor(**FAST).fit({"x": np.arange(9.0) ** 2}, [1, 2, bad, 4, 5, 6, 7, 8, 9.0])


@OBVIOUS
def test_the_future_is_held_out_by_time() -> None:
    """What is new in the last rows is not known from those before."""
    m = 300
    X = {"x": np.random.default_rng(0).normal(size=m), "day": np.arange(m) * 2.0}
    y = np.where(np.arange(m) < 240, X["x"], -5 * X["x"])
    drawn = dr.TabularRegressor(**FAST).fit(X, y)
    last = dr.TabularRegressor(**FAST, split="time").fit(X, y)
    assert (last.record_["held_out"], last.record_["parts"]) == (60, 1)
    assert last.scores_["rmse"] > 1.5 * drawn.scores_["rmse"]


def test_rows_that_weigh_nothing_do_not_count() -> None:
    X = table()
    y, counted = prices(X), np.arange(400) % 2 == 0
    wrong = np.where(counted, y, 50_000.0)
    model = dr.TabularRegressor(**FAST).fit(X, wrong, counted.astype(float))
    assert np.abs(model.predict(X) - y)[counted].mean() < 200


def test_time_is_kept() -> None:
    from time import perf_counter

    X = {f"x{k}": np.random.default_rng(k).normal(size=20_000) for k in range(10)}
    began = perf_counter()
    model = dr.TabularRegressor(time_limit=2.0, random_state=0).fit(X, X["x0"] * X["x1"])
    assert perf_counter() - began < 30  # on a machine that others use
    assert np.isfinite(model.predict(X)).all()


def test_files_and_pickles_answer_the_same(model: dr.TabularRegressor, tmp_path: Path) -> None:
    new, path = table(seed=2), tmp_path / "model.safetensors"
    model.save(path)
    for other in (dr.load(path), pickle.loads(pickle.dumps(model))):
        assert isinstance(other, dr.TabularRegressor)
        assert (other.predict(new) == model.predict(new)).all()
        for one, two in zip(other.predict_interval(new), model.predict_interval(new), strict=True):
            assert (one == two).all()
        assert other.get_params() == model.get_params()


def test_columns_are_explained(model: dr.TabularRegressor) -> None:
    new = table(seed=2)
    told = model.explain(new, prices(new, 3))
    assert set(told.columns) == {"area", "city", "built"}
    by_column = dict(zip(told.columns, told.importance, strict=True))
    assert by_column["area"] > by_column["city"] > by_column["built"]
