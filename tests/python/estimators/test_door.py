"""What an estimator is handed: labels, weights and memory of every kind."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn import datasets, neural_network
from sklearn.ensemble import VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import balanced_accuracy_score

import deltarule as dr
from support import Array

X, Y = datasets.make_classification(
    n_samples=120, n_features=6, n_informative=4, n_classes=3, random_state=0
)
LABELS = np.column_stack([Y == 0, Y < 2, Y == 2]).astype(int)


def quiet(model: Any, X: Any = X, y: Any = Y, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **arguments)


def small(**parameters: Any) -> Any:
    return dr.MLPClassifier(
        **{"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0} | parameters
    )


def assert_same_fit(one: Any, other: Any) -> None:
    assert one.loss_curve_ == other.loss_curve_
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        np.testing.assert_array_equal(a, b)


# Labels -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("true", [255, 2, -1, 256])
@pytest.mark.parametrize("kind", [np.array, scipy.sparse.csr_array])
@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_labels_are_true_where_they_are_not_zero(
    true: int, kind: Any, parameters: dict[str, Any]
) -> None:
    usual = quiet(small(**parameters), y=LABELS)
    model = quiet(small(**parameters), y=kind(LABELS * true))
    np.testing.assert_array_equal(model.coefs_[0], usual.coefs_[0])
    assert model.loss_ == usual.loss_
    if "early_stopping" in parameters:
        assert model.validation_scores_ == usual.validation_scores_
    theirs = quiet(
        neural_network.MLPClassifier(8, max_iter=5, random_state=0, **parameters),
        y=kind(LABELS * true),
    )
    np.testing.assert_allclose(model.predict_proba(X), theirs.predict_proba(X), rtol=1e-4)


def test_labels_of_validation_data_and_of_partial_fit_are_true_where_they_are_not_zero() -> None:
    usual = quiet(small(), y=LABELS, X_val=X, y_val=LABELS)
    model = quiet(small(), y=LABELS, X_val=X, y_val=LABELS * 255)
    assert model.validation_scores_ == usual.validation_scores_
    assert model.validation_loss_curve_ == usual.validation_loss_curve_
    one, other = (small().partial_fit(X, LABELS * true, classes=range(3)) for true in (1, 255))
    assert one.loss_ == other.loss_


@pytest.mark.parametrize("form", ["csr_matrix", "csc_array", "coo_array"])
def test_sparse_labels_are_as_good_as_dense_ones(form: str) -> None:
    sparse = getattr(scipy.sparse, form)(LABELS)
    assert_same_fit(
        quiet(small(early_stopping=True), y=sparse), quiet(small(early_stopping=True), y=LABELS)
    )
    usual = quiet(small(), y=LABELS, X_val=X, y_val=LABELS)
    for y, y_val in ((sparse, sparse), (LABELS, sparse), (sparse, LABELS)):
        model = quiet(small(), y=y, X_val=X, y_val=y_val)
        assert_same_fit(model, usual)
        assert model.validation_scores_ == usual.validation_scores_
        assert scipy.sparse.issparse(model.predict(X)) == scipy.sparse.issparse(y)


def test_sparse_targets_are_as_good_as_dense_ones() -> None:
    targets = LABELS * X[:, :3]
    one, other = (
        quiet(dr.MLPRegressor(hidden_layer_sizes=4, max_iter=3, random_state=0), y=y)
        for y in (targets, scipy.sparse.csr_array(targets))
    )
    assert_same_fit(one, other)


def test_labels_of_another_kind_are_refused_later() -> None:
    for first, later in ((Y, LABELS), (LABELS, Y)):
        with pytest.raises(ValueError, match=r"y has shape .* as at the first fit"):
            quiet(small(), y=first, X_val=X, y_val=later)
        model = quiet(small(warm_start=True), y=first)
        with pytest.raises(ValueError, match=r"y has shape .* as at the first fit"):
            model.fit(X, later)


# Weights ------------------------------------------------------------------------------------------

NEGATIVE = np.where(np.arange(len(Y)) == 3, -1.0, 1.0)


@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
@pytest.mark.parametrize("kind", [dr.MLPClassifier, dr.MLPRegressor])
def test_weights_are_not_negative(kind: Any, parameters: dict[str, Any]) -> None:
    for weights in (NEGATIVE, list(NEGATIVE), NEGATIVE.astype(np.float32)):
        with pytest.raises(ValueError, match=r"sample_weight\[3\] is -1.0: expected 0 or more"):
            kind(**parameters).fit(X, Y, sample_weight=weights)


def test_weights_of_other_calls_are_not_negative() -> None:
    with pytest.raises(ValueError, match=r"sample_weight_val\[3\] is -1.0: expected 0 or more"):
        small().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=NEGATIVE)
    with pytest.raises(ValueError, match=r"sample_weight\[3\] is -1.0: expected 0 or more"):
        small().partial_fit(X, Y, NEGATIVE, classes=range(3))
    with pytest.raises(ValueError, match=r"class_weight by example\[\d+\] is -2.0"):
        small(class_weight={0: -2.0}).fit(X, Y)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.zeros(len(Y)), "(non-zero number|0 for every example)"),
        (np.where(NEGATIVE < 0, np.nan, 1.0), "contains NaN"),
        (np.where(NEGATIVE < 0, np.inf, 1.0), "contains infinity"),
    ],
)
def test_weights_are_numbers_and_not_all_zero(weights: Array, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        small().fit(X, Y, sample_weight=weights)
    with pytest.raises(ValueError, match=words):
        small().fit(X, Y, X_val=X, y_val=Y, sample_weight_val=weights)


def test_examples_that_are_held_back_weigh_something() -> None:
    weights = np.zeros(len(Y))
    weights[:3] = 1.0  # of which the split takes none
    with pytest.raises(ValueError, match="validation examples' sample_weight is 0 for every"):
        small(early_stopping=True).fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 7.0, 2: 0.5}])
@pytest.mark.parametrize("sample_weight", [None, np.linspace(1, 2, len(Y))])
def test_classes_weigh_in_validation_too(class_weight: Any, sample_weight: Any) -> None:
    y = np.where(np.arange(len(Y)) % 5 == 0, Y, 1)  # of which some are rare
    shares = len(y) / (3 * np.bincount(y))
    of_class = shares if class_weight == "balanced" else np.array([7.0, 1.0, 0.5])
    weights = of_class[y] * (1.0 if sample_weight is None else sample_weight)
    for given in ({"early_stopping": True}, {"early_stopping": True, "scoring": "loss"}):
        model = quiet(small(class_weight=class_weight, **given), y=y, sample_weight=sample_weight)
        expected = quiet(small(**given), y=y, sample_weight=weights)
        np.testing.assert_allclose(
            model.validation_loss_curve_, expected.validation_loss_curve_, rtol=1e-12
        )
        np.testing.assert_allclose(model.validation_scores_, expected.validation_scores_)
        plain = quiet(small(**given), y=y)
        assert model.validation_loss_curve_[0] != plain.validation_loss_curve_[0]


def test_validation_data_of_ones_own_weigh_as_the_training_sets_classes_do() -> None:
    y = np.where(np.arange(len(Y)) % 5 == 0, Y, 1)
    some = np.flatnonzero(y != 2)[:40]  # other shares, and a class that is missing
    shares = len(y) / (3 * np.bincount(y))
    given = {"X_val": X[some], "y_val": y[some]}
    model = quiet(small(class_weight="balanced"), y=y, **given)
    P = model.predict_proba(X[some])
    losses = -np.log(P[np.arange(len(some)), y[some]])
    assert model.validation_loss_curve_[-1] == pytest.approx(
        np.average(losses, weights=shares[y[some]])
    )
    right = model.predict(X[some]) == y[some]
    assert model.validation_scores_[-1] == pytest.approx(np.average(right, weights=shares[y[some]]))
    by_hand = quiet(
        small(), y=y, sample_weight=shares[y], sample_weight_val=shares[y[some]], **given
    )
    np.testing.assert_allclose(model.validation_loss_curve_, by_hand.validation_loss_curve_)


def test_a_function_that_scores_without_weights_goes_with_class_weights() -> None:
    def balanced(estimator: Any, X: Any, y: Any) -> float:
        return float(balanced_accuracy_score(y, estimator.predict(X)))

    model = quiet(small(class_weight="balanced", scoring=balanced), X_val=X, y_val=Y)
    assert model.validation_scores_[-1] == balanced(model, X, Y)


# Memory -------------------------------------------------------------------------------------------

TYPES = ["i2", "f2", "?", "u4", "u8", ">f8", ">f4", ">i4", "u1", "i8", "f4", "f8"]


def on_disk(path: Path, array: Array) -> Array:
    np.save(path, array)
    return np.load(path, mmap_mode="r")  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, {"solver": "lbfgs"}])
def test_a_memory_map_of_any_type_is_as_good_as_an_array(
    dtype: str, parameters: dict[str, Any], tmp_path: Path
) -> None:
    numbers = np.abs(10 * X).astype(dtype)
    mapped = on_disk(tmp_path / "X.npy", numbers)
    parameters = {"tol": 0.0} | parameters
    one, other = (quiet(small(**parameters), each) for each in (numbers, mapped))
    for a, b in zip(one.coefs_, other.coefs_, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.predict_proba(numbers), one.predict_proba(mapped))
    validated = quiet(small(), numbers, X_val=mapped, y_val=Y)
    assert validated.validation_scores_[-1] == validated.score(numbers, Y)


def test_packed_records_are_as_good_as_an_array() -> None:
    records = np.zeros(len(X), dtype=[("kind", "u1"), ("x", "f8", (X.shape[1],))])
    records["x"] = X
    model = quiet(small(early_stopping=True), records["x"])
    assert_same_fit(model, quiet(small(early_stopping=True)))
    np.testing.assert_array_equal(model.predict(records["x"]), model.predict(X))


def test_arrays_that_joblib_maps() -> None:
    large = np.random.default_rng(0).random((3000, 400)) < 0.5  # 1.2 MB
    y = large[:, 0] ^ large[:, 1]
    models = [("a", small(max_iter=1)), ("b", small(max_iter=1, early_stopping=True))]
    one, other = (quiet(VotingClassifier(models, n_jobs=jobs), large, y) for jobs in (1, 2))
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        assert_same_fit(a, b)


@pytest.mark.parametrize("window", [20, 100])
def test_a_memory_map_is_trained_in_the_order_of_an_array(
    window: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deltarule._data.rows.WINDOW_BYTES", window * X[0].nbytes)
    mapped = on_disk(tmp_path / "X.npy", X)
    weights = np.linspace(0.5, 2, len(Y))
    for parameters in (
        {},
        {"early_stopping": True},
        {"early_stopping": True, "shuffle": False},
        {"solver": "sgd", "batch_size": 110},
    ):
        given: dict[str, Any] = {"batch_size": 7, "tol": 0.0} | parameters
        for fit in ({}, {"sample_weight": weights}):
            one, other = (quiet(small(**given), each, **fit) for each in (X, mapped))
            assert_same_fit(one, other)
            assert one.validation_scores_ == other.validation_scores_
    monkeypatch.setattr("deltarule._data.rows.SHUFFLED_AS_A_WHOLE", X.size - 1)
    monkeypatch.setattr("deltarule._data.sampling._NUMBERS_A_WINDOW", 50 * X.shape[1])
    for parameters in ({}, {"early_stopping": True}):
        one, other = (quiet(small(batch_size=7, **parameters), each) for each in (X, mapped))
        assert_same_fit(one, other)


# Numbers ------------------------------------------------------------------------------------------


def test_what_is_assumed_to_be_finite_is_not_looked_at(tmp_path: Path) -> None:
    spoilt = X.copy()
    spoilt[5, 2] = np.nan
    model = quiet(small())
    for each in (spoilt, on_disk(tmp_path / "X.npy", spoilt)):
        with pytest.raises(ValueError, match=r"(contains NaN|is nan)"):
            model.predict_proba(each)
        with sklearn.config_context(assume_finite=True):
            P = model.predict_proba(each)
        assert np.isnan(P[5]).all()
        np.testing.assert_array_equal(np.delete(P, 5, 0), np.delete(model.predict_proba(X), 5, 0))
        with sklearn.config_context(assume_finite=True), pytest.raises(ValueError, match="Solver"):
            small().fit(each, Y)


def test_parameters_are_not_looked_at_where_that_is_to_be_skipped() -> None:
    with sklearn.config_context(skip_parameter_validation=True):
        quiet(small(tol=-1.0))
    with pytest.raises(ValueError, match="The 'tol' parameter"):
        quiet(small(tol=-1.0))


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "i4", "u1", "?"])
def test_outputs_have_scikit_learns_type(dtype: str) -> None:
    model = quiet(small(), X.astype(np.float32))
    theirs = quiet(
        neural_network.MLPClassifier(8, max_iter=5, random_state=0), X.astype(np.float32)
    )
    given = X.astype(dtype)
    assert model.predict_proba(given).dtype == theirs.predict_proba(given).dtype
    regressors = [
        quiet(each(hidden_layer_sizes=8, max_iter=5, random_state=0), X.astype(np.float32))
        for each in (dr.MLPRegressor, neural_network.MLPRegressor)
    ]
    assert regressors[0].predict(given).dtype == regressors[1].predict(given).dtype


@pytest.mark.parametrize(("rows", "y"), [(X, "yes"), (X, None), (None, Y)])
def test_what_is_not_there_is_refused_in_scikit_learns_words(rows: Any, y: Any) -> None:
    said = []
    for module in (neural_network, dr):
        with pytest.raises((ValueError, TypeError)) as caught:
            module.MLPClassifier().fit(rows, y)
        said.append(str(caught.value))
    assert said[0] == said[1]
    with pytest.raises(ValueError, match="Expected 2D array, got scalar array"):
        quiet(small()).predict(None)


# Names --------------------------------------------------------------------------------------------

NAMES = [f"x{i}" for i in range(X.shape[1])]


@pytest.mark.parametrize("frame", [pd.DataFrame(X, columns=NAMES), pl.DataFrame(X, schema=NAMES)])
def test_columns_of_other_names_or_in_another_order_are_refused(frame: Any) -> None:
    model = quiet(small(), frame)
    assert model.feature_names_in_.tolist() == NAMES
    swapped = frame[NAMES[::-1]]
    renamed = type(frame)({"z" if name == "x2" else name: frame[name] for name in NAMES})
    fewer = frame[NAMES[:-1]]
    for other in (swapped, renamed, fewer):
        for call in (model.predict, model.predict_proba, model.activations):
            with pytest.raises(ValueError, match="feature names"):
                call(other)
        with pytest.raises(ValueError, match="feature names"):
            model.partial_fit(other, Y)
        with pytest.raises(ValueError, match="feature names"):
            small().fit(frame, Y, X_val=other, y_val=Y)
        with pytest.raises(ValueError, match="feature names"):
            small().partial_fit(frame, Y, classes=range(3)).partial_fit(other, Y)
        with pytest.raises(ValueError, match="feature names"):
            quiet(small(warm_start=True), frame).fit(other, Y)
    assert quiet(small(), swapped).feature_names_in_.tolist() == NAMES[::-1]


@pytest.mark.parametrize("scoring", [None, "loss", "f1_macro"])
def test_names_of_columns_make_no_warnings_within_a_fit(scoring: Any) -> None:
    frame = pd.DataFrame(X, columns=NAMES)
    for parameters, fit in (
        ({"early_stopping": True}, {}),
        ({}, {"X_val": frame[:40], "y_val": Y[:40]}),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            model = small(scoring=scoring, **parameters).fit(frame, Y, **fit)
        assert_same_fit(model, quiet(small(scoring=scoring, **parameters), y=Y, **(
            {"X_val": X[:40], "y_val": Y[:40]} if fit else {}
        )))  # fmt: skip
