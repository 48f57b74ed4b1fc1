"""Predictions of Dask's collections: lazy, with names and types that hold, to the same bits."""

from typing import Any

import numpy as np
import pytest

import deltarule as dr
from support import Array, network

pandas = pytest.importorskip("pandas")
da: Any = pytest.importorskip("dask.array")
dd: Any = pytest.importorskip("dask.dataframe")

M = 60
rng = np.random.default_rng(0)
FRAME = pandas.DataFrame(
    {"a": rng.normal(size=M), "b": rng.choice(["x", "y"], M)}, index=np.arange(M) + 100
)
ROWS = rng.normal(size=(M, 3)).astype("float32")


@pytest.fixture(scope="module")
def models() -> dict[str, Any]:
    y = FRAME["a"].to_numpy() + rng.normal(size=M)
    labels = np.where(y > 0, "more", "less")
    options: dict[str, Any] = {"preset": "fast", "random_state": 0, "time_limit": 0.2}
    return {
        "classifier": dr.TabularClassifier(**options).fit(FRAME, labels),
        "regressor": dr.TabularRegressor(**options).fit(FRAME, y),
        "two": dr.TabularRegressor(**options).fit(FRAME, np.column_stack([y, -y])),
    }


@pytest.mark.parametrize(
    ("name", "method", "columns"),
    [
        ("classifier", "predict", None),
        ("classifier", "predict_proba", ["less", "more"]),
        ("regressor", "predict", None),
        ("regressor", "predict_interval", ["lower", "upper"]),
        ("two", "predict", [0, 1]),
    ],
)
def test_a_frame(models: dict[str, Any], name: str, method: str, columns: Any) -> None:
    model, lazy = models[name], dd.from_pandas(FRAME, npartitions=4)
    found = dr.distributed.predict(model, lazy, method=method)
    assert found.npartitions == 4
    assert found.known_divisions
    made = found.compute(scheduler="synchronous")
    expected = getattr(model, method)(FRAME)
    if method == "predict_interval":
        expected = np.stack(expected, axis=1)
    assert np.array_equal(made.to_numpy(), expected)
    assert made.index.equals(FRAME.index)
    meta = found._meta
    if columns is None:
        assert meta.name == made.name == "prediction"
        assert meta.dtype == made.dtype
    else:
        assert list(meta.columns) == list(made.columns) == columns
        assert meta.dtypes.equals(made.dtypes)


def test_partitions_without_rows(models: dict[str, Any]) -> None:
    rising = FRAME.sort_values("a", ignore_index=True)
    lazy = dd.from_pandas(rising, npartitions=4)
    some = dr.distributed.predict(models["classifier"], lazy[lazy.a > rising["a"][50]])
    made = some.compute(scheduler="synchronous")
    assert made.tolist() == models["classifier"].predict(rising[51:]).tolist()
    none = dr.distributed.predict(models["two"], lazy[lazy.a > 99])
    assert none.compute(scheduler="synchronous").shape == (0, 2)


def test_a_column_that_is_missing_is_told_at_once(models: dict[str, Any]) -> None:
    lazy = dd.from_pandas(FRAME, npartitions=2)[["a"]]
    with pytest.raises(ValueError, match="X has no column 'b'"):
        dr.distributed.predict(models["regressor"], lazy)


def test_nothing_is_predicted_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    net, seen = network([3, 4, 2]), []

    def predict(X: Array) -> Array:
        seen.append(len(X))
        return dr.Network.predict(net, X)

    monkeypatch.setattr(net, "predict", predict)
    found = dr.distributed.predict(net, da.from_array(ROWS, chunks=(25, 2)))
    assert seen == [1]
    assert (found.shape, found.dtype, found.chunks) == ((M, 2), np.float32, ((25, 25, 10), (2,)))
    assert np.array_equal(found.compute(scheduler="synchronous"), net.predict(ROWS))


def test_an_array_of_an_unknown_length_and_outputs_of_one_dimension() -> None:
    model = dr.MLPClassifier((4,), max_iter=20, random_state=0, tol=1.0)
    model.fit(ROWS, ROWS[:, 0] > 0)
    lazy = da.from_array(ROWS, chunks=(20, 3))
    found = dr.distributed.predict(model, lazy[lazy[:, 0] > 0])
    assert found.ndim == 1
    assert found.dtype == bool
    expected = model.predict(ROWS[ROWS[:, 0] > 0])
    assert np.array_equal(found.compute(scheduler="synchronous"), expected)


@pytest.mark.parametrize(
    ("X", "options", "words"),
    [
        (da.from_array(ROWS), {"out": "out.npy"}, "X is a Dask collection and out is 'out.npy'"),
        (da.from_array(ROWS), {"comm": object()}, "X is a Dask collection and comm is"),
        (da.from_array(ROWS), {"method": "predict_proba"}, "has no method 'predict_proba'"),
        (da.from_array(ROWS[0]), {}, "expected a Dask array of two dimensions"),
    ],
)
def test_what_cannot_be_predicted(X: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        dr.distributed.predict(network([3, 2]), X, **options)
