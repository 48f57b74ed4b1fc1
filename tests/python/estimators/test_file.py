"""Estimators that travel: all that they are comes back, and code stays where it is."""

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import deltarule as dr
from deltarule import schedules
from deltarule._files.tensors import read_tensors, write_tensors
from support import assert_same_bits, output_of

M, FEATURES = 60, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(M, FEATURES))
CODES = RNG.integers(3, size=M)
NUMBERS = X @ RNG.normal(size=(FEATURES, 2))

LABELS: dict[str, Any] = {
    "integers": np.array([3, -5, 2**40])[CODES],
    "small integers": CODES.astype(np.int8),
    "two floats": np.array([1.0, 2.0])[CODES % 2],
    "three floats": np.array([1.0, 2.0, 4.0])[CODES],
    "truth values": CODES > 0,
    "strings": np.array(["a", "zwölf", "c d"])[CODES],
    "two strings": np.array(["no", "yes"])[CODES % 2],
    "objects": np.array(["a", "bb", "ccc"], object)[CODES],
    "several labels": RNG.integers(2, size=(M, 3)),
    "one class": np.zeros(M, int),
}
PARAMETERS: dict[str, Callable[[], dict[str, Any]]] = {
    "defaults": dict,
    "sgd, adaptive": lambda: {"solver": "sgd", "learning_rate": "adaptive"},
    "dropout": lambda: {"dropout": 0.3, "hidden_layer_sizes": np.array([5, 4])},
    "an optimizer": lambda: {"solver": dr.RMSprop(schedules.Cosine(0.01, 99), centered=True)},
    "a schedule": lambda: {
        "solver": "nadam",
        "learning_rate": schedules.WarmUp(schedules.StepDecay(0.01, 5), 3),
    },
    "plateau": lambda: {
        "solver": "adam",
        "learning_rate": schedules.ReduceOnPlateau(0.01, "loss", patience=0, threshold=0.5),
    },
    "a generator": lambda: {"random_state": np.random.RandomState(3)},
    "float32": lambda: {"clip_norm": np.float32(0.5), "n_iter_no_change": np.inf},
}


@pytest.fixture(autouse=True)
def _no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few epochs do not converge
        yield


def classifier(**parameters: Any) -> Any:
    given = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "batch_size": 16}
    return dr.MLPClassifier(**(given | parameters))


def regressor(**parameters: Any) -> Any:
    given = {"hidden_layer_sizes": (5,), "max_iter": 4, "random_state": 0, "batch_size": 16}
    return dr.MLPRegressor(**(given | parameters))


def there_and_back(model: Any, path: Path) -> Any:
    model.save(path)
    return dr.load(path)


def assert_same_weights(model: Any, other: Any) -> None:
    assert_same_bits(other.network_.parameters, model.network_.parameters)


# All that it is comes back ---------------------------------------------------------------------


@pytest.mark.parametrize("name", LABELS)
def test_class_labels(name: str, tmp_path: Path) -> None:
    y = LABELS[name]
    model = classifier().fit(X, y)
    loaded = there_and_back(model, tmp_path / "x.safetensors")
    assert type(loaded) is dr.MLPClassifier
    assert_same_bits(loaded.predict(X), model.predict(X)) if y.dtype != object else None
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert_same_bits(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.classes_.dtype == model.classes_.dtype
    assert loaded.classes_.tolist() == model.classes_.tolist()
    for each in (model, loaded):
        each.partial_fit(X, y)
    assert_same_weights(model, loaded)


@pytest.mark.parametrize("how", ["partial_fit", "warm_start"])
@pytest.mark.parametrize("name", PARAMETERS)
def test_training_goes_on_to_the_same_bits(name: str, how: str, tmp_path: Path) -> None:
    given = PARAMETERS[name]() | {"warm_start": how == "warm_start"}
    small = X.astype(np.float32) if name == "float32" else X
    for model, y in ((classifier(**given), LABELS["strings"]), (regressor(**given), NUMBERS)):
        model.fit(small, y)
        loaded = there_and_back(model, tmp_path / "x.safetensors")
        for _ in range(3):
            for each in (model, loaded):
                each.partial_fit(small, y) if how == "partial_fit" else each.fit(small, y)
        assert_same_weights(model, loaded)
        assert loaded.loss_curve_ == model.loss_curve_
        assert (loaded.n_iter_, loaded.t_) == (model.n_iter_, model.t_)
        assert type(loaded._optimizer) is type(model._optimizer)
        assert_same_bits(loaded._optimizer.state, model._optimizer.state)


def test_early_stopping_keeps_its_records(tmp_path: Path) -> None:
    given = {"early_stopping": True, "warm_start": True, "n_iter_no_change": 2, "max_iter": 6}
    model = classifier(**given).fit(X, LABELS["strings"])
    loaded = there_and_back(model, tmp_path / "x")
    assert loaded.validation_scores_ == model.validation_scores_
    assert loaded.validation_loss_curve_ == model.validation_loss_curve_
    assert loaded.best_validation_score_ == model.best_validation_score_
    assert loaded.best_loss_ is None
    for each in (model, loaded):
        each.fit(X, LABELS["strings"])
    assert_same_weights(model, loaded)


@pytest.mark.parametrize("make", [classifier, regressor])
def test_every_attribute_is_there(make: Any, tmp_path: Path) -> None:
    for given in ({}, {"solver": "lbfgs"}, {"early_stopping": True}):
        model = make(**given).fit(X, CODES)
        loaded = there_and_back(model, tmp_path / "x")
        assert set(loaded.__getstate__()) == set(model.__getstate__())
        for name, value in model.__getstate__().items():
            if isinstance(value, (int, float, str, tuple, type(None))):
                assert getattr(loaded, name) == value
                assert type(getattr(loaded, name)) is type(value) or isinstance(value, np.generic)


def test_parameters_are_what_they_were(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "hidden_layer_sizes": [3, 4],
        "activation": ("relu", "tanh"),
        "class_weight": {"a": 0.5, "zwölf": 2, "c d": True},
        "loss": dr.CategoricalCrossEntropy(0.1),
        "solver": dr.AdamW(schedules.MultiStep(0.1, (3, 5), per="epoch"), amsgrad=True),
        "scoring": "f1_macro",
        "n_iter_no_change": np.inf,
        "dropout": (0.0, 0.25),
        "clip_value": np.float64(0.5),
    }
    loaded = there_and_back(classifier(**given), tmp_path / "x")
    assert loaded.get_params() | {"solver": 0} == classifier(**given).get_params() | {"solver": 0}
    assert repr(loaded.solver) == repr(given["solver"])
    assert loaded.class_weight["c d"] is True
    quantiles = regressor(loss=dr.Quantile([0.1, 0.9]), random_state=np.random.RandomState(3))
    loaded = there_and_back(quantiles, tmp_path / "x")
    assert loaded.loss == quantiles.loss
    assert loaded.random_state.randint(99, size=9).tolist() == (
        quantiles.random_state.randint(99, size=9).tolist()
    )


def test_an_estimator_that_is_not_fitted(tmp_path: Path) -> None:
    loaded = there_and_back(classifier(), tmp_path / "x")
    with pytest.raises(NotFittedError):
        loaded.predict(X)
    assert_same_weights(loaded.fit(X, CODES), classifier().fit(X, CODES))
    clone(loaded)


def test_weights_that_were_set_by_hand(tmp_path: Path) -> None:
    """Best weights and moments of other shapes are left out, as the next fit would leave them."""
    given = {"warm_start": True, "early_stopping": True, "hidden_layer_sizes": 5}
    model = classifier(**given).fit(X, LABELS["strings"])
    model.coefs_ = [np.ones((FEATURES, 3)), np.ones((3, 3))]
    model.intercepts_ = [np.ones(3), np.ones(3)]
    loaded = there_and_back(model, tmp_path / "x")
    assert_same_bits(loaded.predict_proba(X), model.predict_proba(X))
    for each in (model, loaded):
        each.fit(X, LABELS["strings"])
    assert_same_weights(model, loaded)


def test_a_state_that_has_overflowed_is_written_and_one_of_no_numbers_is_not(
    tmp_path: Path,
) -> None:
    model = classifier().fit(X, CODES)
    model._optimizer.state[3] = np.inf
    loaded = there_and_back(model, tmp_path / "x")
    assert_same_bits(loaded._optimizer.state, model._optimizer.state)
    model._optimizer.state[3] = np.nan
    with pytest.raises(ValueError, match=r"save: the solver's state\[3\] is nan: expected numbers"):
        model.save(tmp_path / "x")


def test_feature_names(tmp_path: Path) -> None:
    frame = pd.DataFrame(X, columns=["age", "größe", "c", "d"])
    model = classifier().fit(frame, CODES)
    loaded = there_and_back(model, tmp_path / "x")
    assert loaded.feature_names_in_.tolist() == list(frame.columns)
    assert loaded.feature_names_in_.dtype == object
    assert_same_bits(loaded.predict(frame), model.predict(frame))
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[["d", "c", "größe", "age"]])


def test_without_scikit_learn(tmp_path: Path) -> None:
    path = tmp_path / "x"
    classifier().fit(X, CODES).save(path)
    script = f"""
import sys
sys.modules["sklearn"] = None
import deltarule as dr
try:
    dr.load({str(path)!r})
except ImportError as error:
    print(error)
"""
    assert output_of(script).endswith('pip install "deltarule[sklearn]"')


# Code stays where it is ------------------------------------------------------------------------


def squared(A: Any, Y: Any) -> Any:
    return ((A - Y) ** 2).sum(axis=1), 2 * (A - Y)


class OwnClassifier(dr.MLPClassifier):
    pass


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            classifier(callbacks=[dr.TimeLimit(3)]),
            r"TimeLimit.*set_params\(callbacks=None\) before",
        ),
        (classifier(loss=squared), "save: loss is <function squared.*: expected numbers, strings"),
        (regressor(loss=dr.CustomLoss(squared)), "save: loss is <function squared"),
        (classifier(scoring=squared), "save: scoring is <function squared"),
        (classifier(learning_rate=lambda step: 0.1), "save: learning_rate is <function"),
        (classifier(solver=dr.SGD(lambda step: 0.1)), "save: solver.learning_rate is <function"),
        (
            classifier(learning_rate=schedules.WarmUp(lambda step: 0.1, 3)),
            "save: learning_rate.then is <function",
        ),
        (OwnClassifier(), "save: the estimator is a OwnClassifier: expected deltarule's MLPClass"),
    ],
)
def test_code_is_not_written(model: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=message):
        model.save(tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_scikit_learn_s_own_callbacks_are_not_written(tmp_path: Path) -> None:
    class Own:
        def setup(self, estimator: Any, context: Any) -> None: ...
        def teardown(self, estimator: Any, context: Any) -> None: ...
        def on_fit_task_begin(self, context: Any, **told: Any) -> None: ...
        def on_fit_task_end(self, context: Any, **told: Any) -> bool: ...  # type: ignore[empty-body]

    model = classifier()
    if not hasattr(model, "set_callbacks"):
        pytest.skip("needs scikit-learn 1.9")
    model.set_callbacks(Own())
    with pytest.raises(TypeError, match=r"Own object.*set_callbacks\(\) before"):
        model.save(tmp_path / "x")
    model.set_callbacks().save(tmp_path / "x")


def test_parameters_that_fit_would_refuse(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="The 'alpha' parameter"):
        classifier(alpha=-1).save(tmp_path / "x")


# Contents that cannot be -----------------------------------------------------------------------


def changed(path: Path, change: Callable[[Any, Any], Any]) -> None:
    tensors, strings = read_tensors(path)
    content = json.loads(strings["deltarule"])
    change(content, tensors)
    write_tensors(path, tensors, {"deltarule": json.dumps(content)})


def of(part: str, **fields: Any) -> Callable[[Any, Any], Any]:
    return lambda content, tensors: content[part].update(fields)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (of("parameters", none=3), r"parameters: MLPClassifier has no \['none'\]"),
        (
            of("parameters", callbacks={"array": [1, 2], "dtype": "<i8"}),
            r"parameters.callbacks is .*: expected none",
        ),
        (of("parameters", callbacks=[1]), r"parameters.callbacks is \[1\]: expected none"),
        (of("parameters", n_jobs=0), "MLPClassifier: n_jobs == 0"),
        (of("parameters", num_threads=2**40), "MLPClassifier: "),
        (of("parameters", alpha=-1), "MLPClassifier: The 'alpha' parameter"),
        (of("parameters", alpha={"float": "x"}), "parameters.alpha is .*: expected a value"),
        (of("parameters", solver={"os.system": {}}), "parameters.solver is .*: expected a value"),
        (of("parameters", loss={"CustomLoss": {"function": 3}}), "parameters.loss is .*: expected"),
        (of("parameters", activation="tanh"), "network is not the one that the parameters"),
        (of("parameters", activation=["relu"] * 9), "activation has 9 names: expected 1"),
        (of("fitted", n_features_in_=5), "n_features_in_ says 5: expected 4, as the network"),
        (of("fitted", n_outputs_=2), "n_outputs_ says 2: expected 3"),
        (of("fitted", n_layers_=2), "n_layers_ says 2: expected 3"),
        (of("fitted", n_iter_=-1), "fitted.n_iter_ is -1, which it cannot be"),
        (of("fitted", out_activation_="exp"), "network is not the one that the parameters"),
        (of("fitted", coefs_=[]), "fitted has 'coefs_': expected some of"),
        (of("fitted", classes_={"array": [1], "dtype": "<i8"}), "has 1 classes: expected 3"),
        (
            of("fitted", feature_names_in_={"array": ["a", 2, "c", "d"], "dtype": "|O"}),
            "feature_names_in_: expected strings",
        ),
        (of("labels", classes_={"array": [1, 2], "dtype": "<i8"}), "2 multiclass classes: expec"),
        (of("labels", y_type_="binary"), "3 binary classes: expected what goes"),
        (of("labels", y_type_="x"), "labels.y_type_ is 'x', which it cannot be"),
        (lambda content, tensors: content.pop("labels"), "labels is None: expected an object"),
        (lambda content, tensors: content["labels"].pop("classes_"), "labels has .*: expected"),
        (of("optimizer", kind="LambdaSolver"), "optimizer.kind is 'LambdaSolver': expected one of"),
        (of("optimizer", step=-1), "optimizer.step is -1: expected a whole number"),
        (
            of("optimizer", hyperparameters=[]),
            r"optimizer.hyperparameters is \[\]: expected an object",
        ),
        (
            lambda content, tensors: content["optimizer"]["hyperparameters"].update(beta_1=7),
            "beta_1 is 7: expected 0 or more and less than 1",
        ),
        (
            lambda content, tensors: tensors.update({"optimizer.state": np.zeros(3)}),
            r"'optimizer.state' is float64 of shape \(3,\): expected float64 of shape \(86,\)",
        ),
        (
            lambda content, tensors: tensors.update({"fitted.loss_curve_": np.zeros((3, 1))}),
            "'fitted.loss_curve_': expected a vector of float64",
        ),
        (
            lambda content, tensors: tensors.update({"fitted.best_parameters": np.zeros(3)}),
            "'fitted.best_parameters' is float64 of shape",
        ),
        (lambda content, tensors: tensors.update(x=np.zeros(3)), "that belong to nothing"),
        (
            lambda content, tensors: content["network"].update(
                layers=[
                    {"kind": "activation", "activation": "relu", "name": None}
                    | {"frozen": False, "learning_rate": 1.0}
                ],
                rules=content["network"]["rules"][:1],
            ),
            "MLPClassifier: |n_outputs_ says",
        ),
    ],
)
def test_contents_that_cannot_be(
    change: Callable[[Any, Any], Any], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.safetensors"
    classifier().fit(X, CODES).save(path)
    changed(path, change)
    with pytest.raises(dr.ModelFileError, match=message) as caught:
        dr.load(path)
    assert str(caught.value).startswith(str(path))
