"""Reports on estimators of numbers: what they are told of y, and what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sklearn")

import deltarule as dr
from deltarule._reporting.estimators import subjects
from deltarule.report.facts.gathered import gathered
from deltarule.report.subject import Subject

M = 120
X = np.random.default_rng(0).normal(size=(M, 3))
FAST: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")


def reported(model: Any, y: Any, rows: Any = X, **options: Any) -> list[Subject]:
    given = {"sample_weight": None, "train": None, "baselines": False}
    return subjects(model, rows, y, **(given | options), command="", where="report")


@pytest.mark.parametrize("count", [2, 3])
def test_a_classifier(count: int) -> None:
    y = np.array(["low", "middle", "high"])[np.digitize(X[:, 0], (-0.5, 0.5)) % count]
    model = dr.MLPClassifier(early_stopping=True, **FAST).fit(X, y)
    weights = np.linspace(0, 2, M)
    (found,) = reported(model, y, sample_weight=weights)
    facts = gathered(found)
    expected = model.score(X, y, sample_weight=weights)
    assert facts.model.scores["accuracy"].value == pytest.approx(expected)
    assert found.classes == tuple(model.classes_)
    assert found.held_out == {"accuracy": model.best_validation_score_}
    assert found.members[0].losses == model.validation_loss_curve_
    np.testing.assert_allclose(found.model.outputs, model.predict_proba(X), rtol=1e-6)


def test_labels_have_sections_each() -> None:
    y = (X[:, :2] > 0).astype(int)
    model = dr.MLPClassifier(**FAST).fit(X, y)
    found = reported(model, y)
    assert [each.target for each in found] == ["y0", "y1"]
    np.testing.assert_allclose(found[1].model.outputs[:, 1], model.predict_proba(X)[:, 1])


def test_a_regressor_of_a_loss_of_ones_own(tmp_path: Path) -> None:
    def squares(A: Any, Y: Any) -> Any:
        return (A - Y)[:, 0] ** 2, 2 * (A - Y)

    y = X[:, 0]
    model = dr.MLPRegressor(squares, **FAST).fit(X, y)
    (found,) = reported(model, y, train=(X, y))
    np.testing.assert_allclose(found.model.outputs, model.predict(X))
    assert found.trained is not None
    model.report(tmp_path / "r.html", X, y)
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "dr.MLPRegressor(hidden_layer_sizes=(4,), loss=squares, max_iter=2" in text


def test_baselines_are_fitted_to_the_rows_of_the_fit() -> None:
    y = X[:, 0]
    model = dr.MLPRegressor(**FAST).fit(X, y)
    (found,) = reported(model, y, train=(X, y), baselines=True)
    names = [each.name for each in found.baselines]
    assert names == ["always the mean", "linear regression", "gradient-boosted trees"]
    np.testing.assert_allclose(found.baselines[1].outputs, y, atol=1e-3)


def test_names_of_columns() -> None:
    pandas = pytest.importorskip("pandas")
    rows = pandas.DataFrame(X, columns=["age", "customer_id", "income"])
    model = dr.MLPRegressor(**FAST).fit(rows, X[:, 0])
    (found,) = reported(model, pandas.Series(X[:, 0], name="bought"), rows)
    assert found.target == "bought"
    assert [(each.name, each.identifier) for each in found.columns] == [
        ("age", False),
        ("customer_id", True),
        ("income", False),
    ]


def test_several_quantiles_are_refused(tmp_path: Path) -> None:
    model = dr.MLPRegressor(dr.Quantile([0.1, 0.9]), **FAST).fit(X, X[:, 0])
    with pytest.raises(ValueError, match=r"MLPRegressor\.report: the model predicts 2 quantiles"):
        model.report(tmp_path / "r.html", X, X[:, 0])
    assert not list(tmp_path.iterdir())
