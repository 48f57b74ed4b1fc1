"""Models of tables as programs of PyTorch's: what is loaded answers what Python answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deltarule.tabular.models.fitted import Fitted
from deltarule.tabular.models.torch_program import to_torch_program
from support import Array
from support_c import coded_rows
from support_models import classifier, numbers, probabilities, regressor
from support_tables import M, columns

torch = pytest.importorskip("torch")


def table() -> dict[str, Any]:
    """Without dates, of which tensors know nothing."""
    return {name: values for name, values in columns().items() if name not in ("born", "seen")}


MODELS: dict[str, tuple[Callable[[], Fitted], Callable[[Fitted, Any], Array]]] = {
    "two classes, by quantiles": (lambda: classifier(table=table()), probabilities),
    "three classes, embedded": (
        lambda: classifier("three texts", 1.0, table=table(), one_hot=2, scaling="robust"),
        probabilities,
    ),
    "numbers, in float64": (
        lambda: regressor(
            1e6 + np.random.default_rng(0).normal(size=(M, 2)) * [0.1, 1e5],
            dtype="float64",
            table=table(),
            scaling="standard",
        ),
        numbers,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_what_is_loaded_answers_the_same(name: str, tmp_path: Path) -> None:
    make, answer = MODELS[name]
    model = make()
    to_torch_program(model, tmp_path / "model.pt2")
    beside = {"model.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=beside).module()
    told = json.loads(beside["model.json"])
    assert [each["name"] for each in told["columns"]] == model.encoder.columns
    coded = {each["name"]: each["codes_of"] for each in told["columns"] if "codes_of" in each}
    levels = model.encoder.levels
    assert coded
    assert all(levels[name] == codes for name, codes in coded.items())
    rows = coded_rows(model.encoder, table())
    assert np.isnan(rows).any()
    for some in (rows[:1], rows):  # as many as there are
        found = program(torch.from_numpy(some)).numpy()
        expected = answer(model, table())[: len(some)]
        scale = np.abs(expected).max(axis=0)
        np.testing.assert_allclose(found / scale, expected / scale, rtol=0, atol=1e-6)


def test_what_is_new_infinite_or_missing(tmp_path: Path) -> None:
    model = classifier(table=table())
    to_torch_program(model, tmp_path / "model.pt2")
    program = torch.export.load(tmp_path / "model.pt2").module()
    row = coded_rows(model.encoder, table())[:1]
    for odd in (np.nan, np.inf, -np.inf, -1.0, 0.5, 1e9):
        assert np.isfinite(program(torch.from_numpy(np.full_like(row, odd))).numpy()).all()


def test_dates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="to_torch: column 'born' holds dates: expected none"):
        to_torch_program(classifier(), tmp_path / "model.pt2")
    assert list(tmp_path.iterdir()) == []
