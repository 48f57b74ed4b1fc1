"""What scikit-learn asks of every estimator."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

import deltarule as dr
from deltarule.tabular.models.training import recipe

_SMALL = recipe.Preset(members=4, units=16, waves=7, patience=4, epochs=30, snapshots=2, size=4)
_NOT_SO = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a row twice and a row of weight 2 are held out, and taken in batches, in other places"
    )
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs that take little time: what is asked does not depend on how many members there are."""
    monkeypatch.setitem(recipe.PRESETS, "fast", _SMALL)


@pytest.mark.parametrize("kind", [dr.TabularClassifier, dr.TabularRegressor])
def test_scikit_learns_own_checks(kind: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            kind(preset="fast", random_state=0), expected_failed_checks=_NOT_SO, on_skip=None
        )
    assert len(results) > 50
    assert {each["check_name"] for each in results if each["status"] == "xfail"} == set(_NOT_SO)


def test_it_stands_in_scikit_learns_tools() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.integers(2, size=120)
    model = dr.TabularClassifier(preset="fast", random_state=0)
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    assert make_pipeline(model).fit(X, y).predict(X).shape == (120,)
