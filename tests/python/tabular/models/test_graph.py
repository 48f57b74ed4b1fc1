"""Models of tables in ONNX: ONNX Runtime answers from raw columns what Python answers."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deltarule as dr
from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.graph import to_onnx
from support_models import CLASSES, classifier, labels, numbers, probabilities, regressor
from support_onnx_columns import fed
from support_tables import M, columns

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def answers(model: Fitted, path: Path) -> Callable[[Any], dict[str, Any]]:
    """What ONNX Runtime makes of tables, by the outputs' names."""
    to_onnx(model, path)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_outputs()]
    return lambda table: dict(zip(names, session.run(None, fed(session, table)), strict=True))


def rows(table: dict[str, Any], *which: int) -> dict[str, Any]:
    return {name: [values[row] for row in which] for name, values in table.items()}


def odd() -> dict[str, Any]:
    """Rows with all that a row may be short of."""
    unseen = {**columns(), "city": ["Atlantis"] * M, "rooms": [99] * M, "sex": ["?"] * M}
    nothing = {name: [None] * M for name in columns()}
    far = {**columns(), "income": [float("inf")] * M, "age": [-float("inf")] * M}
    some = [rows(table, 0, 5, 9) for table in (unseen, nothing, far)]
    return {name: [value for table in some for value in table[name]] for name in columns()}


BATCHES: dict[str, Callable[[], dict[str, Any]]] = {
    "all": columns,
    "one": lambda: rows(columns(), 7),
    "odd": odd,
    "none": lambda: {name: [] for name in columns()},
}


@pytest.mark.parametrize("temperature", [1.0, 0.3, 4.0])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("classes", CLASSES)
def test_classifiers(classes: str, dtype: str, temperature: float, tmp_path: Path) -> None:
    model = classifier(classes, temperature, dtype)
    answer = answers(model, tmp_path / "x.onnx")
    for name, batch in BATCHES.items():
        table, found = batch(), answer(batch())
        assert list(found) == ["label", "probabilities"]
        assert found["probabilities"].dtype == dtype
        if name == "none":
            assert found["probabilities"].shape == (0, len(CLASSES[classes]))
            assert found["label"].shape == (0,)
            continue
        P = probabilities(model, table)
        np.testing.assert_allclose(found["probabilities"], P, rtol=0, atol=1e-5)
        clear = np.abs(np.diff(np.sort(P, axis=1)[:, -2:])[:, 0]) > 1e-5
        assert found["label"].shape == (len(P),)
        np.testing.assert_array_equal(found["label"][clear], labels(model, table)[clear])
    kinds = {"two texts": "O", "three texts": "O", "whole numbers": "i", "truths": "b"}
    assert answer(columns())["label"].dtype.kind == kinds[classes]


@pytest.mark.parametrize("clamp", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 3])
def test_regressors(count: int, dtype: str, clamp: bool, tmp_path: Path) -> None:
    y = np.random.default_rng(0).normal(size=(M, count)) * [0.1, 1e3, 1e-9][:count]
    model = regressor(y, clamp=clamp, dtype=dtype)
    answer = answers(model, tmp_path / "x.onnx")
    for name, batch in BATCHES.items():
        table, found = batch(), answer(batch())
        assert list(found) == ["prediction"]
        assert found["prediction"].dtype == np.float64
        if name == "none":
            assert found["prediction"].shape == (0, count)
            continue
        expected = numbers(model, table)
        apart = np.abs(found["prediction"] - expected) / model.targets.deviation  # type: ignore[union-attr]
        assert apart.max() < 1e-5


def test_predictions_are_clamped(tmp_path: Path) -> None:
    model = regressor([0.0, 1.0])
    for net in model.ensemble:
        net.parameters *= 20
    found = answers(model, tmp_path / "x.onnx")(columns())["prediction"]
    assert (found.min(), found.max()) == (0, 1)
    np.testing.assert_allclose(found, numbers(model, columns()), atol=1e-4)


def test_large_targets_keep_their_digits(tmp_path: Path) -> None:
    """Near 1e9, where float32 would leave steps of 64."""
    model = regressor(1e9 + np.random.default_rng(0).normal(size=M), dtype="float64")
    found = answers(model, tmp_path / "x.onnx")(columns())["prediction"]
    np.testing.assert_allclose(found, numbers(model, columns()), rtol=0, atol=1e-4)
    assert len(np.unique(found)) > M / 2


def test_probabilities_that_are_0_or_1(tmp_path: Path) -> None:
    for classes in ("two texts", "three texts"):
        model = classifier(classes, 0.5)
        for net in model.ensemble:
            net.parameters *= 400
        P = probabilities(model, columns())
        assert P.min() == 0
        found = answers(model, tmp_path / "x.onnx")(columns())["probabilities"]
        assert np.isfinite(found).all()
        # Where an activation is that steep, a rounding is much.
        assert np.median(np.abs(found - P)) < 1e-5
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-6)


def test_columns_that_are_called_as_the_outputs_are(tmp_path: Path) -> None:
    table = {name: columns()["income"] for name in ("label", "probabilities", "A", "both", "m")}
    table |= {"label": np.random.default_rng(0).normal(size=M).tolist()}
    with pytest.warns(dr.TableWarning, match="it is the same as"):
        model = classifier(table=table)
    found = answers(model, tmp_path / "x.onnx")(table)
    assert list(found) == ["label_", "probabilities_"]
    np.testing.assert_allclose(
        found["probabilities_"], probabilities(model, table), rtol=0, atol=1e-5
    )


def test_columns_that_are_left_out_are_no_inputs(tmp_path: Path) -> None:
    model = classifier()
    to_onnx(model, tmp_path / "x.onnx")
    graph = onnx.load(tmp_path / "x.onnx").graph
    assert [each.name for each in graph.input] == model.encoder.columns
    weightless = [each.name for each in graph.node if each.name.startswith("networks.2.")]
    assert not weightless


def test_what_cannot_be_written_leaves_no_file(tmp_path: Path) -> None:
    model = classifier()
    broken = model.ensemble[0]
    broken.parameters[0] = np.nan
    with pytest.raises(ValueError, match="to_onnx"):
        to_onnx(replace(model, ensemble=dr.Ensemble([broken])), tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []
