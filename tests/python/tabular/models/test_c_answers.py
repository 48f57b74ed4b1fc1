"""Models of tables in C: a compiled header answers what Python answers."""

import ctypes
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular import ClassEncoder
from deltarule.tabular.models.c_answers import to_c
from deltarule.tabular.models.fitted import Fitted
from support import Array
from support_c import C99, CXX11, coded_rows, compile_c
from support_models import CLASSES, classifier, numbers, probabilities, regressor
from support_tables import M, columns

COUNT = itertools.count()
FIRST = 40  # rows


def table() -> dict[str, Any]:
    """Without dates, of which C knows nothing."""
    return {name: values for name, values in columns().items() if name not in ("born", "seen")}


def answers(model: Fitted, folder: Path, language: Any = C99) -> Array:
    """What C makes of the first rows."""
    to_c(model, folder / "model.h")
    function, count = (
        ("probabilities", len(model.targets.classes))
        if hasattr(model.targets, "classes")
        else ("prediction", len(model.targets.mean))
    )
    start = 'extern "C" ' if language is CXX11 else ""
    source = (
        '#include "model.h"\n'
        f"{start}void run(const double *columns, double *answer);\n"
        "void run(const double *columns, double *answer) {\n"
        f"  model_{function}(columns, answer);\n}}\n"
    )
    name = f"model{next(COUNT)}.so"
    path = compile_c(folder, source, name, "-O2", "-shared", "-fPIC", language=language)
    run, raw = ctypes.CDLL(str(path)).run, coded_rows(model.encoder, table())[:FIRST]
    found = np.full((len(raw), count), np.nan)
    for row, answer in zip(raw, found, strict=True):
        run(*(each.ctypes.data_as(ctypes.c_void_p) for each in (row, answer)))
    return found


@pytest.mark.parametrize("language", [C99, CXX11], ids=["C99", "C++11"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_classifiers(temperature: float, dtype: str, language: Any, tmp_path: Path) -> None:
    for classes in CLASSES:
        model = classifier(classes, temperature, dtype, table())
        P = probabilities(model, table())[:FIRST]
        np.testing.assert_allclose(answers(model, tmp_path, language), P, rtol=0, atol=1e-5)
    header = (tmp_path / "model.h").read_text(encoding="ascii")
    assert "#define MODEL_CLASSES 2" in header
    assert " *   P[1]  True\n" in header


@pytest.mark.parametrize("language", [C99, CXX11], ids=["C99", "C++11"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("clamp", [True, False])
def test_regressors(clamp: bool, dtype: str, language: Any, tmp_path: Path) -> None:
    y = 1e6 + np.random.default_rng(0).normal(size=(M, 2)) * [0.1, 1e5]
    model = regressor(y, clamp=clamp, dtype=dtype, table=table())
    apart = answers(model, tmp_path, language) - numbers(model, table())[:FIRST]
    assert np.abs(apart / model.targets.deviation).max() < 1e-5  # type: ignore[union-attr]
    header = (tmp_path / "model.h").read_text(encoding="ascii")
    assert "#define MODEL_TARGETS 2" in header


def test_probabilities_of_0_and_low_temperatures(tmp_path: Path) -> None:
    model = classifier("three texts", 0.002, "float64", table())
    found = answers(model, tmp_path)
    np.testing.assert_allclose(found, probabilities(model, table())[:FIRST], rtol=0, atol=1e-5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_a_single_network_that_needs_no_memory(tmp_path: Path) -> None:
    model = regressor(table=table(), one_hot=99)
    net = dr.Network([dr.Dense(1)], model.encoder.output_size, seed=3)
    model = replace(model, ensemble=dr.Ensemble([net]))
    expected = numbers(model, table())[:FIRST]
    np.testing.assert_allclose(answers(model, tmp_path), expected, rtol=0, atol=1e-3)


def test_classes_that_would_end_a_comment(tmp_path: Path) -> None:
    targets = ClassEncoder().fit(["*/ int x;", "/*", "\u00e9\\"])
    model = replace(classifier("three texts", table=table()), targets=targets)
    P = probabilities(model, table())[:FIRST]
    np.testing.assert_allclose(answers(model, tmp_path), P, rtol=0, atol=1e-5)


def test_dates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="to_c: column 'born' holds dates: expected none"):
        to_c(classifier(), tmp_path / "model.h")
    assert list(tmp_path.iterdir()) == []
