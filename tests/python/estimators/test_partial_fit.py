"""``partial_fit`` of a few rows, again and again: what has been checked is not checked again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from deltarule import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.standard_normal((40, 3))
Y = np.arange(40) % 2
PLACE = np.arange(120).reshape(40, 3) == 10


def small(**given: Any) -> MLPClassifier:
    return MLPClassifier((5,), random_state=0, **given)


def weights(model: Any) -> np.ndarray[Any, Any]:
    return np.concatenate([each.ravel() for each in [*model.coefs_, *model.intercepts_]])


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (X.tolist(), Y.tolist()),
        (np.asfortranarray(X), Y.astype(np.uint8)),
        (X, Y.astype(float)),
        (X[::-1][::-1], Y.astype(bool)),
    ],
)
@pytest.mark.parametrize("classes", [[0, 1], [0, 1, 2]])
def test_whatever_holds_the_numbers_the_steps_are_the_same(
    rows: Any, labels: Any, classes: list[int]
) -> None:
    ours, other = (small().partial_fit(X, Y, classes=classes) for _ in range(2))
    for _ in range(2):
        ours.partial_fit(X, Y)
        other.partial_fit(rows, labels)
    assert np.array_equal(weights(ours), weights(other))


@pytest.mark.parametrize("classes", [["no", "yes"], ["a", "no", "yes"], [-3, 5]])
def test_labels_of_any_kind_are_the_classes_that_they_name(classes: list[Any]) -> None:
    named = np.array(classes[-2:])[Y]
    ours = small().partial_fit(X, named, classes=classes)
    codes = small().partial_fit(X, Y + len(classes) - 2, classes=range(len(classes)))
    ours.partial_fit(X, named)
    codes.partial_fit(X, Y + len(classes) - 2)
    assert np.array_equal(weights(ours), weights(codes))


@pytest.mark.parametrize(
    ("rows", "labels", "message"),
    [
        (np.where(PLACE, np.nan, X), Y, "Input X contains NaN"),
        (np.where(PLACE, np.inf, X), Y, "Input X contains infinity"),
        (X[:, :2], Y, "X has 2 features, but MLPClassifier is expecting 3"),
        (X[0], Y[:1], "Expected 2D array, got 1D array"),
        (X[:0], Y[:0], r"Found array with 0 sample\(s\)"),
        (X[:39], Y, "inconsistent numbers of samples"),
        (X, Y + 1, "`y` has classes not in `self.classes_`"),
        (X, Y - 1, "`y` has classes not in `self.classes_`"),
        (X, np.where(Y, 0.5, 1), "Unknown label type|has classes not in|continuous"),
    ],
)
def test_what_does_not_fit_is_refused_at_a_later_call_too(
    rows: Any, labels: Any, message: str
) -> None:
    model = small().partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    before = weights(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(rows, labels)
    assert np.array_equal(weights(model), before)


def test_a_column_of_labels_is_warned_of_at_a_later_call_too() -> None:
    model = small().partial_fit(X, Y, classes=[0, 1])
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        model.partial_fit(X, Y[:, np.newaxis])


@pytest.mark.parametrize("name", ["alpha", "hidden_layer_sizes", "solver"])
def test_a_parameter_that_was_changed_is_checked_again(name: str) -> None:
    model = small().partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    model.set_params(**{name: "nonsense"})
    with pytest.raises(ValueError, match=f"The '{name}' parameter of MLPClassifier must be"):
        model.partial_fit(X, Y)


def test_a_list_that_was_changed_in_its_place_is_checked_again() -> None:
    names = ["relu"]
    model = small(activation=names).partial_fit(X, Y, classes=[0, 1]).partial_fit(X, Y)
    names[0] = "nonsense"
    with pytest.raises(ValueError, match="activation has 'nonsense'"):
        model.partial_fit(X, Y)


def test_a_batch_may_lack_a_class_whatever_warm_start_is() -> None:
    """scikit-learn 11758: an estimator for both ways of going on refused such batches."""
    ours, other = (
        small(warm_start=warm).partial_fit(X, Y, classes=[0, 1]) for warm in (True, False)
    )
    for each in (ours, other):
        each.partial_fit(X[Y == 0], Y[Y == 0])
    assert np.array_equal(weights(ours), weights(other))
    with pytest.raises(ValueError, match="warm_start can only be used where"):
        ours.fit(X[Y == 0], Y[Y == 0])


def test_a_generator_of_the_users_own_is_never_seeded() -> None:
    model = MLPRegressor(hidden_layer_sizes=(4,), random_state=3, max_iter=2, tol=0.0)
    model.partial_fit(X, Y)
    own = np.random.RandomState(7)
    model.set_params(random_state=own).partial_fit(X, Y)
    model.set_params(random_state=3).partial_fit(X, Y)
    expected = np.random.RandomState(7)
    expected.shuffle(np.arange(len(X)))
    assert own.randint(1 << 30) == expected.randint(1 << 30)
    same = MLPRegressor(hidden_layer_sizes=(4,), random_state=3).partial_fit(X, Y)
    same.set_params(random_state=np.random.RandomState(7)).partial_fit(X, Y)
    same.set_params(random_state=np.random.RandomState(3)).partial_fit(X, Y)
    assert np.array_equal(weights(model), weights(same))
