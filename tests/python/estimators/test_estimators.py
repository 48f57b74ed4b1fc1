"""scikit-learn's contract: its checks, its parameters, its tools, and its words."""

import copy
import inspect
import io
import pickle
import threading
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import sklearn
from sklearn import datasets, neural_network
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning, DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import deltarule as dr
from deltarule.estimators.parameters import ACTIVATIONS
from support import Array, output_of

THEIRS = {name: getattr(neural_network, name) for name in ("MLPClassifier", "MLPRegressor")}
OURS = {"MLPClassifier": dr.MLPClassifier, "MLPRegressor": dr.MLPRegressor}
X, Y = datasets.make_classification(
    n_samples=120, n_features=6, n_informative=4, n_classes=3, random_state=0
)


def quiet(model: Any, X: Any = X, y: Any = Y, **arguments: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **arguments)


def small(**parameters: Any) -> Any:
    return dr.MLPClassifier(
        **{"hidden_layer_sizes": 8, "max_iter": 5, "random_state": 0} | parameters
    )


# The contract -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS)
def test_scikit_learns_checks(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(OURS[name](max_iter=30), on_fail=None, on_skip=None)
    assert not [each["check_name"] for each in results if each["status"] == "failed"]
    assert len(results) > 50


@pytest.mark.parametrize("name", OURS)
def test_parameters_and_their_defaults_are_scikit_learns(name: str) -> None:
    theirs = inspect.signature(THEIRS[name]).parameters
    ours = inspect.signature(OURS[name]).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for parameter in theirs.values():
        own = ours[parameter.name]
        assert (own.default, own.kind) == (parameter.default, parameter.kind)
    for parameter in list(ours.values())[len(theirs) :]:
        assert parameter.kind is parameter.KEYWORD_ONLY
    for method in ("fit", "partial_fit", "predict", "score"):
        theirs = inspect.signature(getattr(THEIRS[name], method)).parameters
        ours = inspect.signature(getattr(OURS[name], method)).parameters
        assert list(ours)[: len(theirs)] == list(theirs), method


@pytest.mark.parametrize("name", OURS)
def test_what_is_fitted_has_scikit_learns_names(name: str) -> None:
    theirs, ours = (quiet(each[name](max_iter=2)) for each in (THEIRS, OURS))
    public = {attribute for attribute in vars(theirs) if not attribute.startswith("_")}
    assert {attribute for attribute in vars(ours) if not attribute.startswith("_")} >= public


@pytest.mark.parametrize("activation", ["logistic", "relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_initial_weights_are_scikit_learns(activation: str, dtype: Any) -> None:
    models = [
        quiet(
            each["MLPClassifier"](
                (7, 5), activation, random_state=11, max_iter=1, learning_rate_init=1e-30
            ),
            X.astype(dtype),
        )
        for each in (THEIRS, OURS)
    ]
    for expected, actual in zip(models[0].coefs_, models[1].coefs_, strict=True):
        assert actual.dtype == expected.dtype == dtype
        np.testing.assert_array_equal(actual, expected)
    for expected, actual in zip(models[0].intercepts_, models[1].intercepts_, strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_labels_of_every_kind() -> None:
    names = np.array(["ant", "bee", "cat"])
    for labels in (names[Y], names[Y].astype(object), Y - 1, (Y + 0.0), names[Y % 2], Y % 2 == 1):
        theirs, ours = (quiet(each["MLPClassifier"](random_state=0, max_iter=3), X, labels)
                        for each in (THEIRS, OURS))  # fmt: skip
        np.testing.assert_array_equal(ours.classes_, theirs.classes_)
        np.testing.assert_array_equal(ours.predict(X), theirs.predict(X))
        assert ours.predict(X).dtype == theirs.predict(X).dtype
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=1e-12)
        np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X))


@pytest.mark.parametrize("form", ["csr_matrix", "csc_matrix", "csr_array", "csc_array"])
@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_sparse_rows_are_as_good_as_dense_ones(form: str, parameters: dict[str, Any]) -> None:
    thin = X * (np.abs(X) > 0.7)
    dense = quiet(small(**parameters), thin)
    model = quiet(small(**parameters), getattr(scipy.sparse, form)(thin))
    np.testing.assert_allclose(model.coefs_[0], dense.coefs_[0], atol=1e-10)
    np.testing.assert_allclose(
        model.predict_proba(getattr(scipy.sparse, form)(thin)), dense.predict_proba(thin), atol=1e-9
    )


def test_a_wide_sparse_matrix_is_never_dense() -> None:
    peaks = output_of("""
import warnings; warnings.simplefilter("ignore")
import numpy as np, scipy.sparse, deltarule as dr
from support import PEAK_MEMORY
exec(PEAK_MEMORY)
def fit(m):
    columns = np.random.default_rng(0).integers(20_000, size=m)
    X = scipy.sparse.csr_array((np.ones(m), (np.arange(m), columns)), shape=(m, 20_000))
    dr.MLPClassifier(2, max_iter=1, batch_size=50).fit(X, np.arange(m) % 2)
fit(100)
before = peak_memory()
fit(5000)  # 800 MB if it were dense
print(peak_memory() - before)
""")
    assert int(peaks) < 100 * 1024


def test_names_of_features_are_kept() -> None:
    names = [f"x{i}" for i in range(X.shape[1])]
    for frame in (pd.DataFrame(X, columns=names), pl.DataFrame(X, schema=names)):
        model = quiet(small(early_stopping=True), frame)
        assert model.feature_names_in_.tolist() == names
        np.testing.assert_array_equal(
            model.predict(frame), quiet(small(early_stopping=True)).predict(X)
        )
        with pytest.raises(ValueError, match="feature names"):
            model.predict(frame[names[::-1]])


# Tools --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [pickle, joblib, copy])
def test_copies_predict_and_go_on_alike(how: Any) -> None:
    model = quiet(small(early_stopping=False))
    if how is copy:
        other = copy.deepcopy(model)
    elif how is joblib:
        file = io.BytesIO()
        joblib.dump(model, file)
        file.seek(0)
        other = joblib.load(file)
    else:
        other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(other.predict_proba(X), model.predict_proba(X))
    for each in (model, other):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])
    other.coefs_[0][:] = 0.0
    assert model.coefs_[0].any()


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_model_in_a_mapped_file_goes_on_and_leaves_the_file(
    mode: str, early_stopping: bool, tmp_path: Path
) -> None:
    call = "fit" if early_stopping else "partial_fit"
    model = quiet(small(early_stopping=early_stopping, warm_start=early_stopping))
    joblib.dump(model, tmp_path / "model.joblib")
    written = (tmp_path / "model.joblib").read_bytes()
    other = joblib.load(tmp_path / "model.joblib", mmap_mode=mode)
    for each in (model, other):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            getattr(each, call)(X, Y)
    np.testing.assert_array_equal(other.coefs_[0], model.coefs_[0])
    assert (tmp_path / "model.joblib").read_bytes() == written


def test_a_model_that_jobs_map_goes_on() -> None:
    labels = np.column_stack([Y == 0, Y == 1]).astype(int)
    wide = np.random.default_rng(0).normal(size=(len(Y), 250))
    several = MultiOutputClassifier(small(hidden_layer_sizes=300), n_jobs=2)  # 1.2 MB of state
    one = [small(hidden_layer_sizes=300) for _ in range(2)]
    for _ in range(2):
        several.partial_fit(wide, labels, classes=[[0, 1]] * 2)
        for each, y in zip(one, labels.T, strict=True):
            each.partial_fit(wide, y, classes=[0, 1])
    for expected, actual in zip(one, several.estimators_, strict=True):
        np.testing.assert_array_equal(actual.coefs_[0], expected.coefs_[0])


@pytest.mark.parametrize("parameters", [{}, {"solver": "lbfgs"}, {"early_stopping": True}])
def test_a_model_has_the_same_hash_through_pickle(parameters: dict[str, Any]) -> None:
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = quiet(small(**parameters), frame)
    expected = joblib.hash(model)
    copied = pickle.loads(pickle.dumps(model))
    assert joblib.hash(copied) == expected
    assert joblib.hash(copy.deepcopy(model)) == expected
    assert joblib.hash(model) == expected
    model.predict(frame)
    assert joblib.hash(model) == expected
    assert joblib.hash(quiet(small(random_state=1, **parameters))) != expected


def test_a_clone_has_parameters_alone() -> None:
    model = quiet(small(solver=dr.RMSprop(0.01), callbacks=[dr.TimeLimit(100)]))
    other = clone(model)
    assert not hasattr(other, "coefs_")
    assert other.get_params()["solver"].learning_rate == 0.01
    assert other.set_params(alpha=0.5).alpha == 0.5


def test_pipelines_and_searches() -> None:
    pipeline = make_pipeline(StandardScaler(), small(max_iter=60, learning_rate_init=0.02))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.6
        search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1000.0]}, cv=2).fit(X, Y)
        assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
        calibrated = CalibratedClassifierCV(pipeline, cv=2).fit(X, Y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1.0)


def test_searches_on_two_jobs() -> None:
    script = """
import warnings; warnings.simplefilter("ignore")
import os; os.environ["PYTHONWARNINGS"] = "ignore"
import joblib, numpy as np, deltarule as dr
from sklearn.model_selection import GridSearchCV
rng = np.random.default_rng(0)
X = rng.normal(size=(300, 5)); y = (X[:, 0] > 0).astype(int)
search = GridSearchCV(dr.MLPClassifier(20, max_iter=20, random_state=0),
                      {"alpha": [1e-4, 1.0]}, cv=2, n_jobs=2)
scores = []
for backend in ("sequential", "threading", "loky"):
    with joblib.parallel_backend(backend):
        scores.append(search.fit(X, y).cv_results_["mean_test_score"])
print([np.array_equal(each, scores[0]) for each in scores])
"""
    assert output_of(script, timeout=60) == "[True, True, True]"


def test_weights_and_validation_data_are_routed() -> None:
    weights = np.linspace(0.1, 2.0, len(Y))
    with sklearn.config_context(enable_metadata_routing=True):
        model = small().set_fit_request(sample_weight=True, X_val=True, y_val=True)
        pipeline = quiet(make_pipeline(model), sample_weight=weights, X_val=X, y_val=Y)
    expected = quiet(small(), sample_weight=weights)
    np.testing.assert_array_equal(pipeline[0].coefs_[0], expected.coefs_[0])
    assert len(pipeline[0].validation_loss_curve_) == 5


class ToldByScikitLearn:
    """A callback of scikit-learn's, which stops after the third score."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.scores: list[float] = []

    def setup(self, estimator: Any, context: Any) -> None:
        self.told.append("setup")

    def teardown(self, estimator: Any, context: Any) -> None:
        self.told.append("teardown")

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        self.told.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, X: Any, y: Any, fitted_estimator: Any
    ) -> bool:
        self.told.append(f"end {context.task_name}")
        self.scores.append(fitted_estimator.score(X, y))
        return len(self.scores) == 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_callbacks_see_each_epoch(solver: str) -> None:
    pytest.importorskip("sklearn.callback")
    watch = ToldByScikitLearn()
    model = small(solver=solver, max_iter=50).set_callbacks(watch).fit(X, Y)
    assert model.n_iter_ == 3
    epochs = ["begin epoch", "end epoch"] * 3
    assert watch.told == ["setup", "begin fit", *epochs, "end fit", "teardown"]
    assert watch.scores[-1] == model.score(X, Y)


@pytest.mark.parametrize("threads", [{"num_threads": 1}, {"n_jobs": 1}])
def test_threads_are_set_for_the_fit_alone(threads: dict[str, int]) -> None:
    seen: list[int] = []

    class Watch:
        def on_epoch_end(self, run: Any) -> None:
            seen.append(dr.get_num_threads())

    dr.set_num_threads(2)
    quiet(small(**threads, callbacks=[Watch()]))
    assert set(seen) == {1}
    assert dr.get_num_threads() == 2


def test_jobs_are_counted_as_scikit_learn_counts_them() -> None:
    seen: list[int] = []

    class Watch:
        def on_epoch_end(self, run: Any) -> None:
            seen.append(dr.get_num_threads())

    quiet(small(n_jobs=-1, max_iter=1, callbacks=[Watch()]))
    assert seen == [joblib.cpu_count()]
    with pytest.raises(ValueError, match="num_threads is 1 and n_jobs is 2: expected one of them"):
        small(num_threads=1, n_jobs=2).fit(X, Y)


def test_fits_side_by_side_have_their_own_threads() -> None:
    meet = threading.Barrier(2)
    seen: dict[int, list[int]] = {1: [], 3: []}

    class Watch:
        def __init__(self, number: int) -> None:
            self.number = number

        def on_epoch_end(self, run: Any) -> None:
            meet.wait()
            seen[self.number].append(dr.get_num_threads())
            meet.wait()
            if run.epoch == 2:
                run.stop()

    before = dr.get_num_threads()
    fits = [
        threading.Thread(
            target=small(num_threads=number, callbacks=[Watch(number)]).fit, args=(X, Y)
        )
        for number in seen
    ]
    for fit in fits:
        fit.start()
    for fit in fits:
        fit.join()
    assert {number: set(found) for number, found in seen.items()} == {1: {1}, 3: {3}}
    assert dr.get_num_threads() == before


def test_without_scikit_learn_the_message_says_what_to_install() -> None:
    hidden = """
import sys
sys.modules["sklearn"] = None
import deltarule as dr
assert "MLPClassifier" in dir(dr)
dr.Network([dr.Dense(1)], input_size=1).predict([[1.0]])
for name in ("MLPClassifier", "MLPRegressor", "from_sklearn"):
    try:
        getattr(dr, name)(1)
    except ImportError as error:
        print(error)
"""
    lines = output_of(hidden).splitlines()
    assert len(lines) == 3
    assert all('pip install "deltarule[sklearn]"' in line for line in lines)


def test_the_import_leaves_scikit_learn_alone() -> None:
    assert output_of("import sys, deltarule; print('sklearn' in sys.modules)") == "False"


# Words --------------------------------------------------------------------------------------------


def message(estimator: Any, call: str, *arguments: Any, **named: Any) -> tuple[str, str]:
    """The kind of an error and its words, but for the names of both estimators' own choices."""
    with pytest.raises((ValueError, AttributeError, NotFittedError)) as caught:
        getattr(estimator, call)(*arguments, **named)
    return type(caught.value).__name__, str(caught.value)


@pytest.mark.parametrize(
    ("name", "parameters", "call", "arguments"),
    [
        ("MLPClassifier", {"hidden_layer_sizes": (3, -1)}, "fit", (X, Y)),
        ("MLPClassifier", {"alpha": -1.0}, "fit", (X, Y)),
        ("MLPClassifier", {"max_iter": 0}, "fit", (X, Y)),
        ("MLPClassifier", {"validation_fraction": 1.0}, "fit", (X, Y)),
        ("MLPClassifier", {"shuffle": "yes"}, "fit", (X, Y)),
        ("MLPClassifier", {}, "fit", (X, Y[:-1])),
        ("MLPClassifier", {}, "fit", (np.where(X > 2, np.nan, X), Y)),
        ("MLPClassifier", {}, "fit", (X, np.column_stack([Y, Y]))),
        ("MLPClassifier", {}, "predict", (X,)),
        ("MLPClassifier", {}, "partial_fit", (X, Y)),
        ("MLPClassifier", {"solver": "lbfgs"}, "partial_fit", (X, Y)),
        ("MLPClassifier", {"early_stopping": True}, "fit", (X[:4], [0, 0, 0, 1])),
        ("MLPRegressor", {"early_stopping": True}, "fit", (X[:4], [0.0, 0.0, 0.0, 1.0])),
        ("MLPRegressor", {"early_stopping": True}, "partial_fit", (X, Y)),
    ],
)
def test_errors_are_in_scikit_learns_words(
    name: str, parameters: dict[str, Any], call: str, arguments: Any
) -> None:
    theirs, ours = (message(each[name](**parameters), call, *arguments) for each in (THEIRS, OURS))
    assert ours == theirs


def test_errors_of_the_second_call_are_in_scikit_learns_words() -> None:
    messages = []
    for each in (THEIRS, OURS):
        model = quiet(each["MLPClassifier"](max_iter=2, warm_start=True))
        messages.append([message(model, "fit", X, Y % 2), message(model, "predict", X[:, :2])])
        model.set_params(warm_start=False)
        messages[-1].append(message(model, "partial_fit", X, Y + 1))
    assert messages[1] == messages[0]


def test_a_name_that_is_none_is_an_error_with_the_choices() -> None:
    for parameters in ({"activation": "ghost"}, {"solver": "ghost"}, {"learning_rate": "ghost"}):
        kind, words = message(dr.MLPClassifier(**parameters), "fit", X, Y)
        assert kind == "InvalidParameterError"
        assert words.startswith(
            f"The '{next(iter(parameters))}' parameter of MLPClassifier must be"
        )
        assert words.endswith("Got 'ghost' instead.")


def test_a_column_of_targets_warns() -> None:
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        quiet(dr.MLPRegressor(max_iter=1, hidden_layer_sizes=2), X, Y[:, np.newaxis])


@pytest.mark.parametrize(
    ("parameters", "arguments", "words"),
    [
        ({"activation": ["relu", "tanh"]}, {}, "activation has 2 names: expected 1"),
        ({"activation": ["ghost"]}, {}, "activation has 'ghost': expected some of"),
        ({"dropout": [0.1, 0.2]}, {}, "dropout has 2 rates: expected 1"),
        ({"solver": dr.LBFGS()}, {}, "expected solver='lbfgs'"),
        ({}, {"X_val": X}, "y_val is None: expected both"),
        ({}, {"y_val": Y}, "expected X_val too"),
        ({}, {"X_val": X, "y_val": Y + 1}, "`y_val` has classes not in"),
        ({"solver": "lbfgs"}, {"X_val": X, "y_val": Y}, "expected None with solver='lbfgs'"),
    ],
)
def test_what_is_beyond_scikit_learn_says_what_does_not_fit(
    parameters: dict[str, Any], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 -- looked at below
        small(**parameters).fit(X, Y, **arguments)
    assert words in str(caught.value)


# Beyond scikit-learn ------------------------------------------------------------------------------


def test_class_weights_are_sample_weights() -> None:
    y = (Y == 0).astype(int)
    for weight in ({0: 0.5, 1: 3.0}, "balanced"):
        each = np.bincount(y, minlength=2)
        by_class = weight if isinstance(weight, dict) else dict(enumerate(len(y) / (2 * each)))
        weights = np.vectorize(by_class.get)(y).astype(float)
        model = quiet(small(class_weight=weight), X, y)
        expected = quiet(small(), X, y, sample_weight=weights)
        np.testing.assert_array_equal(model.coefs_[0], expected.coefs_[0])
        assert not np.array_equal(model.coefs_[0], quiet(small(), X, y).coefs_[0])
    with pytest.raises(ValueError, match="class_weight is 'balanced': expected a dictionary"):
        small(class_weight="balanced").partial_fit(X, y, classes=[0, 1])


def test_an_activation_for_each_layer() -> None:
    model = quiet(small(hidden_layer_sizes=(6, 4), activation=["tanh", "gelu"]))
    layers = [layer.activation for layer in model.network_.layers]
    assert layers == ["tanh", "gelu", "softmax"]
    same = quiet(small(hidden_layer_sizes=(6, 4), activation=["logistic", "logistic"]))
    usual = quiet(small(hidden_layer_sizes=(6, 4), activation="logistic"))
    np.testing.assert_array_equal(same.coefs_[2], usual.coefs_[2])


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
def test_every_activation_of_the_package(activation: str) -> None:
    model = quiet(small(activation=activation))
    assert model.network_.layers[0].activation == activation.replace("logistic", "sigmoid")


def test_activations_of_every_hidden_layer() -> None:
    model = quiet(small(hidden_layer_sizes=(6, 4), activation=["tanh", "relu"], dropout=0.3))
    first, second = model.activations(X)
    np.testing.assert_allclose(first, np.tanh(X @ model.coefs_[0] + model.intercepts_[0]))
    np.testing.assert_allclose(
        second, np.maximum(first @ model.coefs_[1] + model.intercepts_[1], 0), atol=1e-12
    )


def test_a_memory_map_is_not_loaded(tmp_path: Path) -> None:
    grown = output_of(f"""
import warnings; warnings.simplefilter("ignore")
import numpy as np, deltarule as dr
from support import PEAK_MEMORY
exec(PEAK_MEMORY)
path = {str(tmp_path / "X.npy")!r}
some = np.random.default_rng(0).normal(size=(10_000, 64)).astype(np.float32)
def fit(m):
    X = np.lib.format.open_memmap(path, "w+", np.float32, (m, 64))
    for first in range(0, m, 10_000):
        X[first:first + 10_000] = some
        X.flush(); X._mmap.madvise(4)
    del X
    X = np.load(path, mmap_mode="r")
    before = peak_memory()
    dr.MLPClassifier(4, max_iter=1, batch_size=1000, early_stopping=True,
                     validation_fraction=0.01).fit(X, np.arange(m) % 2)
    return peak_memory() - before
fit(20_000)
print(fit(800_000))  # 205 MB
""")
    assert int(grown) < 150 * 1024


# As good as scikit-learn --------------------------------------------------------------------------


SEEDS = 5


def scores_of_both(X: Any, y: Any, kind: str, **parameters: Any) -> Array:
    """The scores on held-out data, scikit-learn's and ours, a column a seed."""
    scores = np.empty((2, SEEDS))
    for seed in range(SEEDS):
        parts = train_test_split(X, y, random_state=seed)
        for row, each in enumerate((THEIRS, OURS)):
            model = each[kind](**parameters, learning_rate_init=0.01, random_state=seed)
            quiet(model, parts[0], parts[2])
            scores[row, seed] = model.score(parts[1], parts[3])
    return scores


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "diabetes"])
def test_scores_on_real_data_are_scikit_learns(name: str) -> None:
    X, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    kind = "MLPRegressor" if name == "diabetes" else "MLPClassifier"
    X = StandardScaler().fit_transform(X)
    theirs, ours = scores_of_both(X, y, kind, hidden_layer_sizes=20, max_iter=12)
    # The same training but for rounding, so the scores are the same but for an example or two.
    np.testing.assert_allclose(ours, theirs, atol=0.02)


@pytest.mark.parametrize("name", ["adult", "california"])
def test_scores_on_larger_data_are_scikit_learns(name: str, data_folder: Path) -> None:
    table = data_folder / "tabular"
    if name == "adult":
        frame = pd.read_csv(table / "adult-train.csv", header=None, skipinitialspace=True)
        y = (frame.pop(frame.columns[-1]) == ">50K").to_numpy()
        kind = "MLPClassifier"
    else:
        frame = pd.read_csv(table / "california_housing.csv").dropna()
        y = frame.pop("median_house_value").to_numpy() / 1e5
        kind = "MLPRegressor"
    X = StandardScaler().fit_transform(pd.get_dummies(frame).to_numpy(np.float64))
    theirs, ours = scores_of_both(X, y, kind, hidden_layer_sizes=16, max_iter=4)
    np.testing.assert_allclose(ours, theirs, atol=0.005)
    assert ours.min() > 0.5
