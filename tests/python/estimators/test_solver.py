"""The same weights as scikit-learn's after the same epochs, and what stops or steers training."""

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import neural_network
from sklearn.exceptions import ConvergenceWarning

import deltarule as dr
from support import Array

KINDS = {
    "MLPClassifier": (neural_network.MLPClassifier, dr.MLPClassifier),
    "MLPRegressor": (neural_network.MLPRegressor, dr.MLPRegressor),
}
_RNG = np.random.default_rng(7)
M = 130  # no multiple of the batch
X = _RNG.normal(size=(M, 5))
_SCORES = X @ _RNG.normal(size=(5, 3)) + 0.3 * _RNG.normal(size=(M, 3))
WEIGHTS = _RNG.uniform(0.1, 3.0, size=M)
TARGETS: dict[str, tuple[str, Any, dict[str, Any]]] = {
    "binary": ("MLPClassifier", _SCORES[:, 0] > 0, {}),
    "multiclass": ("MLPClassifier", _SCORES.argmax(axis=1), {}),
    "multilabel": ("MLPClassifier", (_SCORES > 0).astype(int), {}),
    "one target": ("MLPRegressor", _SCORES[:, 0], {}),
    "three targets": ("MLPRegressor", _SCORES, {}),
    "counts": ("MLPRegressor", np.floor(np.exp(0.3 * _SCORES)), {"loss": "poisson"}),
}
SOLVERS: dict[str, dict[str, Any]] = {
    "adam": {},
    "adam, far from its defaults": {"beta_1": 0.7, "beta_2": 0.9, "epsilon": 1e-2},
    "sgd": {"solver": "sgd", "momentum": 0.0},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False},
    "momentum of 1": {"solver": "sgd", "momentum": 1.0, "learning_rate_init": 1e-4},
    "nesterov": {"solver": "sgd"},
    "invscaling": {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.3},
    "adaptive": {
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.02,
        "tol": 0.05,
        "n_iter_no_change": 1,
    },
}


def both(
    kind: str, parameters: dict[str, Any], *fit: Any, X: Array = X, **arguments: Any
) -> tuple[Any, Any]:
    """scikit-learn's estimator and ours, fitted alike."""
    given = {"hidden_layer_sizes": (8, 4), "batch_size": 32, "max_iter": 12, "random_state": 3}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs, ours = (
            each(**given | parameters).fit(X, *fit, **arguments) for each in KINDS[kind]
        )
    return theirs, ours


def assert_same(theirs: Any, ours: Any, tolerance: float = 1e-9) -> None:
    """Hold all that is fitted to being the same, but for rounding."""
    for name in ("coefs_", "intercepts_"):
        for expected, actual in zip(getattr(theirs, name), getattr(ours, name), strict=True):
            assert actual.dtype == expected.dtype
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    for name in ("loss_curve_", "validation_scores_", "loss_", "best_loss_"):
        expected, actual = getattr(theirs, name), getattr(ours, name)
        if expected is None:
            assert actual is None
        else:
            np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)
    for name in ("n_iter_", "t_", "out_activation_", "n_layers_", "n_outputs_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name), name


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("solver", SOLVERS)
def test_the_same_weights_after_some_epochs(solver: str, target: str) -> None:
    kind, y, parameters = TARGETS[target]
    theirs, ours = both(kind, parameters | SOLVERS[solver] | {"alpha": 0.1}, y)
    assert_same(theirs, ours)
    np.testing.assert_array_equal(ours.predict(X[:3]).shape, theirs.predict(X[:3]).shape)


def test_adaptive_has_lowered_the_rate() -> None:  # so that the case above shows something
    kind, y, _ = TARGETS["multiclass"]
    _, ours = both(kind, SOLVERS["adaptive"], y)
    assert ours._optimizer.learning_rate < 0.02


@pytest.mark.parametrize("target", TARGETS)
def test_weighted_examples_share_the_penalty_by_their_weight(target: str) -> None:
    kind, y, parameters = TARGETS[target]
    theirs, ours = both(kind, parameters | {"alpha": 0.5}, y, sample_weight=WEIGHTS)
    assert_same(theirs, ours)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("weighted", [False, True])
def test_early_stopping_holds_back_the_same_examples(target: str, weighted: bool) -> None:
    kind, y, parameters = TARGETS[target]
    parameters = parameters | {"early_stopping": True, "n_iter_no_change": 2, "max_iter": 30}
    theirs, ours = both(kind, parameters, y, **({"sample_weight": WEIGHTS} if weighted else {}))
    assert_same(theirs, ours)
    assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_activations_and_order(activation: str, shuffle: bool) -> None:
    kind, y, _ = TARGETS["multiclass"]
    assert_same(*both(kind, {"activation": activation, "shuffle": shuffle}, y))


def test_without_hidden_layers() -> None:
    kind, y, _ = TARGETS["multiclass"]
    assert_same(*both(kind, {"hidden_layer_sizes": ()}, y))


def test_a_batch_of_auto_size() -> None:
    kind, y, _ = TARGETS["binary"]
    assert_same(*both(kind, {"batch_size": "auto"}, y))


def test_float32_stays_float32() -> None:
    kind, y, _ = TARGETS["multiclass"]
    theirs, ours = both(kind, {}, y, X=X.astype(np.float32))
    assert_same(theirs, ours, 2e-4)
    assert ours.predict_proba(X[:2].astype(np.float32)).dtype == np.float32


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_a_warm_start_goes_on(solver: str) -> None:
    kind, y, _ = TARGETS["multiclass"]
    theirs, ours = both(kind, {"solver": solver, "warm_start": True, "max_iter": 3}, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        theirs.fit(X, y)
        ours.fit(X, y)
    assert_same(theirs, ours)
    assert len(ours.loss_curve_) == 6


def test_a_warm_start_keeps_the_best_weights_of_all_fits() -> None:
    # scikit-learn's are overwritten in the second fit, as long as it brings nothing better.
    model = dr.MLPClassifier(early_stopping=True, warm_start=True, max_iter=30, random_state=0)
    y = TARGETS["binary"][1]
    held_out = {"X_val": X[90:], "y_val": y[90:]}
    quiet(model, X[:90], y[:90], **held_out)
    best = model.best_validation_score_
    model.set_params(learning_rate_init=1e-12, max_iter=1)  # a fit that is in vain,
    model.coefs_[-1][:] = 0.0  # as every example looks the same
    quiet(model, X[:90], y[:90], **held_out)
    assert model.validation_scores_[-1] < best
    assert model.score(X[90:], y[90:]) == best


@pytest.mark.parametrize("scoring", [None, "loss", "f1"])
def test_a_warm_start_on_other_data_is_judged_by_these(scoring: Any) -> None:
    y = TARGETS["binary"][1]
    model = dr.MLPClassifier(
        early_stopping=True,
        warm_start=True,
        max_iter=200,
        n_iter_no_change=50,
        random_state=0,
        learning_rate_init=0.01,
        scoring=scoring,
    )
    quiet(model, X, y)
    first = model.coefs_[0].copy()
    assert model.score(X, y) > 0.8
    quiet(model, X, ~y)  # what was best is as bad as can be
    assert model.n_iter_ > 1
    assert model.score(X, ~y) > 0.8
    assert (model.coefs_[0] != first).any()
    assert model.best_validation_score_ <= max(model.validation_scores_[-model.n_iter_ :])


def test_a_warm_start_with_another_score_compares_what_is_of_a_kind() -> None:
    y = TARGETS["binary"][1]
    model = dr.MLPClassifier(early_stopping=True, warm_start=True, max_iter=3, random_state=0)
    quiet(model, X, y)
    assert model.best_validation_score_ > 0.1
    quiet(model.set_params(scoring="loss"), X, y)
    assert model.best_validation_score_ == max(model.validation_scores_[3:])
    assert model.best_validation_score_ < 0


@pytest.mark.parametrize(("rows", "epochs"), [(slice(90, M), 1), (slice(80, 120), 3)])
def test_epochs_in_vain_are_counted_on_where_the_rows_are_the_same(
    rows: slice, epochs: int
) -> None:
    y = TARGETS["binary"][1]
    model = dr.MLPClassifier(
        early_stopping=True, warm_start=True, n_iter_no_change=2, random_state=0
    )
    quiet(model, X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    assert model.n_iter_ < 200  # as there was nothing better
    # Steps too small to change a score, so that a fit ends as soon as it may.
    model.set_params(learning_rate_init=1e-30)
    quiet(model, X[:90], y[:90], X_val=X[rows], y_val=y[rows])
    assert model.n_iter_ == epochs


@pytest.mark.parametrize("solver", ["sgd", "adam"])
@pytest.mark.parametrize("target", ["binary", "multiclass", "multilabel", "three targets"])
def test_partial_fit_goes_on_with_the_solvers_state(solver: str, target: str) -> None:
    kind, y, _ = TARGETS[target]
    theirs, ours = (
        each(solver=solver, hidden_layer_sizes=6, random_state=1) for each in KINDS[kind]
    )
    first: dict[str, Any] = {}
    if kind == "MLPClassifier":
        first = {"classes": np.unique(y) if y.ndim == 1 else range(3)}
    for part in (slice(0, 50), slice(50, M), slice(20, 90)):
        for each in (theirs, ours):
            each.partial_fit(X[part], y[part], **first)
        first = {}
        assert_same(theirs, ours)


@pytest.mark.parametrize("target", ["binary", "multiclass", "multilabel", "one target", "counts"])
@pytest.mark.parametrize("weighted", [False, True])
def test_lbfgs_reaches_the_same_objective(target: str, weighted: bool) -> None:
    kind, y, parameters = TARGETS[target]
    parameters = parameters | {"solver": "lbfgs", "alpha": 1.0, "max_iter": 80}
    theirs, ours = both(kind, parameters, y, **({"sample_weight": WEIGHTS} if weighted else {}))
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=0.05)
    assert not hasattr(ours, "loss_curve_")


def test_lbfgs_begins_in_the_same_way() -> None:
    kind, y, _ = TARGETS["multiclass"]
    theirs, ours = both(kind, {"solver": "lbfgs", "max_iter": 5}, y)
    for expected, actual in zip(theirs.coefs_, ours.coefs_, strict=True):
        np.testing.assert_allclose(actual, expected, atol=1e-7)
    assert ours.loss_ == pytest.approx(theirs.loss_)


def test_lbfgs_goes_down_the_sum_over_several_targets() -> None:
    kind, y, _ = TARGETS["three targets"]
    theirs, ours = both(kind, {"solver": "lbfgs", "max_iter": 200}, y)
    assert ours.loss_ < 1.05 * theirs.loss_  # whose objective and gradient are not of one function


# Words that users know ----------------------------------------------------------------------------


@pytest.mark.parametrize("parameters", [{"solver": "lbfgs"}, {"solver": "sgd"}, {}])
def test_a_fit_that_has_not_converged_warns(parameters: dict[str, Any]) -> None:
    kind, y, _ = TARGETS["multiclass"]
    messages = []
    for each in KINDS[kind]:
        with pytest.warns(ConvergenceWarning) as caught:
            each(max_iter=2, random_state=0, **parameters).fit(X, y)
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]


def test_a_batch_larger_than_the_data_warns() -> None:
    kind, y, _ = TARGETS["binary"]
    messages = []
    for each in KINDS[kind]:
        with pytest.warns(UserWarning, match="batch_size") as caught:
            each(batch_size=1000, tol=10.0, n_iter_no_change=1).fit(X, y)
        messages.append(str(caught[0].message))
    assert messages[0] == messages[1]


def test_weights_that_are_not_finite_are_an_error() -> None:
    kind, y, _ = TARGETS["one target"]
    messages = []
    for each in KINDS[kind]:
        model = each(solver="sgd", learning_rate_init=1e3, max_iter=40)
        with np.errstate(all="ignore"), pytest.raises(ValueError, match="non-finite") as caught:
            quiet(model, 1e4 * X, y)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_early_stopping_keeps_the_best_weights_of_a_fit_that_diverges() -> None:
    kind, y, _ = TARGETS["one target"]
    model = KINDS[kind][1](
        solver="sgd", learning_rate_init=30.0, early_stopping=True, max_iter=8, random_state=0
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(100 * X, y)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.coefs_[0]).all()


@pytest.mark.parametrize("parameters", [{}, {"early_stopping": True}, SOLVERS["adaptive"]])
def test_verbose_prints_the_same_lines(parameters: dict[str, Any], capsys: Any) -> None:
    kind, y, _ = TARGETS["multiclass"]
    given = {"max_iter": 60, "tol": 0.05, "n_iter_no_change": 2, "random_state": 0, "verbose": True}
    lines = []
    for each in KINDS[kind]:
        each(**given | parameters).fit(X, y)
        lines.append(capsys.readouterr().out)
    assert lines[1] == lines[0]
    assert "tol=0.05" in lines[1]


class Interrupt:
    """Ctrl-C in the third epoch."""

    ended_by: Any = None

    def on_epoch_end(self, run: Any) -> None:
        if run.epoch == 3:
            raise KeyboardInterrupt

    def on_fit_end(self, run: Any) -> None:
        self.ended_by = run.exception


def test_ctrl_c_ends_training_with_a_warning() -> None:
    kind, y, _ = TARGETS["binary"]
    model = KINDS[kind][1](callbacks=[Interrupt()])
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, y)
    assert model.n_iter_ == 3
    assert isinstance(model.callbacks[0].ended_by, KeyboardInterrupt)


def test_ctrl_c_in_lbfgs_is_seen_by_callbacks() -> None:
    kind, y, _ = TARGETS["binary"]
    model = KINDS[kind][1](callbacks=[Interrupt()], solver="lbfgs")
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert isinstance(model.callbacks[0].ended_by, KeyboardInterrupt)


def test_losses_are_the_same_bits_however_the_steps_are_cut(monkeypatch: Any) -> None:
    from deltarule._training import runs

    for target, weights in (("counts", None), ("counts", WEIGHTS), ("multiclass", None)):
        kind, y, parameters = TARGETS[target]
        curves = []
        for seconds in (0.0, 1e9):  # a batch a run, and as many as there are
            monkeypatch.setattr(runs, "_RUN_SECONDS", seconds)
            model = KINDS[kind][1](batch_size=7, random_state=0, max_iter=5, **parameters)
            curves.append(quiet(model, X, y, sample_weight=weights).loss_curve_)
        assert curves[0] == curves[1]


def test_ctrl_c_in_the_middle_of_the_steps_does_too() -> None:
    import _thread
    import threading

    begun = threading.Event()

    class Begun:
        def on_fit_begin(self, run: Any) -> None:
            begun.set()

    def interrupt() -> None:
        begun.wait()
        _thread.interrupt_main()

    model = dr.MLPClassifier((300, 300), max_iter=10**6, tol=0.0, n_iter_no_change=np.inf)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.set_params(callbacks=[Begun()]).fit(np.repeat(X, 20, axis=0), np.arange(20 * M) % 2)
    thread.join()
    assert model.n_iter_ < 10**6
    assert np.isfinite(model.predict_proba(X)).all()


# Beyond scikit-learn ------------------------------------------------------------------------------


def quiet(model: Any, X: Any = X, y: Any = None, **arguments: Any) -> Any:
    y = TARGETS["multiclass"][1] if y is None else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y, **arguments)


def test_validation_data_of_ones_own() -> None:
    y = TARGETS["multiclass"][1]
    rest = slice(100, M)
    model = quiet(
        dr.MLPClassifier(max_iter=5, random_state=0),
        X[:100],
        y[:100],
        X_val=X[rest],
        y_val=y[rest],
        sample_weight_val=WEIGHTS[rest],
    )
    plain = quiet(dr.MLPClassifier(max_iter=5, random_state=0), X[:100], y[:100])
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])
    assert len(model.validation_loss_curve_) == len(model.validation_scores_) == 5
    P = model.predict_proba(X[rest])
    losses = -np.log(P[np.arange(30), y[rest]])
    assert model.validation_loss_curve_[-1] == pytest.approx(
        np.average(losses, weights=WEIGHTS[rest])
    )
    assert model.validation_scores_[-1] == model.score(X[rest], y[rest], WEIGHTS[rest])


def test_early_stopping_on_the_loss_keeps_its_best_weights() -> None:
    y = np.random.default_rng(0).integers(0, 2, size=M)  # nothing to learn
    model = dr.MLPClassifier(
        learning_rate_init=0.02, early_stopping=True, scoring="loss", random_state=0, max_iter=200
    )
    model.fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    assert model.n_iter_ < 100
    best = min(model.validation_loss_curve_)
    assert best < model.validation_loss_curve_[-1]
    assert -model.best_validation_score_ == best
    P = model.predict_proba(X[90:])
    assert -np.log(P[np.arange(40), y[90:]]).mean() == pytest.approx(best)


def test_early_stopping_on_any_scorer() -> None:
    y = TARGETS["binary"][1]
    model = quiet(
        dr.MLPClassifier(early_stopping=True, scoring="roc_auc", max_iter=4, random_state=0),
        X[:90],
        y[:90],
        X_val=X[90:],
        y_val=y[90:],
    )
    from sklearn.metrics import roc_auc_score

    area = roc_auc_score(y[90:], model.predict_proba(X[90:])[:, 1])
    assert max(model.validation_scores_) == model.best_validation_score_ == pytest.approx(area)


@pytest.mark.parametrize("name", ["adamw", "nadam", "radam", "rmsprop", "adagrad", "lion"])
def test_optimizers_by_name_are_those_of_the_package(name: str) -> None:
    from deltarule.optimizers import OPTIMIZERS

    model = quiet(dr.MLPClassifier(solver=name, max_iter=3, random_state=0, alpha=0.0))
    as_object = quiet(
        dr.MLPClassifier(solver=OPTIMIZERS[name](1e-3), max_iter=3, random_state=0, alpha=0.0)
    )
    adam = quiet(dr.MLPClassifier(max_iter=3, random_state=0, alpha=0.0))
    np.testing.assert_array_equal(model.coefs_[0], as_object.coefs_[0])
    assert not np.allclose(model.coefs_[0], adam.coefs_[0], atol=1e-8)


def test_an_optimizer_object_is_copied() -> None:
    optimizer = dr.RMSprop(1e-3)
    quiet(dr.MLPClassifier(solver=optimizer, max_iter=2))
    assert optimizer.step == 0
    assert optimizer.state is None


@pytest.mark.parametrize("solver", ["sgd", "adam", "rmsprop"])
def test_a_schedule_goes_with_every_solver(solver: str) -> None:
    stopped = dr.schedules.MultiStep(1e-2, (5,), factor=0.0)  # five steps, an epoch, and no more
    given = {"solver": solver, "batch_size": 26, "random_state": 0, "momentum": 0.0, "alpha": 0.0}
    model = quiet(dr.MLPClassifier(learning_rate=stopped, max_iter=4, **given))
    once = quiet(dr.MLPClassifier(learning_rate_init=1e-2, max_iter=1, **given))
    np.testing.assert_array_equal(model.coefs_[0], once.coefs_[0])


def test_clip_norm_bounds_a_step() -> None:
    given = {"solver": "sgd", "momentum": 0.0, "batch_size": M, "max_iter": 1, "random_state": 0}
    start = quiet(dr.MLPClassifier(learning_rate_init=1e-12, **given)).network_.parameters.copy()
    model = quiet(dr.MLPClassifier(learning_rate_init=1.0, clip_norm=0.01, **given))
    assert np.linalg.norm(model.network_.parameters - start) == pytest.approx(0.01, rel=1e-3)
    model = quiet(dr.MLPClassifier(learning_rate_init=1.0, clip_value=0.001, **given))
    assert np.abs(model.network_.parameters - start).max() == pytest.approx(0.001, rel=1e-3)


def test_l1_makes_weights_small() -> None:
    norms = [
        np.abs(quiet(dr.MLPClassifier(l1=l1, max_iter=60, random_state=0)).coefs_[0]).sum()
        for l1 in (0.0, 20.0)
    ]
    assert norms[1] < 0.8 * norms[0]


def test_dropout_is_for_training_alone() -> None:
    model = quiet(dr.MLPClassifier((16, 8), dropout=[0.5, 0.0], max_iter=3, random_state=0))
    plain = quiet(dr.MLPClassifier((16, 8), max_iter=3, random_state=0))
    again = quiet(dr.MLPClassifier((16, 8), dropout=[0.5, 0.0], max_iter=3, random_state=0))
    assert not np.allclose(model.coefs_[0], plain.coefs_[0], atol=1e-8)
    np.testing.assert_array_equal(model.coefs_[0], again.coefs_[0])
    np.testing.assert_array_equal(model.predict_proba(X), model.predict_proba(X))


def test_callbacks_see_epochs_and_steps_and_may_stop() -> None:
    class Watch:
        every_steps = 2

        def __init__(self) -> None:
            self.costs: list[float] = []

        def on_step_end(self, run: Any) -> None:
            self.costs.append(run.cost)
            assert np.isfinite(run.gradients).all()

        def on_epoch_end(self, run: Any) -> None:
            assert set(run.history) == {"loss", "val_loss", "val_score"}
            if run.epoch == 3:
                run.stop()

    watch = Watch()
    model = dr.MLPClassifier(callbacks=[watch], batch_size=26, random_state=0)
    y = TARGETS["multiclass"][1]
    model.fit(X, y, X_val=X, y_val=y)
    assert model.n_iter_ == 3
    assert len(watch.costs) == 3 * 5 // 2


def test_callbacks_see_the_iterations_of_lbfgs_and_may_stop() -> None:
    class Watch:
        def __init__(self) -> None:
            self.weights: list[Array] = []

        def on_epoch_end(self, run: Any) -> None:
            self.weights.append(run.network.parameters.copy())
            if run.epoch == 4:
                run.stop()

    watch = Watch()
    y = TARGETS["multiclass"][1]
    stopped = dr.MLPClassifier(solver="lbfgs", callbacks=[watch], random_state=0).fit(X, y)
    assert stopped.n_iter_ == len(watch.weights) == 4
    for iterations in (2, 4):  # each is that of a fit that was to end there
        short = quiet(dr.MLPClassifier(solver="lbfgs", max_iter=iterations, random_state=0), X, y)
        np.testing.assert_array_equal(watch.weights[iterations - 1], short.network_.parameters)
    assert stopped.loss_ == short.loss_
    np.testing.assert_array_equal(stopped.coefs_[0], short.coefs_[0])


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_progress_has_a_line_an_epoch(solver: str, capsys: Any) -> None:
    quiet(dr.MLPClassifier(solver=solver, progress=True, max_iter=2))
    assert "epoch 2/2" in capsys.readouterr().err


def test_a_memory_map_is_read_in_windows_and_trains(tmp_path: Any, monkeypatch: Any) -> None:
    from deltarule._data import rows

    monkeypatch.setattr(rows, "WINDOW_BYTES", 40 * X.shape[1] * 8)
    path = tmp_path / "X.npy"
    np.save(path, X)
    mapped = np.load(path, mmap_mode="r")
    let_go: list[Any] = []
    release = rows.Rows.let_go

    def counted(self: Any) -> None:
        let_go.append(self)
        release(self)

    monkeypatch.setattr(rows.Rows, "let_go", counted)
    y = TARGETS["multiclass"][1]
    given = {"batch_size": 10, "max_iter": 60, "random_state": 0, "learning_rate_init": 0.01}
    model = quiet(dr.MLPClassifier(**given), mapped, y)
    assert len(let_go) >= 4 * 60  # four windows an epoch
    assert model.score(X, y) > 0.8
    let_go.clear()
    quiet(dr.MLPClassifier(solver="lbfgs", max_iter=20), mapped, y)
    assert len(let_go) > 20
