"""What scikit-learn asks of every estimator."""

from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

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


@parametrize_with_checks(
    [
        dr.TabularClassifier(preset="fast", random_state=0),
        dr.TabularRegressor(preset="fast", random_state=0),
    ],
    expected_failed_checks=lambda estimator: _NOT_SO,
)
@pytest.mark.filterwarnings("ignore::deltarule.TableWarning")
def test_scikit_learns_own_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_it_stands_in_scikit_learns_tools() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(120, 3)), rng.integers(2, size=120)
    model = dr.TabularClassifier(preset="fast", random_state=0)
    assert len(cross_val_score(model, X, y, cv=3)) == 3
    assert make_pipeline(model).fit(X, y).predict(X).shape == (120,)
