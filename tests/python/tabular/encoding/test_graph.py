"""ONNX from raw columns: what ONNX Runtime makes of a table is what the network makes of it."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
from support import Array
from support_onnx_columns import fed
from support_tables import columns

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def session(net: dr.Network, path: Path) -> Any:
    net.to_onnx(path)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(of: Any, table: dict[str, Any]) -> Array:
    [A] = of.run(None, fed(of, table))
    return np.asarray(A)


def network(table: dict[str, Any], dtype: str = "float32", **arguments: Any) -> dr.Network:
    made = dr.TableEncoder(**arguments).fit(table)
    layers = [*made.layers(), dr.Dense(6, "tanh"), dr.Dense(3)]
    return dr.Network(layers, inputs=made, dtype=dtype, seed=1)


def assert_the_same(net: dr.Network, table: dict[str, Any], path: Path) -> None:
    A = run(session(net, path), table)
    expected = net.predict(table)
    assert A.dtype == expected.dtype
    np.testing.assert_allclose(A, expected, rtol=1e-5, atol=1e-5)


def of_one_hot(table: dict[str, Any], **arguments: Any) -> dr.Network:
    """A network that hands the rows on as they are encoded, so that nothing hides behind tanh."""
    made = dr.TableEncoder(one_hot=99, **arguments).fit(table)
    return dr.Network([dr.Activation("identity")], inputs=made)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", ["quantile", "robust", "standard"])
def test_every_kind_of_column(scaling: str, dtype: str, tmp_path: Path) -> None:
    net = network(columns(), dtype, scaling=scaling)
    assert net.inputs is not None
    assert net.inputs.embedded
    path = tmp_path / "x.onnx"
    assert_the_same(net, columns(), path)
    assert_the_same(net, {name: values[:1] for name, values in columns().items()}, path)
    assert [each.name for each in session(net, path).get_inputs()] == net.feature_names


@pytest.mark.parametrize("scaling", ["quantile", "robust", "standard"])
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    fitted=st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=40).filter(
        lambda values: min(values) < max(values)
    ),
    tried=st.lists(st.floats(), min_size=1, max_size=9),
)  # fmt: skip
def test_any_numbers(scaling: str, fitted: Any, tried: Any, tmp_path: Path) -> None:
    net = of_one_hot({"a": [*fitted, None], "b": np.arange(len(fitted) + 1) / 7}, scaling=scaling)
    table = {"a": [*fitted, *tried], "b": np.arange(len(fitted) + len(tried)) / 9}
    assert_the_same(net, table, tmp_path / "x.onnx")


def test_dates_of_all_ages(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = rng.integers(-719_000, 2_900_000, 3000)
    start = dt.datetime(1970, 1, 1)
    moments: list[Any] = [
        start + dt.timedelta(int(day), int(second))
        for day, second in zip(days, rng.integers(0, 86_400, 3000), strict=True)
    ]
    moments += [dt.datetime(year, month, day) for year in (1, 1600, 1900, 1969, 2000, 2023, 9999)
                for month, day in ((1, 1), (2, 28), (3, 1), (12, 31))]  # fmt: skip
    moments += [dt.datetime(2000, 2, 29, 23, 59, 59, 999_999), None]
    net = of_one_hot({"a": moments}, scaling="standard")
    names = net.inputs.feature_names_out  # type: ignore[union-attr]
    assert len(names) == 9
    assert_the_same(net, {"a": moments}, tmp_path / "x.onnx")
    assert_the_same(of_one_hot({"a": moments[:9]}), {"a": moments}, tmp_path / "x.onnx")


@pytest.mark.parametrize(
    ("fitted", "tried"),
    [
        (["x", "y"], ["x", "y", "z", "", "NA", "NaN", "null", "?"]),
        (["x", "y", "z", ""], ["x", "y", "z", "unseen", "None", None]),
        (["x"] * 3 + ["y"] * 3 + ["z", "w"], ["x", "y", "z", "unseen", ""]),
        ([True, False, True], [True, False, None]),
        ([True, False, None, True], [True, False, None]),
        ([1, 2, 3] * 30, [1, 2, 3, 4, 2.5, None]),
        ([0.5, None, 0.5], [0.5, None, 1.5]),
        (["2020-01-01", None], ["2020-01-01", None, "2020-01-02"]),
        (["ä", "日本", "a b"], ["ä", "日本", "a b", "a"]),
    ],
)
def test_categories(fitted: Any, tried: Any, tmp_path: Path) -> None:
    for made in (
        of_one_hot({"a": fitted}, min_count=2 if len(fitted) == 8 else 1, kinds={"a": "category"}),
        network({"a": fitted}, min_count=1, one_hot=0, kinds={"a": "category"}),
    ):
        assert_the_same(made, {"a": tried}, tmp_path / "x.onnx")


def test_names_that_the_graph_has_too(tmp_path: Path) -> None:
    names = ["A", "A_", "X", "Z1", "W1", "b1", "A1", "column 0", "inputs_1", "inputs_2", "m"]
    rng = np.random.default_rng(0)
    table = {name: rng.normal(size=20) for name in names}
    net = network(table)
    assert_the_same(net, table, tmp_path / "x.onnx")
    made = session(net, tmp_path / "x.onnx")
    assert [each.name for each in made.get_inputs()] == names
    assert made.get_outputs()[0].name == "A__"


def test_a_name_that_is_none(tmp_path: Path) -> None:
    net = network({"": [1.5, 2.5]})
    with pytest.raises(ValueError, match="to_onnx: a column's name is ''"):
        net.to_onnx(tmp_path / "x.onnx")


def test_no_rows_and_many_columns(tmp_path: Path) -> None:
    table = {f"c{i}": np.random.default_rng(i).normal(size=1500) for i in range(300)}
    net = network(table)
    assert_the_same(net, table, tmp_path / "x.onnx")
    empty = run(session(net, tmp_path / "x.onnx"), dict.fromkeys(table, ()))
    assert empty.shape == (0, 3)
    assert len(onnx.load(tmp_path / "x.onnx").graph.node) < 200  # one search for all
