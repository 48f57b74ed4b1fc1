"""A table's columns in C: what a compiled header makes of them is what the encoder makes."""

import ctypes
import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import deltarule as dr
from deltarule.tabular import TableEncoder
from support import Array, assert_near
from support_c import C99, CXX11, coded_rows, compile_c
from support_tables import columns

COUNT = itertools.count()
SOURCE = """
void run(const double *columns, %(real)s *X, %(real)s *A);
void run(const double *columns, %(real)s *X, %(real)s *A) {
  model_encode(columns, X);
  model_predict(X, A);
}
"""


def network(table: Any, dtype: str = "float32", **arguments: Any) -> dr.Network:
    made = TableEncoder(**arguments).fit(table)
    layers = [*made.layers(), dr.Dense(6, "tanh"), dr.Dense(3)]
    return dr.Network(layers, inputs=made, dtype=dtype, seed=1)


class Compiled:
    """A network's header, compiled."""

    def __init__(self, net: dr.Network, folder: Path, language: Any = C99) -> None:
        self._net = net
        net.to_c(folder / "model.h")
        self.header = (folder / "model.h").read_text(encoding="ascii")
        source = SOURCE % {"real": "float" if net.dtype == np.float32 else "double"}
        if language is CXX11:
            source = f'extern "C" {{{source}}}'
        name = f"table{next(COUNT)}.so"
        path = compile_c(
            folder, f'#include "model.h"\n{source}', name, "-O2", "-shared", "-fPIC",
            language=language,
        )  # fmt: skip
        self._run = ctypes.CDLL(str(path)).run

    def __call__(self, table: dict[str, Any]) -> tuple[Array, Array]:
        """The rows as they are encoded, and the predictions."""
        raw = coded_rows(self._net.inputs, table)
        X = np.empty((len(raw), self._net.input_size), self._net.dtype)
        A = np.empty((len(raw), self._net.output_size), self._net.dtype)
        for row, x, a in zip(raw, X, A, strict=True):
            self._run(*(each.ctypes.data_as(ctypes.c_void_p) for each in (row, x, a)))
        return X, A


def assert_the_same(made: Compiled, table: dict[str, Any]) -> None:
    net = made._net
    X, A = made(table)
    assert_near(X, net.inputs.transform(table), 1e-6)  # type: ignore[union-attr]
    assert_near(A, net.predict(table), 1e-5)


def without_dates() -> dict[str, Any]:
    return {name: values for name, values in columns().items() if name not in ("born", "seen")}


@pytest.mark.parametrize("language", [C99, CXX11], ids=["C99", "C++11"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("scaling", ["quantile", "robust", "standard"])
def test_every_kind_of_column(scaling: str, dtype: str, language: Any, tmp_path: Path) -> None:
    net = network(without_dates(), dtype, scaling=scaling)
    made = Compiled(net, tmp_path, language)
    assert_the_same(made, without_dates())
    assert "#define MODEL_COLUMNS 7" in made.header
    assert 'columns[2]  "city": the code of its level; 0 "city 0", 1 "city 1"' in made.header


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    scaling=st.sampled_from(["quantile", "robust", "standard"]),
    fitted=st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=40).filter(
        lambda values: min(values) < max(values)
    ),
    tried=st.lists(st.floats(), min_size=1, max_size=9),
)
def test_any_numbers(scaling: str, fitted: Any, tried: Any, tmp_path: Path) -> None:
    table = {"a": [*fitted, None], "b": np.arange(len(fitted) + 1) / 7}
    made = Compiled(network(table, scaling=scaling), tmp_path)
    assert_the_same(made, {"a": [*fitted, *tried], "b": np.zeros(len(fitted) + len(tried))})


@pytest.mark.parametrize("one_hot", [0, 99])
@pytest.mark.parametrize(
    ("fitted", "tried"),
    [
        (["x", "y"], ["x", "y", "z", ""]),
        (["x", "y", "z", ""], ["x", "y", "z", "unseen", None]),
        (["x"] * 3 + ["y"] * 3 + ["z", "w"], ["x", "y", "z", "unseen", ""]),
        ([True, False, True], [True, False, None]),
        ([True, False, None, True], [True, False, None]),
        ([1, 2, 3] * 30, [1, 2, 3, 4, 2.5, None]),
        ([0.5, None, 0.5], [0.5, None, 1.5]),
        (["*/ #error", 'a"b\\', "??/", "ä日"], ["*/ #error", 'a"b\\', "??/", "ä日"]),
    ],
)
def test_categories(fitted: Any, tried: Any, one_hot: int, tmp_path: Path) -> None:
    net = network({"a": fitted}, min_count=2 if len(fitted) == 8 else 1, one_hot=one_hot,
                  kinds={"a": "category"})  # fmt: skip
    assert_the_same(Compiled(net, tmp_path), {"a": tried})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "embedding",
    [
        dr.Periodic(3, columns=[0, 1]),
        dr.PiecewiseLinear([[-1.0, 0.0, 0.5], [-2.0, 1.0]], 4, columns=[0, 1]),
    ],
)
def test_embeddings_of_numbers_behind_them(embedding: Any, dtype: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    table = {"a": rng.normal(size=60).tolist(), "b": rng.uniform(size=60).tolist(),
             "c": ["x", "y", "z"] * 20}  # fmt: skip
    made = TableEncoder(min_count=1).fit(table)
    net = dr.Network([embedding, dr.Dense(2)], inputs=made, dtype=dtype, seed=1)
    compiled = Compiled(net, tmp_path)
    assert_the_same(compiled, table)
    (constants,) = re.findall(r"\* ([\d,]+) bytes of constants", compiled.header)
    arrays = re.findall(r"static const (float|double) \w+\[(\d+)\]", compiled.header)
    size = sum(int(n) * (4 if kind == "float" else 8) for kind, n in arrays)
    assert constants == f"{size:,}"


def test_codes_that_are_none(tmp_path: Path) -> None:
    net = network({"a": ["x", "y", "z"]}, min_count=1)
    made = Compiled(net, tmp_path)
    run = made._run
    expected, _ = made({"a": ["unseen"]})
    for code in (-1, 3, 0.5, 1e300, -1e300, math.inf):
        X, A = np.empty(3, np.float32), np.empty(3, np.float32)
        run(*(each.ctypes.data_as(ctypes.c_void_p) for each in (np.array([code]), X, A)))
        np.testing.assert_array_equal(X, expected[0])


def test_dates_are_refused(tmp_path: Path) -> None:
    message = r"to_c: column 'born' holds dates: .*kinds={'born': 'drop'}"
    with pytest.raises(ValueError, match=message):
        network(columns()).to_c(tmp_path / "x.h")
    assert not list(tmp_path.iterdir())
